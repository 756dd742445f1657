"""Against real brokers and real processes."""
