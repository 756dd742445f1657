"""What-if over several processes: what was said, what stands alone, then the two courses."""

import gc
import heapq
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

from schemas.topics import LICENSES, ORDERS, PARTITIONS, Topic
from services.replay import in_order
from services.replay.apart import Apart, set_apart
from services.replay.impact import impact, report
from services.replay.inputs import (
    COMMON,
    OF_ORDERS,
    Spool,
    Word,
    heard,
    in_time,
    outside,
    spool,
    word_of,
    words_in,
)
from services.replay.reading import Archive, open_archive
from services.replay.simulate import Input
from services.replay.stages import GateSettings
from services.replay.what_if import Course, Scenario, course_of, packs_of
from services.replay.workers import Counter, Workers
from services.runtime.murmur import partition_of

Scenarios = tuple[Scenario, Scenario]
Told = Callable[[str, int, int], None]
"""Told (what is under way, words done, words in all)."""


@dataclass(frozen=True, slots=True)
class Words:
    """What was said from outside, in files: of all orders, and by partition of orders."""

    common: list[Spool]
    of_orders: list[Spool]

    @property
    def count(self) -> int:
        """How many words there are."""
        return sum(each.words for each in (*self.common, *self.of_orders))

    def span(self) -> tuple[int, int]:
        """When the first and the last was said (ms)."""
        every = [each for each in (*self.common, *self.of_orders) if each.words]
        return min(each.first_ms for each in every), max(each.last_ms for each in every)


@dataclass(frozen=True, slots=True)
class Job:
    """What each process is to know."""

    scenarios: Scenarios
    settings: GateSettings
    folder: Path
    end_ms: int


def words_of_archive(archive: Archive, folder: Path, processes: int, told: Told) -> Words:
    """Spool what an archive holds. Raises ArchiveError where it is damaged."""
    common = [(topic, at) for topic in COMMON for at in range(archive.partitions(topic.name))]
    places: list[tuple[tuple[Topic, ...], int]] = [((topic,), at) for topic, at in common]
    places += [(OF_ORDERS, at) for at in range(archive.partitions(ORDERS.name))]
    given = [(archive.root, topics, at, folder / f"words-{number}")
             for number, (topics, at) in enumerate(places)]  # fmt: skip
    with Workers(processes, lambda: None) as workers:
        spools = workers.all(_spooled, given)
    told("reading", len(places), len(places))
    return Words(spools[: len(common)], spools[len(common) :])


def _spooled(root: Path, topics: tuple[Topic, ...], at: int, path: Path) -> Spool:
    gc.disable()
    return spool(path, outside(open_archive(root), topics, (at,)))


def words_of_file(said: Iterable[Input], folder: Path) -> Words:
    """Spool what a file of order events says."""
    shares: list[list[Word]] = [[] for _ in range(PARTITIONS)]
    for number, each in enumerate(in_time(list(said))):
        shares[partition_of(each.key.encode(), PARTITIONS)].append(word_of(each, number))
    return Words([], [spool(folder / f"words-{at}", share) for at, share in enumerate(shares)])


def compared(
    words: Words,
    scenarios: Scenarios,
    settings: GateSettings,
    folder: Path,
    processes: int,
    told: Told,
) -> dict[str, Any]:
    """Compare two courses; the folder holds what passes between the processes."""
    first_ms, end_ms = words.span()
    for scenario in scenarios:
        packs_of(scenario)  # before the processes begin, as copies
    job = Job(scenarios, settings, folder, end_ms)
    apart, concerned, goods = Apart(), [], []
    with _workers(job, processes, "sorting out", words.count, told) as workers:
        given = [(job, words.common, spooled) for spooled in words.of_orders]
        for found, left, theirs in workers.all(_apart, given):
            apart.add(found)
            concerned.append(left)
            goods.append(theirs)
    both = [*words.common, *concerned]
    count = 2 * sum(each.words for each in both)
    with _workers(job, processes, "simulating", count, told) as workers:
        (one, was), (two, would) = workers.all(_course, [(job, at, both) for at in range(2)])
    first, end = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (first_ms, end_ms))
    for course in (one, two):
        course.first, course.last = first, end
    each = heapq.merge(*map(in_order.read, goods), key=itemgetter(0))
    differing = impact(in_order.read(was), in_order.read(would), each, end)
    return report((one, two), differing, apart, (scenarios[0].name, scenarios[1].name))


@contextmanager
def _workers(job: Job, processes: int, what: str, count: int, told: Told) -> Iterator[Workers]:
    def look() -> None:
        told(what, sum(int(f.read_bytes() or b"0") for f in job.folder.glob("done-*")), count)

    for left in job.folder.glob("done-*"):
        left.unlink()
    with Workers(processes, look) as workers:
        yield workers


def _apart(job: Job, common: list[Spool], own: Spool) -> tuple[Apart, Spool, Path]:
    """Decide what stands alone of one partition; put the words and goods of the rest by."""
    gc.disable()
    counter = Counter(job.folder / f"done-{own.path.name}")
    products = (word for each in common for word in words_in(each) if word[1] != LICENSES.name)
    words = heapq.merge(sorted(products), words_in(own))
    found = set_apart(job.scenarios, words, job.settings, job.end_ms)
    counter.add(own.words)
    rest = (word for word in words_in(own) if word[2] in found.concerned)
    left = spool(own.path.with_name(f"concerned-{own.path.name}"), rest)
    own.path.unlink()
    goods = in_order.write(own.path.with_name(f"goods-{own.path.name}"), found.goods)
    found.goods, found.concerned = {}, set()
    gc.collect(0)  # young are all that came since the last time
    return found, left, goods


def _course(job: Job, at: int, spools: list[Spool]) -> tuple[Course, Path]:
    """Simulate one course; what came of its orders is put by."""
    gc.disable()
    counter = Counter(job.folder / f"done-{at}")
    inputs = map(heard, heapq.merge(*map(words_in, spools)))
    course = course_of(job.scenarios[at], inputs, job.settings, counter.add, job.end_ms)
    runs = in_order.write(job.folder / f"runs-{at}", course.runs)
    course.runs = {}
    return course, runs
