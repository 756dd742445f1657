"""The Redis of the run, and a place in it that no other test uses."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from services.runtime.murmur import partition_of
from services.runtime.remember import Place, Remembered
from tests.support.stack import RealRedis, redis_server
from tests.support.wire import PARTITIONS

__all__ = ["redis_server"]
_NUMBERS = count()


@pytest.fixture
def remembered(redis_server: RealRedis) -> Remembered:
    """Folds are remembered here."""
    return Remembered(redis_server.url)


@pytest.fixture
def place() -> Place:
    """Where the partition of the license cn-1 is remembered."""
    number = partition_of(b"cn-1", PARTITIONS)
    return Place(f"test-{next(_NUMBERS)}", "licenses", "topic", number, "ledger", 1)


@pytest.fixture
def client(redis_server: RealRedis, place: Place) -> Iterator[Any]:
    """A plain client, with which to spoil what is remembered; cleans up after itself."""
    with redis_server.client() as connected:
        yield connected
        for key in connected.scan_iter(f"{place.key}*"):
            connected.delete(key)
