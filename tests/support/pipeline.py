"""The whole gate in one process: the pure functions on simulated logs, with seeded faults.

No broker, no Redis, no clock. Each topic is a list of records a partition; every stage reads in
order; time is a counter. Faults: records delivered again, and a fold that crashes after folding and
starts over from the log, saying again what it had said since its last commit.
"""

import hashlib
import random
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.base import Model
from schemas.checks import DeadlineDue, OrderClassified
from schemas.decisions import Decided
from schemas.envelope import Output, Recorded, derived_id, output_id
from schemas.events import encode
from schemas.fold import Fold, Partition
from schemas.orders import Order
from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, LICENSES, ORDERS
from services.classification.orders import Classifier, classify_order, content
from services.hold_release.gate import Gate, deadlines
from services.hold_release.state import OrderState
from services.license_check import ledger
from services.license_check.book import LICENSE, License
from services.license_check.determine import Rules, book_of, determine
from services.runtime.policies import read_ladder

PARTITIONS = 3
STARTED = datetime(2026, 6, 30, 12, tzinfo=UTC)
STEP = timedelta(milliseconds=10)


class Folding:
    """A fold over one topic, as the runtime runs it: state, and outputs above what is committed."""

    def __init__(self, fold: Fold) -> None:
        self.fold = fold
        self.restart()

    def restart(self) -> None:
        """Lose everything; the log is there."""
        self.aggregates: dict[str, dict[str, Model]] = defaultdict(dict)
        self.partitions: dict[int, Partition] = {}
        self.next: dict[int, int] = defaultdict(int)

    def take(self, record: Recorded[Any]) -> tuple[Output, ...]:
        """Fold one record."""
        known = self.partitions.get(record.partition, Partition(record.partition))
        aggregate = self.aggregates[record.key]
        step = self.fold(aggregate, record, known.at(record.logged_at))
        self.partitions[record.partition] = step.partition
        for name, entity in step.changes.items():
            if entity is None:
                aggregate.pop(name, None)
            else:
                aggregate[name] = entity
        self.next[record.partition] = record.offset + 1
        return tuple(step.outputs)


