"""The folds on simulated logs, with seeded faults."""
