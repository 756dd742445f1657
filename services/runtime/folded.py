"""A stage with memory: a fold over one topic, remembered in Redis, recovered from the log."""

import hashlib
import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import structlog

from schemas.base import Model
from schemas.checks import DeadlineDue, ReleaseStale
from schemas.decisions import OrderReleased
from schemas.envelope import Output, Recorded, derived_id
from schemas.fold import Fold, Forget, Partition
from schemas.reference import FoldVersion
from schemas.topics import CHECKS, Topic
from services.runtime import metrics
from services.runtime.catching_up import CatchingUp
from services.runtime.codec import CONTROL, Read, Send, written
from services.runtime.errors import Conflict, Fatal, Unavailable
from services.runtime.guard import Broken, broken
from services.runtime.memory import Due, Memory
from services.runtime.metrics.collector import Measure
from services.runtime.remember import Decode, Place, Remembered
from services.runtime.snapshot import Snapshots
from services.runtime.source import Reader
from services.runtime.stage import Stage, output_of

log = structlog.get_logger()
STALE_AFTER: Final = timedelta(seconds=30)
"""A release whose cause is older than this at sending is confirmed first (`design` §3)."""
REMIND_EVERY: Final = timedelta(seconds=5)
DEADLINES_EVERY_S: Final = 0.5
LOOK_EVERY_S: Final = 1.0
LOAD_WITHIN_S: Final = 120.0
ROOT: Final = ""
"""Name of the entity that has deadlines: the order, the license."""


class Clock(Protocol):
    """Tells the time. Only the runtime has one."""

    def __call__(self) -> datetime:
        """Tell the time, with zone."""


