"""The whole gate in one process, on logs that exist only while they are read.

Every stage answers a record before the next is taken; log time is the time of the inputs, and
deadlines fall due in between. No broker, no Redis, no clock: equal inputs, equal decisions.
"""

import heapq
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from schemas.base import Model
from schemas.checks import DeadlineDue, Rate
from schemas.envelope import Output, Recorded, derived_id
from schemas.fold import FORGET_EVERY, Partition
from schemas.texts import LineTexts
from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, LICENSES, ORDERS, PARTITIONS
from services.classification.orders import Classifier, Products
from services.hold_release.state import OrderState
from services.license_check.book import License
from services.license_check.determine import Book
from services.license_check.ladder import Ladder
from services.replay import stages
from services.replay.cold import ColdEntities, Packer
from services.replay.forgetting import Fading
from services.replay.stages import ROOT, FoldStage, GateSettings
from services.runtime.murmur import partition_of
from services.runtime.policies import read_ladder

STEPS_MAX: Final = 100_000
"""Records that one input may lead to; more is a loop in the stages."""
RECENT_MAX: Final = 4_000
"""Orders kept as objects; those touched longest ago are packed first."""


@dataclass(frozen=True, slots=True)
class Input:
    """What somebody outside says. `cause` is a place in a log, where there is one."""

    topic: str
    key: str
    event: Model
    id: str
    source: str
    time: datetime
    at: datetime
    """When the log takes it."""


Keep = Callable[[Recorded[Any], Output, Recorded[Any] | None, str], Recorded[Any]]
"""Told of every record: (as it would stand, output, its cause, source); what it returns is read."""


class Orders:
    """The gate's memory of years: recent orders as objects, the others as the bytes they are."""

    def __init__(self) -> None:
        """Know nothing."""
        self._recent: OrderedDict[str, Model] = OrderedDict()
        self._resting: dict[str, bytes] = {}
        self._packer = Packer()

    def of(self, key: str) -> dict[str, Model]:
        """The aggregate of an order, as the fold takes it."""
        state = self.state(key)
        return {} if state is None else {ROOT: state}

    def state(self, key: str) -> Model | None:
        """What is known of an order."""
        found = self._recent.get(key)
        if found is None and (resting := self._resting.get(key)) is not None:
            found = OrderState.model_validate_json(self._packer.unpack(resting))
        return found

    def put(self, key: str, changes: Mapping[str, Model | None]) -> None:
        """Take what a step changed."""
        state = changes.get(ROOT)
        if state is None:
            return
        self._resting.pop(key, None)
        self._recent[key] = state
        self._recent.move_to_end(key)
        if len(self._recent) > RECENT_MAX:
            idle, old = self._recent.popitem(last=False)
            text = old.model_dump_json(exclude_none=True).encode()
            self._resting[idle] = self._packer.pack(text)

    def drop(self, key: str, name: str = ROOT) -> None:
        """Forget an order."""
        del name
        self._recent.pop(key, None)
        self._resting.pop(key, None)


class Books:
    """The ledger's memory: every license with its reservations, of which few are touched again."""

    def __init__(self) -> None:
        """Know nothing."""
        self.aggregates: dict[str, ColdEntities] = {}

    def of(self, key: str) -> Mapping[str, Model]:
        """The aggregate of a license, as the fold takes it."""
        found = self.aggregates.get(key)
        return {} if found is None else found

    def state(self, key: str) -> Model | None:
        """What is known of a license."""
        return self.of(key).get(ROOT)

    def put(self, key: str, changes: Mapping[str, Model | None]) -> None:
        """Take what a step changed."""
        aggregate = self.aggregates.setdefault(key, ColdEntities())
        for name, entity in changes.items():
            aggregate.put(name, entity)

    def drop(self, key: str, name: str) -> None:
        """Forget an entity of a license."""
        self.aggregates[key].put(name, None)


@dataclass(slots=True)
class Folding:
    """A fold in memory: aggregates, partitions, and the deadlines that are waited for."""

    stage: FoldStage
    memory: Orders | Books
    partitions: dict[int, Partition] = field(default_factory=dict)
    waiting: list[tuple[datetime, str, str]] = field(default_factory=list)
    noted: dict[str, dict[str, datetime]] = field(default_factory=dict)
    fading: dict[int, Fading] = field(default_factory=dict)

    def take(self, record: Recorded[Any]) -> tuple[Output, ...]:
        """Fold one record."""
        key = record.key
        partition = self.partitions.get(record.partition)
        if partition is None:
            partition = Partition(record.partition)
            self.fading[record.partition] = Fading(self.stage.forget)
        fading = self.fading[record.partition]
        if record.offset % FORGET_EVERY == 0:
            for over in fading.over(partition, lambda key, name: self.memory.of(key).get(name)):
                self.memory.drop(*over)
        aggregate = self.memory.of(key)
        step = self.stage.fold(aggregate, record, partition.at(record.logged_at))
        self.partitions[record.partition] = step.partition
        if step.changes:
            self.memory.put(key, step.changes)
            fading.note(key, step.changes)
            self._note(key, self.memory.state(key))
        return tuple(step.outputs)

    def _note(self, key: str, root: Model | None) -> None:
        found = dict(self.stage.due(root)) if root is not None else {}
        noted = self.noted.get(key, {})
        for name, due in found.items():
            if noted.get(name) != due:
                heapq.heappush(self.waiting, (due, key, name))
        if found:
            self.noted[key] = found
        else:
            self.noted.pop(key, None)

    def next_due(self) -> tuple[datetime, str, str] | None:
        """The earliest deadline that still stands."""
        while self.waiting:
            due, key, name = self.waiting[0]
            if self.noted.get(key, {}).get(name) == due:
                return self.waiting[0]
            heapq.heappop(self.waiting)
        return None

    def fired(self, key: str, name: str) -> None:
        """Wait no longer for a deadline; the fold was told."""
        heapq.heappop(self.waiting)
        self.noted.get(key, {}).pop(name, None)


