"""Where the time goes: each stage's own work per order, in one process, without broker or Redis.

`python -m tests.bench.stages [--profile STAGE]`: orders of `make bench`'s mix pass through decode,
judge and encode of every stage as the services run them; the fold's remembered state is serialised
as for Redis. The last line is one JSON object of microseconds an order, the least of three runs.
"""

import argparse
import cProfile
import gc
import json
import pstats
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from schemas.fold import Fold, Partition
from schemas.licenses import LicenseGranted
from schemas.texts import LineTexts
from schemas.topics import CHECKS, CLASSIFIED, LICENSES, ORDERS
from services.classification.orders import NO_PRODUCTS, Classifier
from services.classification.service import judge_of
from services.cli.demo_run import raw_or_event
from services.cli.license_files import LISTS
from services.generator.scenario import Scenario
from services.hold_release.gate import Gate
from services.license_check import ledger
from services.license_check.book import LICENSE, License
from services.license_check.determine import Book, Rules, book_of
from services.license_check.service import judge_with
from services.runtime.client import record
from services.runtime.codec import Raw, Read, Send, read
from services.runtime.memory import Memory
from services.runtime.murmur import partition_of
from services.runtime.packs import load_packs
from services.runtime.policies import read_ladder
from services.runtime.stage import output_of
from tests.bench.pipeline import todays

PARTITIONS = 12
BATCH = 100
REPEATS = 3
"""Orders that pass a stage together; state is remembered after each such batch."""
Judge = Callable[[Read], list[Send]]


class Logs:
    """Appended records, by topic, not yet read."""

    def __init__(self) -> None:
        self._next: dict[tuple[str, int], int] = defaultdict(int)
        self.waiting: dict[str, list[Raw]] = defaultdict(list)

    def append(self, send: Send) -> None:
        """Append one record as the broker would."""
        at = partition_of(send.key or b"", PARTITIONS) if send.partition < 0 else send.partition
        offset = self._next[send.topic, at]
        self._next[send.topic, at] = offset + 1
        now = int(time.time() * 1000)
        raw = Raw(send.topic, at, offset, send.key, send.value, send.headers, now)
        self.waiting[send.topic].append(raw)

    def take(self, topic: str) -> list[Raw]:
        """Read what waits."""
        taken, self.waiting[topic] = self.waiting[topic], []
        return taken


class Timed:
    """One stage: its parts, and what they cost."""

    def __init__(self, name: str, topic: str, judge: Judge, remember: Callable[[], None]) -> None:
        self.name, self.topic = name, topic
        self._judge, self._remember = judge, remember
        self.spent: dict[str, float] = defaultdict(float)
        self.profile: cProfile.Profile | None = None

    def run(self, logs: Logs) -> None:
        """Read, judge and write everything that waits."""
        raws = logs.take(self.topic)
        if self.profile is not None:
            self.profile.enable()
        began = time.perf_counter()
        reads = [read(raw, PARTITIONS) for raw in raws]
        decoded = time.perf_counter()
        sends = [send for one in reads for send in self._judge(one)]
        judged = time.perf_counter()
        self._remember()
        remembered = time.perf_counter()
        if self.profile is not None:
            self.profile.disable()
        self.spent["decode"] += decoded - began
        self.spent["judge_and_encode"] += judged - decoded
        self.spent["remember"] += remembered - judged
        for send in sends:
            logs.append(send)


class Folded:
    """A fold as `runtime.folded` runs it, without Redis."""

    def __init__(self, fold: Fold, source: str) -> None:
        self._fold, self._source = fold, source
        self.memories = {at: Memory(partition=Partition(at)) for at in range(PARTITIONS)}

    def judge(self, one: Read) -> list[Send]:
        """Fold one record."""
        outputs = self.memories[one.raw.partition].fold(self._fold, one)
        return [output_of(one, output, self._source) for output in outputs]

    def remember(self) -> None:
        """Serialise what changed."""
        for memory in self.memories.values():
            memory.take_changes()


def stages() -> list[Timed]:
    """Build the four stages as the services wire them."""
    gate = Folded(Gate(time_basis="log"), "/exportgate/gate")
    book = Folded(ledger.fold, "/exportgate/ledger")
    classify = judge_of(
        Classifier(load_packs()), lambda: NO_PRODUCTS, event_basis=False, texts=LineTexts()
    )
    determine = judge_with(
        _current(book), Rules(require_screening=False, event_basis=False, ladder=read_ladder())
    )
    nothing = lambda: None  # noqa: E731 - a sensor remembers nothing
    return [
        Timed("classification", ORDERS.name, _sensor(classify), nothing),
        Timed("determine", CLASSIFIED.name, _sensor(determine), nothing),
        Timed("gate", CHECKS.name, gate.judge, gate.remember),
        Timed("ledger", LICENSES.name, book.judge, book.remember),
    ]


def _sensor(judge: Any) -> Judge:
    return lambda one: [output_of(one, out, "/exportgate/bench") for out in judge(one.record)]


def _current(ledger_: Folded) -> Callable[[], Book]:
    kept: list[Book] = []

    def current() -> Book:
        if not kept:
            roots = [
                aggregate[LICENSE]
                for memory in ledger_.memories.values()
                for aggregate in memory.aggregates.values()
            ]
            kept.append(book_of([root for root in roots if isinstance(root, License)], {}))
        return kept[0]

    return current


def import_licenses(logs: Logs, made: Scenario) -> None:
    """Write the scenario's license book."""
    for row in made.licenses:
        listed = {k: v.split(";") if k in LISTS else v for k, v in row.items()}
        terms = LicenseGranted.model_validate(listed)
        now = datetime.now(UTC)
        logs.append(record(LICENSES, terms.license_id, terms, event_id=terms.license_id, time=now))


def run(made: Scenario, chain: list[Timed], logs: Logs) -> None:
    """Pass a scenario through, batch by batch, each to its end."""
    sends = [raw_or_event(event) for event in made.events]
    for start in range(0, len(sends), BATCH):
        for send in sends[start : start + BATCH]:
            logs.append(send)
        while any(logs.waiting[stage.topic] for stage in chain):
            for stage in chain:
                stage.run(logs)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--count", type=int, default=2000)
    options.add_argument("--profile", help="print cProfile's view of one stage")
    asked = options.parse_args()
    gc.disable()  # as the services do (services.runtime.garbage)
    logs, chain = Logs(), stages()
    import_licenses(logs, todays(asked.seed, 1))
    chain[3].run(logs)
    run(todays(asked.seed + 1, 300), chain, logs)
    best: dict[str, dict[str, float]] = {}
    for repeat in range(REPEATS):
        for stage in chain:
            stage.spent.clear()
            stage.profile = cProfile.Profile() if stage.name == asked.profile else None
        run(todays(asked.seed + 2 + repeat, asked.count), chain, logs)
        for stage in chain:
            mine = best.setdefault(stage.name, {})
            for part, spent in stage.spent.items():
                us = round(1e6 * spent / asked.count, 1)
                mine[part] = min(us, mine.get(part, us))
    for stage in chain:
        if stage.profile is not None:
            pstats.Stats(stage.profile, stream=sys.stderr).sort_stats("cumulative").print_stats(60)
    total = round(sum(sum(parts.values()) for parts in best.values()), 1)
    sys.stdout.write(json.dumps({"us_per_order": best, "total": total}) + "\n")


if __name__ == "__main__":
    main()