class Pipeline:
    """Simulated topics and the four stages between them."""

    def __init__(
        self,
        classifier: Classifier,
        *,
        gate: Gate | None = None,
        faults: random.Random | None = None,
        crash: float = 0.0,
        repeat: float = 0.0,
    ) -> None:
        self.logs: dict[str, list[list[Recorded[Any]]]] = defaultdict(
            lambda: [[] for _ in range(PARTITIONS)]
        )
        self.values: dict[str, list[bytes]] = defaultdict(list)
        self.now = STARTED
        self.gate = Folding(gate or Gate(time_basis="event"))
        self.ledger = Folding(ledger.fold)
        self.event_basis = gate is None or gate.time_basis == "event"
        self._classifier = classifier
        self._faults = faults or random.Random(0)
        self._crash, self._repeat = crash, repeat
        self._place: dict[tuple[str, int], int] = defaultdict(int)
        self._stages: dict[str, Callable[[Recorded[Any]], list[Output]]] = {
            ORDERS.name: self._classify,
            CLASSIFIED.name: self._determine,
            LICENSES.name: lambda record: list(self.ledger.take(record)),
            CHECKS.name: lambda record: list(self.gate.take(record)),
        }
        self._folds = {LICENSES.name: self.ledger, CHECKS.name: self.gate}

    def append(self, topic: str, key: str, event: Model, **identity: Any) -> None:
        """Append one record; log time moves on with every record."""
        self.now += STEP
        digest = hashlib.sha256(key.encode()).digest()
        partition = digest[0] % PARTITIONS
        log = self.logs[topic][partition]
        log.append(
            Recorded(
                event=event,
                id=identity.get("id") or derived_id(topic, key, str(len(log))),
                source=identity.get("source", "test"),
                time=identity.get("time") or self.now,
                topic=topic,
                partition=partition,
                offset=len(log),
                key=key,
                logged_at=self.now,
            )
        )

    def run(self, limit: int = 100_000) -> None:
        """Let every stage read until nothing is left; stages take turns at random."""
        for _ in range(limit):
            ready = [
                (topic, at)
                for topic in self._stages
                for at in range(PARTITIONS)
                if self._place[topic, at] < len(self.logs[topic][at])
            ]
            if not ready:
                return
            self._advance(*self._faults.choice(ready))
        raise AssertionError("the pipeline does not come to rest")

    def _advance(self, topic: str, at: int) -> None:
        record = self.logs[topic][at][self._place[topic, at]]
        outputs = self._stages[topic](record)
        self._place[topic, at] += 1
        for output in outputs:
            self._write(output, record)
            if self._faults.random() < self._repeat:
                self._write(output, record)
        if topic in self._folds and self._faults.random() < self._crash:
            self._crash_and_recover(topic)

    def _crash_and_recover(self, topic: str) -> None:
        """Fold the log again up to where it was, saying the last few records' outputs again."""
        fold = self._folds[topic]
        fold.restart()
        for at in range(PARTITIONS):
            end = self._place[topic, at]
            committed = max(end - self._faults.randrange(3), 0)
            for record in self.logs[topic][at][:end]:
                outputs = fold.take(record)
                if record.offset >= committed:
                    for output in outputs:
                        self._write(output, record)

    def _write(self, output: Output, cause: Recorded[Any]) -> None:
        self.append(
            output.topic,
            output.key,
            output.event,
            id=output.id,
            source=output.source or f"/exportgate/{cause.topic}",
            time=output.time or cause.time,
        )
        if isinstance(output.event, Decided):
            self.values[output.key].append(output.value or encode(output.event))

    def pass_time(self, by: timedelta) -> None:
        """Move log time on and append every deadline that is due, as the runtime's timer does."""
        self.now += by
        for topic, fold, due in (
            (CHECKS.name, self.gate, _order_deadlines),
            (LICENSES.name, self.ledger, _license_deadlines),
        ):
            for key, aggregate in list(fold.aggregates.items()):
                root = aggregate.get("")
                for name, at in due(root) if root is not None else ():
                    if at <= self.now:
                        event = DeadlineDue.model_validate(
                            {"entity": key, "deadline": name, "due": at}
                        )
                        self.append(topic, key, event, id=derived_id(key, name, at.isoformat()))

    def _classify(self, record: Recorded[Any]) -> list[Output]:
        if not isinstance(record.event, Order):
            return [self._passed(record, CLASSIFIED.name)]
        classified = classify_order(
            record.event,
            as_of=record.time,
            own_day=None if self.event_basis else record.logged_at,
            digest=hashlib.sha256(content(record.event)).hexdigest(),
            classifier=self._classifier,
        )
        return [Output(CLASSIFIED.name, record.key, output_id(record, "classified"), classified)]

    def _determine(self, record: Recorded[Any]) -> list[Output]:
        if not isinstance(record.event, OrderClassified):
            return [self._passed(record, CHECKS.name)]
        licenses = [
            root
            for aggregate in self.ledger.aggregates.values()
            if isinstance(root := aggregate.get(LICENSE), License)
        ]
        rules = Rules(require_screening=False, event_basis=self.event_basis, ladder=read_ladder())
        assessed = determine(record.event, book_of(licenses, {}), record.logged_at, rules)
        return [Output(CHECKS.name, record.key, output_id(record, "assessed"), assessed)]

    @staticmethod
    def _passed(record: Recorded[Any], topic: str) -> Output:
        return Output(topic, record.key, record.id, record.event, source=record.source)

    def decisions(self, key: str) -> list[Any]:
        """Every decision written on an order, in the order of the log."""
        return [
            record.event
            for log in self.logs[DECISIONS.name]
            for record in log
            if record.key == key and isinstance(record.event, Decided)
        ]

    def latest(self) -> dict[str, Any]:
        """The standing decision of every order: the highest seq."""
        found: dict[str, Any] = {}
        for log in self.logs[DECISIONS.name]:
            for record in log:
                if not isinstance(record.event, Decided):
                    continue
                known = found.get(record.key)
                if known is None or record.event.seq > known.seq:
                    found[record.key] = record.event
        return found


def _order_deadlines(entity: Model) -> list[tuple[str, datetime]]:
    return deadlines(entity) if isinstance(entity, OrderState) else []


def _license_deadlines(entity: Model) -> list[tuple[str, datetime]]:
    from services.license_check.register import deadlines as of_license

    return of_license(entity) if isinstance(entity, License) else []
