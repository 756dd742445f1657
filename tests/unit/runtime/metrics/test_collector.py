"""The collector reads memories while they are written, and says when it last did."""

import threading
import time

from schemas.fold import Partition
from schemas.topics import CHECKS
from services.license_check.book import License
from services.runtime.errors import Unavailable
from services.runtime.memory import Memory
from services.runtime.metrics import collector
from services.runtime.metrics.collector import View, expect, sample, settled_look
from services.runtime.metrics.dependencies import answers
from tests.unit.runtime.metrics.reading import series, shown


class Stage:
    """A stage as the collector sees it."""

    name = "gate"
    topic = CHECKS

    def __init__(self, *memories: Memory) -> None:
        self.stopped: set[int] = set()
        self.seen: list[int] = []
        self.remembering = memories

    def measure(self, view: View) -> None:
        self.seen.append(sum(1 for _ in view.roots()))


def memory(count: int) -> Memory:
    made = Memory(Partition(0))
    for number in range(count):
        made.aggregates[str(number)] = {"": License(license_id=str(number))}
    return made


def test_a_memory_may_grow_and_shrink_while_it_is_looked_at() -> None:
    made, over = memory(2_000), threading.Event()

    def write() -> None:
        number = 0
        while not over.is_set():
            number += 1
            made.aggregates[f"new-{number}"] = {"": License(license_id="new")}
            made.aggregates.pop(f"new-{number - 50}", None)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        stage = Stage(made)
        for _ in range(5):
            sample(stage)
    finally:
        over.set()
        writer.join()

    assert all(2_000 <= count <= 2_100 for count in stage.seen)


def test_duplicates_are_taken_once() -> None:
    made = memory(1)
    made.redelivered, made.without_effect = 3, 2
    before = series("exportgate_duplicates_dropped_total")
    for _ in range(2):
        sample(Stage(made))

    after = series("exportgate_duplicates_dropped_total")
    for cause, count in (("delivered_again", 3), ("no_effect", 2)):
        assert after[cause, "gate"] - before.get((cause, "gate"), 0) == count


def test_it_says_when_it_last_looked_and_what_is_being_folded_again() -> None:
    again = memory(1)
    again.whole_from = 10
    sample(Stage(again, memory(1)))

    assert time.time() - shown("exportgate_sampled_timestamp_seconds", stage="gate") < 5
    assert shown("exportgate_refolding_partitions", stage="gate") == 1


def test_what_must_stay_0_is_shown_as_0() -> None:
    expect(Stage())

    assert ("gate",) in series("exportgate_fenced_writes_total")
    assert {("log", "gate"), ("snapshot", "gate")} <= set(series("exportgate_refolds_total"))
    assert {kind for (kind,) in series("exportgate_breaches_total")} >= set(collector.BREACH_KINDS)
    assert set(series("exportgate_invariant_violations_total")) == {("I2",), ("I3",), ("I4",)}


def test_a_look_that_is_wrong_for_a_moment_is_not_wrong() -> None:
    said = iter([True, True, False])
    assert not settled_look(lambda: next(said))
    assert settled_look(lambda: True)


def test_a_dependency_that_does_not_answer_is_down() -> None:
    def silent() -> None:
        raise Unavailable("no answer")

    assert answers(lambda: None)
    assert not answers(silent)
