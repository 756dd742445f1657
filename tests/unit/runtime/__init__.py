"""What remembers, reads and guards."""