def wall_clock() -> datetime:
    """Tell the time of this machine. It decides only *when* to append, never *what* is so."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Folding:
    """What a service gives the runtime: a pure fold, how to read its entities, its deadlines.

    `fold` is of `version`; `earlier` has the versions that older records were folded by.
    """

    fold: Fold
    decode: Decode
    due: Due
    forget: Forget | None = None
    version: int = 1
    measure: Measure | None = None
    earlier: Mapping[int, Fold] = field(default_factory=dict)

    def at(self, version: int) -> Fold:
        """Choose the fold of a version. Raises Fatal for one that this release does not know."""
        found = self.fold if version == self.version else self.earlier.get(version)
        if found is None:
            raise Fatal(f"the log is folded by version {version}, this release knows up to "
                        f"{self.version}")  # fmt: skip
        return found


class Folded(Stage):
    """Folds one topic."""

    def __init__(  # noqa: PLR0913 - its parts, each by name
        self,
        *,
        name: str,
        topic: Topic,
        partitions: int,
        folding: Folding,
        remembered: Remembered,
        reader: Reader,
        place_of: Callable[[int], Place],
        snapshots: Snapshots | None = None,
        clock: Clock = wall_clock,
        stale_after: timedelta | None = STALE_AFTER,
    ) -> None:
        """Wrap a service's pure fold. `stale_after` None: releases are never stale."""
        super().__init__(name=name, topic=topic, partitions=partitions)
        self._folding = folding
        self._remembered = remembered
        self._reader = reader
        self._place_of = place_of
        self._snapshots = snapshots
        self._clock = clock
        self._catching_up = CatchingUp(name, clock)
        self._stale_after = stale_after
        self._deadlines_at = 0.0
        self._looked_at = 0.0
        self.memories: dict[int, Memory] = {}
        self._deadlines: dict[int, list[tuple[datetime, str, str]]] = {}
        self._noted: dict[int, dict[tuple[str, str], datetime]] = {}
        self._raised: dict[int, int] = {}
        self.measure = folding.measure

    @property
    def remembering(self) -> Sequence[Memory]:
        """The memories of its partitions, for the collector of metrics."""
        return list(self.memories.values())

    @property
    def catching_up(self) -> bool:
        """Whether a partition is being folded again."""
        return any(memory.catching_up for memory in self.memories.values())

    # Loading

    def gained(self, partition: int, committed: int | None, low: int, high: int) -> int:
        """Load a partition from Redis, or begin at the start of the log; never anywhere else."""
        if self._snapshots is not None:
            self._snapshots.drop(partition)
        memory = self._load(partition, low, high)
        self.loading_from = ""
        memory.emit_from = committed or 0
        # What was committed had been remembered; without a place all that stands there is news.
        memory.whole_from = high if committed is None and memory.whole else memory.emit_from
        if memory.offset < low:
            raise Fatal(
                f"{self.topic.name}/{partition}: state ends at {memory.offset}, the log starts at "
                f"{low}: records are missing from it"
            )
        self.memories[partition] = memory
        self._catching_up.began(partition, memory)
        if memory.offset > memory.emit_from:
            # Remembered and not committed, since the one who did it died between: committed now.
            self.done[partition] = memory.offset
        self.stopped.discard(partition)
        self._deadlines[partition] = []
        self._noted[partition] = {}
        self._raised.pop(partition, None)
        self._note_all(memory)
        return memory.offset

    def _load(self, partition: int, low: int, high: int) -> Memory:
        place = self._place_of(partition)
        give_up = time.monotonic() + LOAD_WITHIN_S
        while True:
            try:
                return self._load_once(place, low, high)
            except Unavailable as error:
                if time.monotonic() > give_up:
                    raise Fatal(f"Redis did not answer for {LOAD_WITHIN_S:.0f} s") from error
                log.warning("waiting to load", stage=self.name, error=str(error))
                self.loading_from = str(error)
                time.sleep(0.5)

    def _load_once(self, place: Place, low: int, high: int) -> Memory:
        memory = self._remembered.load(place, self._folding.decode)
        if memory is not None and self._is_of_this_log(place, memory, low, high):
            return memory
        taken = self._from_snapshot(place)
        if taken is not None and self._is_of_this_log(place, taken, low, high):
            metrics.REFOLDS.labels(self.name, "snapshot").inc()
            log.warning("recovering from a snapshot", stage=self.name, partition=place.partition,
                        records=high - taken.offset)  # fmt: skip
            taken.remembered_at = self._remembered.stands_at(place)
            return taken
        fresh = Memory(partition=Partition(place.partition), whole=True)
        fresh.remembered_at = self._remembered.stands_at(place)
        if high > low:
            metrics.REFOLDS.labels(self.name, "log").inc()
            log.warning("refolding from the log", stage=self.name, partition=place.partition,
                        records=high - low)  # fmt: skip
        return fresh

    def _from_snapshot(self, place: Place) -> Memory | None:
        if self._snapshots is None:
            return None
        return self._snapshots.load(place.partition, place.version, self._folding.decode)

    def _is_of_this_log(self, place: Place, memory: Memory, low: int, high: int) -> bool:
        """Compare the last record folded with the one the log has there."""
        if memory.offset == 0:
            return True
        if not low < memory.offset <= high:
            return False
        raw = self._reader.one(place.topic, place.partition, memory.offset - 1)
        if raw is None:
            # A control record of the broker may stand there; the offset alone must do.
            return True
        return memory.last_sha256 == _sha256(raw.value or b"")

    def dropped(self, partitions: list[int]) -> None:
        """Forget partitions."""
        super().dropped(partitions)
        for partition in partitions:
            self.memories.pop(partition, None)
            self._deadlines.pop(partition, None)
            self._noted.pop(partition, None)

    # Folding

    def judge(self, one: Read) -> list[Send]:
        """Fold one record."""
        memory = self.memories.get(one.raw.partition)
        if memory is None:
            return []
        behind = memory.catching_up
        outputs = memory.fold(self._folding.at(memory.version), one, self._folding.forget)
        if (fault := broken(outputs)) is not None:
            return self._stop_at(one, fault)
        key = one.record.key
        if not behind:
            self._note_deadlines(one.raw.partition, key, memory.aggregates.get(key, {}).get(ROOT))
        elif not memory.catching_up:
            self._note_all(memory)
        return [output_of(one, output, self.source) for output in outputs]

    def _stop_at(self, one: Read, fault: Broken) -> list[Send]:
        """Say nothing, remember nothing, and take no more of this partition."""
        metrics.VIOLATIONS.labels(fault.invariant).inc()
        log.error("invariant broken", stage=self.name, invariant=fault.invariant, what=fault.text,
                  partition=one.raw.partition, offset=one.raw.offset)  # fmt: skip
        self.stopped.add(one.raw.partition)
        self.memories.pop(one.raw.partition, None)
        return []

    def outgoing(self, sends: list[Send]) -> list[Send]:
        """Hold back releases that rest on too old a record: the gate confirms them first."""
        if self._stale_after is None:
            return sends
        oldest = self._clock() - self._stale_after
        return [
            self._stale(send, send.event)
            if isinstance(send.event, OrderReleased)
            and send.caused_at is not None
            and send.caused_at < oldest
            else send
            for send in sends
        ]

    def _stale(self, send: Send, released: OrderReleased) -> Send:
        metrics.STALE_RELEASES.inc()
        event = ReleaseStale(
            order_source=released.order_source,
            order_id=released.order_id,
            revision=released.revision,
            check=released.check,
            decision_id=released.decision_id,
        )
        return self._own(CHECKS, released.key, derived_id("stale", released.decision_id), event)

    def _own(self, topic: Topic, key: str, event_id: str, event: Model) -> Send:
        """Write an event of the runtime's own, caused by no record."""
        now = self._clock()
        nowhere = Recorded(
            event=event, id=event_id, source=self.source, time=now, topic=topic.name,
            partition=-1, offset=-1, key=key, logged_at=now,
        )  # fmt: skip
        return written(Output(topic.name, key, event_id, event), nowhere, self.source)

    # Deadlines

    def _note_all(self, memory: Memory) -> None:
        """Put on the heap what a partition waits for, once it stands where it was known to."""
        for key, name, entity in memory.entities() if not memory.catching_up else ():
            if name == ROOT:
                self._note_deadlines(memory.partition.number, key, entity)

    def _note_deadlines(self, partition: int, key: str, entity: Model | None) -> None:
        """Put the deadlines of an order or license on the heap, each once."""
        noted = self._noted.get(partition)
        if noted is None or entity is None:
            return
        for name, due in self._folding.due(entity):
            if noted.get((key, name)) != due:
                noted[key, name] = due
                heapq.heappush(self._deadlines[partition], (due, key, name))

    def due(self) -> list[Send]:
        """Append a deadline event for every deadline that passed and still stands.

        What is still being folded again says nothing: the event may stand further on in its log.
        """
        if time.monotonic() - self._deadlines_at < DEADLINES_EVERY_S:
            return []
        self._deadlines_at = time.monotonic()
        now = self._clock()
        known = [at for at, memory in self.memories.items() if not memory.catching_up]
        sends = [send for partition in known for send in self._due_in(partition, now)]
        return sends + [send for at in known for send in self._version_due(at)]

    def _version_due(self, partition: int) -> list[Send]:
        """Append that from here on the partition is folded by the newest version, once."""
        memory, newest = self.memories[partition], self._folding.version
        if max(memory.version, self._raised.get(partition, 0)) >= newest:
            return []
        self._raised[partition] = newest
        event = FoldVersion(partition=partition, fold=self.name, version=newest)
        event_id = derived_id("fold-version", self.name, str(partition), str(newest))
        sent = self._own(self.topic, f"{CONTROL}{partition}", event_id, event)
        return [sent._replace(partition=partition)]

    def _due_in(self, partition: int, now: datetime) -> list[Send]:
        heap, sends = self._deadlines[partition], []
        while heap and heap[0][0] <= now:
            _, key, name = heapq.heappop(heap)
            due = self._standing(partition, key, name)
            if due is not None and due <= now:
                sends.append(self._deadline(key, name, due))
                heapq.heappush(heap, (now + REMIND_EVERY, key, name))
            elif due is None:
                self._noted[partition].pop((key, name), None)
        return sends

    def _standing(self, partition: int, key: str, name: str) -> datetime | None:
        """Tell when a deadline is due, if it is still waited for."""
        entity = self.memories[partition].aggregates.get(key, {}).get(ROOT)
        found = dict(self._folding.due(entity)) if entity is not None else {}
        return found.get(name)

    def _deadline(self, key: str, name: str, due: datetime) -> Send:
        event = DeadlineDue.model_validate({"entity": key, "deadline": name, "due": due})
        event_id = derived_id("deadline", key, name, due.isoformat())
        return self._own(self.topic, key, event_id, event)

    # Remembering

    def remember(self) -> None:
        """Write what changed of each partition to Redis.

        What is still being folded again is not shown: its readers would take a book of which the
        first records alone are folded for all there is, and hold orders for want of a license.
        What did not change is looked at now and then: a Redis that came back empty is found even
        by an idle fold, whose readers would wait for it for ever.
        """
        self._catching_up.look(self.memories)
        moved = {
            self._place_of(partition): memory
            for partition, memory in self.memories.items()
            if memory.place != memory.remembered_at and not memory.catching_up
        }
        if moved:
            self._remembered.write(moved)
        self._offer_snapshots()
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        standing = self._remembered.stand_at([self._place_of(at) for at in self.memories])
        for (partition, memory), at in zip(self.memories.items(), standing, strict=True):
            if at != memory.remembered_at:
                raise Conflict(f"{self.topic.name}/{partition}: Redis does not stand where it did")

    def _offer_snapshots(self) -> None:
        if self._snapshots is None:
            return
        for partition, memory in self.memories.items():
            if not memory.catching_up and not memory.dirty and not memory.whole:
                self._snapshots.offer(partition, memory)

    def committable(self) -> dict[int, int]:
        """Only what is remembered too: a place below the last one committed is no progress."""
        return {
            partition: offset
            for partition, offset in self.done.items()
            if partition in self.memories and not self.memories[partition].catching_up
        }

    def reload(
        self, partitions: list[int], ends: dict[int, tuple[int | None, int, int]]
    ) -> dict[int, int]:
        """Drop the memory of partitions and load them again; return where to read from."""
        starts = {}
        for partition in partitions:
            committed, low, high = ends[partition]
            starts[partition] = self.gained(partition, committed, low, high)
        return starts


def _sha256(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
