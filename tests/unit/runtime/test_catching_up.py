"""Who waits for a partition that is being folded again is told how far it is, now and then."""

from datetime import datetime, timedelta
from typing import Any

from structlog.testing import capture_logs

from schemas.fold import Partition
from schemas.topics import CHECKS
from services.runtime.catching_up import CatchingUp
from services.runtime.folded import Folded, Folding
from services.runtime.memory import Memory
from services.runtime.remember import Decode, Place, Remembered
from tests.support.builders import T0


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


class EmptyRedis(Remembered):
    """A Redis that has nothing, and is written nothing while the log is folded again."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1/0")

    def load(self, place: Place, decode: Decode) -> Memory | None:
        del place, decode
        return None

    def stands_at(self, place: Place) -> str:
        del place
        return ""

    def stand_at(self, places: list[Place]) -> list[str]:
        return [""] * len(places)


def test_the_stage_says_it_of_a_partition_that_redis_had_lost() -> None:
    moments, nothing = iter((T0, T0 + timedelta(seconds=3))), None
    stage = Folded(
        name="gate", topic=CHECKS, partitions=12, remembered=EmptyRedis(), reader=nothing,  # type: ignore[arg-type]
        folding=Folding(fold=nothing, decode=nothing, due=lambda entity: []),  # type: ignore[arg-type]
        place_of=lambda at: Place("c", CHECKS.name, "t", at, "gate", 1),
        clock=lambda: next(moments),
    )  # fmt: skip

    with capture_logs() as said:
        stage.gained(5, 1_000, 0, 1_000)
        stage.remember()

    assert [line["event"] for line in said] == ["refolding from the log", "folding again"]
    assert (said[-1]["partition"], said[-1]["left"]) == (5, 1_000)
