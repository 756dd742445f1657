"""What others rely on: documents, examples, and what both brokers promise us."""
