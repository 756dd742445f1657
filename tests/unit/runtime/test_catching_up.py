"""Who waits for a partition that is being folded again is told how far it is, now and then."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas.fold import Partition
from schemas.topics import LICENSES
from services.license_check import ledger
from services.license_check.book import LICENSE, License
from services.runtime.catching_up import CatchingUp
from services.runtime.codec import Raw
from services.runtime.folded import Folded, Folding
from services.runtime.memory import Memory, field_of
from services.runtime.remember import Decode, Place, Remembered
from services.runtime.source import Reader
from tests.support.builders import T0, license_granted
from tests.support.wire import reading


class Waiting:
    """A partition of a thousand records that was committed whole, from its hundredth on."""

    def __init__(self, offset: int = 100) -> None:
        self.now: datetime = T0
        self.memory = Memory(partition=Partition(3), offset=offset, whole_from=1_000)
        self.told = CatchingUp("ledger", lambda: self.now)
        self.told.began(3, self.memory)

    def after(self, seconds: float, offset: int) -> list[Any]:
        """Fold up to an offset by a moment, and take what is said then."""
        self.now = T0 + timedelta(seconds=seconds)
        self.memory.offset = offset
        with capture_logs() as said:
            self.told.look({3: self.memory})
        return list(said)


def test_a_line_says_what_is_done_and_left_and_how_long_it_takes() -> None:
    [line] = Waiting().after(3, 400)

    assert line == {
        "event": "folding again", "log_level": "info", "stage": "ledger", "partition": 3,
        "done": 300, "left": 600, "per_second": 100, "seconds_left": 6,
    }  # fmt: skip


def test_no_line_comes_within_two_seconds_of_the_last() -> None:
    waiting = Waiting()

    said = [waiting.after(at, 200 + round(at)) for at in (1.9, 2, 3.9, 4)]

    assert [len(lines) for lines in said] == [0, 1, 0, 1]


def test_that_it_caught_up_is_said_at_once_and_once() -> None:
    waiting = Waiting()

    [line] = waiting.after(0.5, 1_050)
    assert (line["event"], line["done"], line["left"]) == ("caught up", 950, 0)
    assert not waiting.after(10, 1_100)


def test_a_partition_that_stands_where_it_was_known_to_has_nothing_to_say() -> None:
    assert not Waiting(offset=1_000).after(10, 1_000)


def test_nothing_is_said_of_a_partition_that_is_another_s_by_now() -> None:
    waiting = Waiting()
    waiting.now += timedelta(seconds=5)

    with capture_logs() as said:
        waiting.told.look({})
        waiting.told.look({3: waiting.memory})

    assert not said


def test_nothing_done_yet_has_no_rate() -> None:
    [line] = Waiting().after(2, 100)

    assert (line["per_second"], line["seconds_left"]) == (0, None)


class OldRedis(Remembered):
    """A Redis that has nothing, or what was once so, and is written nothing."""

    def __init__(self, memory: Memory | None = None) -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self._memory = memory

    def load(self, place: Place, decode: Decode) -> Memory | None:
        del place, decode
        return self._memory

    def stands_at(self, place: Place) -> str:
        del place
        return ""

    def stand_at(self, places: list[Place]) -> list[str]:
        return [""] * len(places)


class NoRecords(Reader):
    """A log of which no single record can be had, as where a broker's own stands."""

    def __init__(self) -> None:
        pass

    def one(self, topic: str, partition: int, offset: int) -> Raw | None:
        del topic, partition, offset
        return None


def stage_of(redis: Remembered, clock: Callable[[], datetime]) -> Folded:
    """A ledger over this Redis, each of whose licenses was over when the tests' log began."""
    nothing: Any = None
    return Folded(
        name="ledger", topic=LICENSES, partitions=12, remembered=redis, reader=NoRecords(),
        folding=Folding(fold=ledger.fold, decode=nothing, due=lambda _: [("license_expired", T0)]),
        place_of=lambda at: Place("c", LICENSES.name, "t", at, "ledger", 1), clock=clock,
    )  # fmt: skip


def test_the_stage_says_it_of_a_partition_that_redis_had_lost() -> None:
    moments = iter((T0, T0 + timedelta(seconds=3)))
    stage = stage_of(OldRedis(), lambda: next(moments))

    with capture_logs() as said:
        stage.gained(5, 1_000, 0, 1_000)
        stage.remember()

    assert [line["event"] for line in said] == ["refolding from the log", "folding again"]
    assert (said[-1]["partition"], said[-1]["left"]) == (5, 1_000)


@pytest.mark.parametrize(("committed", "told"), [(500, 1), (501, 0)])
def test_a_deadline_is_told_only_where_its_event_cannot_stand_further_on(
    committed: int, told: int
) -> None:
    memory = Memory(partition=Partition(5), offset=500)
    memory.put(field_of("cn-1", LICENSE), License(license_id="cn-1"), digest=1)
    stage = stage_of(OldRedis(memory), lambda: T0 + timedelta(hours=1))

    stage.gained(5, committed, 0, 1_000)

    assert len(stage.due()) == told


def test_what_it_waits_for_is_known_with_the_record_that_catches_up() -> None:
    one = reading(license_granted(), "cn-1", LICENSES.name)
    stage = stage_of(OldRedis(), lambda: T0 + timedelta(hours=1))
    stage.gained(one.raw.partition, 1, 0, 1)

    stage.handle([one])

    assert len(stage.due()) == 1
