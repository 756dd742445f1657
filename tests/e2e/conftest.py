"""Fixtures of the real brokers."""

from tests.support.stack import flushed_redis, fresh_topics, kafka, redis_server

__all__ = ["flushed_redis", "fresh_topics", "kafka", "redis_server"]
