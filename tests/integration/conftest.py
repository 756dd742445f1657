"""Fixtures of the real brokers; what uses them carries the mark `real`."""

import pytest

from tests.support.stack import flushed_redis, fresh_topics, kafka, redis_server

__all__ = ["flushed_redis", "fresh_topics", "kafka", "redis_server"]

REAL = {"kafka", "redis_server"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark by use, so that no test forgets it."""
    for item in items:
        if REAL & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.real)
