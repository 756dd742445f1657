"""Everything that touches the outside: Kafka, Redis, clocks, HTTP, files, processes."""
