"""Kafka: the jars a local broker needs, and the topics on any broker."""
