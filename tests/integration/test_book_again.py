"""Redis comes back empty or old: nobody takes the first pages of a book for the whole of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from schemas.base import Model
from schemas.topics import LICENSES
from services.license_check import ledger
from services.license_check.book import License
from services.license_check.service import decode, due
from services.runtime.book import BookReader
from services.runtime.client import record
from services.runtime.codec import Raw, Read, read
from services.runtime.errors import Unavailable
from services.runtime.folded import Folded, Folding
from services.runtime.murmur import partition_of
from services.runtime.remember import Place, Remembered
from tests.support import builders as make
from tests.support.stack import RealRedis

AT = 0
PLACE = Place("c", LICENSES.name, "t", AT, "ledger", 1)


class NoLog:
    """A log in which nothing can be looked up: what Redis has must do."""

    def one(self, topic: str, partition: int, offset: int) -> None:
        """Find nothing."""


def reads(number: int) -> list[Read]:
    """Licenses that all stand in one partition, in its order."""
    names = (f"cn-{at}" for at in range(10_000))
    here = (n for n in names if partition_of(n.encode(), LICENSES.partitions) == AT)
    found = []
    for offset in range(number):
        name = next(here)
        send = record(LICENSES, name, make.license_granted(name), event_id=name, time=make.T0)
        raw = Raw(LICENSES.name, AT, offset, send.key, send.value, send.headers, 1_780_000_000_000)
        found.append(read(raw, LICENSES.partitions))
    assert not any(one.unreadable for one in found)
    return found


def ledger_stage(remembered: Remembered) -> Folded:
    """The ledger, on one partition."""
    reader: Any = NoLog()
    return Folded(
        name="ledger", topic=LICENSES, partitions=LICENSES.partitions,
        folding=Folding(fold=ledger.fold, decode=decode, due=due), remembered=remembered,
        reader=reader, place_of=lambda at: PLACE,
    )  # fmt: skip


def book(remembered: Remembered) -> BookReader[License]:
    """A new reader of the book."""

    def licence(name: str, value: bytes) -> License:
        del name
        return License.model_validate_json(value)

    return BookReader(remembered, [PLACE], licence)


def names(reader: BookReader[License]) -> set[str]:
    """The licenses in it."""
    reader.refresh()
    return {each.license_id for each in reader.entities()}


@pytest.fixture
def remembered(flushed_redis: RealRedis) -> Iterator[Remembered]:
    yield Remembered(flushed_redis.url)


def test_an_empty_log_is_an_empty_book_at_once(remembered: Remembered) -> None:
    stage = ledger_stage(remembered)
    stage.gained(AT, None, 0, 0)
    stage.remember()

    assert names(book(remembered)) == set()


@pytest.mark.parametrize("committed", [None, 3])
def test_a_book_is_not_shown_before_it_is_folded_again(
    committed: int | None, remembered: Remembered
) -> None:
    records = reads(3)
    stage = ledger_stage(remembered)
    assert stage.gained(AT, committed, 0, 3) == 0

    for known in range(3):
        stage.remember()
        with pytest.raises(Unavailable):
            book(remembered).refresh()
        assert stage.committable() == {}, f"after {known} records"
        stage.handle(records[known : known + 1])

    stage.remember()
    assert len(names(book(remembered))) == 3
    assert stage.committable() == {AT: 3}


def test_what_was_remembered_and_not_committed_is_committed_by_the_next(
    remembered: Remembered,
) -> None:
    before = ledger_stage(remembered)
    before.gained(AT, None, 0, 0)
    before.handle(reads(3))
    before.remember()

    after = ledger_stage(remembered)
    assert after.gained(AT, 1, 0, 3) == 3

    assert after.committable() == {AT: 3}


def test_a_reader_does_not_follow_a_book_that_went_back(
    remembered: Remembered, flushed_redis: RealRedis
) -> None:
    records = reads(3)
    stage = ledger_stage(remembered)
    stage.gained(AT, None, 0, 0)
    stage.handle(records[:1])
    stage.remember()
    with flushed_redis.client() as client:
        old = {key: client.dump(key) for key in client.keys("*")}
        stage.handle(records[1:])
        stage.remember()
        reader = book(remembered)
        assert len(names(reader)) == 3

        client.flushall()
        for key, value in old.items():
            client.restore(key, 0, value)

    with pytest.raises(Unavailable, match="went back"):
        reader.refresh()


def test_what_redis_lost_is_folded_again_before_it_is_shown(
    remembered: Remembered, flushed_redis: RealRedis
) -> None:
    records: list[Read] = reads(3)
    before = ledger_stage(remembered)
    before.gained(AT, None, 0, 0)
    before.handle(records)
    before.remember()
    reader = book(remembered)
    known: set[str] = names(reader)
    with flushed_redis.client() as client:
        client.flushall()

    after = ledger_stage(remembered)
    after.gained(AT, 3, 0, 3)
    after.handle(records[:2])
    after.remember()
    with pytest.raises(Unavailable):
        reader.refresh()
    after.handle(records[2:])
    after.remember()

    assert names(reader) == known
    assert all(isinstance(each, Model) for each in reader.entities())