class Simulation:
    """Simulated topics and the stages between them."""

    def __init__(
        self,
        classifier: Classifier,
        settings: GateSettings,
        *,
        ladder: Ladder | None = None,
        keep: Keep | None = None,
        partitions: int = PARTITIONS,
    ) -> None:
        """Start with empty logs. Without a `ladder` that of this release is followed."""
        self.settings = settings
        self.orders, self.books = Orders(), Books()
        self.gate = Folding(stages.gate_stage(settings), self.orders)
        self.ledger = Folding(stages.ledger_stage(), self.books)
        self._partitions = partitions
        self._keep = keep
        texts = LineTexts()  # the gate keeps what was determined as it was written
        self._classify_with = stages.classification(
            classifier, lambda: self.products, settings, texts if keep is not None else None
        )
        self._determine_with = stages.determination(
            self.book, settings.rules(ladder or read_ladder()), lambda: self.rates, texts
        )
        self.rates: tuple[Rate, ...] = ()
        self.products = Products()
        self._ends: dict[tuple[str, int], int] = defaultdict(int)
        self._queue: deque[Recorded[Any]] = deque()
        self._book: Book | None = None
        self._now: datetime | None = None
        self.on_decision: Callable[[Recorded[Any]], None] = lambda _: None
        self.on_answer: Callable[[Recorded[Any]], None] = lambda _: None
        self._stages: dict[str, Callable[[Recorded[Any]], None]] = {
            ORDERS.name: self._classify,
            CLASSIFIED.name: self._determine,
            CHECKS.name: self._decide,
            LICENSES.name: self._post,
            DECISIONS.name: self._tell,
        }

    def say(self, said: Input) -> None:
        """Append one input, after every deadline before it, and let all stages rest."""
        self.pass_until(said.at)
        output = Output(said.topic, said.key, said.id, said.event, time=said.time)
        self._append(output, None, said.source)
        self._rest()

    def pass_until(self, moment: datetime) -> None:
        """Let log time pass: what falls due before the moment is said and answered."""
        while (found := self._next_due()) is not None and found[0] <= moment:
            folding, (due, key, name) = found[1], found[2]
            folding.fired(key, name)
            self._move_to(due)
            event = DeadlineDue.model_validate({"entity": key, "deadline": name, "due": due})
            event_id = derived_id("deadline", key, name, due.isoformat())
            output = Output(folding.stage.topic.name, key, event_id, event, time=self._now)
            self._append(output, None, folding.stage.source)
            self._rest()
        self._move_to(moment)

    def _next_due(self) -> tuple[datetime, Folding, tuple[datetime, str, str]] | None:
        found = [(due[0], f, due) for f in (self.gate, self.ledger) if (due := f.next_due())]
        return min(found, key=lambda each: (each[2], each[1].stage.source), default=None)

    def _move_to(self, moment: datetime) -> None:
        if self._now is None or moment > self._now:
            self._now = moment

    def _append(self, output: Output, cause: Recorded[Any] | None, source: str) -> None:
        """Append a record, stamped with log time."""
        assert self._now is not None, "nothing is appended before the first input"
        at = partition_of(output.key.encode(), self._partitions)
        offset = self._ends[output.topic, at]
        self._ends[output.topic, at] = offset + 1
        time = output.time or (cause.time if cause is not None else self._now)
        record = Recorded(
            output.event, output.id, output.source or source, time, output.topic, at, offset,
            output.key, self._now, value=output.value,
        )  # fmt: skip
        if self._keep is not None:
            record = self._keep(record, output, cause, source)
        self._queue.append(record)

    def _rest(self) -> None:
        """Let every stage read until nothing is left."""
        for _ in range(STEPS_MAX):
            if not self._queue:
                return
            record = self._queue.popleft()
            stage = self._stages.get(record.topic)
            if stage is not None:
                stage(record)
        raise AssertionError(f"the stages do not come to rest at {self._queue[0].place}")

    def _classify(self, record: Recorded[Any]) -> None:
        for output in self._classify_with(record):
            self._append(output, record, stages.CLASSIFICATION)

    def _determine(self, record: Recorded[Any]) -> None:
        for output in self._determine_with(record):
            self._append(output, record, stages.DETERMINE)

    def _decide(self, record: Recorded[Any]) -> None:
        if record.source == stages.LEDGER:
            self.on_answer(record)
        for output in self.gate.take(record):
            self._append(output, record, stages.GATE)

    def _post(self, record: Recorded[Any]) -> None:
        self._book = None
        for output in self.ledger.take(record):
            self._append(output, record, stages.LEDGER)

    def _tell(self, record: Recorded[Any]) -> None:
        self.on_decision(record)

    def licenses(self) -> list[License]:
        """Every license as it stands."""
        roots = (aggregate.get(ROOT) for aggregate in self.books.aggregates.values())
        return [root for root in roots if isinstance(root, License)]

    def book(self) -> Book:
        """The license book as determination reads it now."""
        if self._book is None:
            ends = {
                str(at): self._ends.get((LICENSES.name, at), 0) for at in range(self._partitions)
            }
            self._book = stages.book_at(self.licenses(), ends)
        return self._book
