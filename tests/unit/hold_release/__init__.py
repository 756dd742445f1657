"""The gate, event by event."""
