"""One partition of a fold in memory: its aggregates, and the digests that prove them."""

import hashlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from schemas.base import Model
from schemas.envelope import Output, Recorded
from schemas.fold import FORGET_EVERY, Fold, Forget, Partition, Step
from schemas.reference import FoldVersion
from services.runtime.codec import Read

MODULUS: Final = 2**256
ORIGIN: Final = "0" * 64
"""Chain before the first record."""
_SEPARATOR: Final = b"\x00"
Due = Callable[[Model], list[tuple[str, datetime]]]


def field_of(key: str, name: str) -> bytes:
    """Name an entity among all of its partition."""
    return key.encode() + _SEPARATOR + name.encode()


def split_field(entity_field: bytes) -> tuple[str, str]:
    """Split a name made by `field_of`."""
    key, _, name = entity_field.partition(_SEPARATOR)
    return key.decode(), name.decode()


def is_root(entity_field: bytes) -> bool:
    """Tell whether a name is that of the nameless entity: the order, the license itself."""
    return entity_field.endswith(_SEPARATOR)


def digest_of(entity_field: bytes, value: bytes) -> int:
    """Digest one entity, as a number that can be summed."""
    return int.from_bytes(hashlib.sha256(entity_field + _SEPARATOR + value).digest())


@dataclass(slots=True)
class Memory:
    """What a fold knows of one partition, and how far it has read."""

    partition: Partition
    offset: int = 0
    """Next offset to fold."""
    chain: str = ORIGIN
    """Running hash of the folded input."""
    last_value: bytes | None = None
    """The last record folded; null where only its digest was taken up."""
    last_digest: str = ""
    emit_from: int = 0
    """Offsets below were committed: their outputs stand in the log already."""
    whole_from: int = 0
    """Offset from which this says more than was known before; below it is being folded again."""
    version: int = 1
    """By which version of the fold the partition is folded from here on (FoldVersion)."""
    aggregates: dict[str, dict[str, Model]] = field(default_factory=dict)
    digests: dict[bytes, int] = field(default_factory=dict)
    sum: int = 0
    roots_sum: int = 0
    """Sum over the nameless entity of each aggregate alone: what readers of a book check."""
    dirty: dict[bytes, None] = field(default_factory=dict)
    unsnapped: dict[bytes, None] = field(default_factory=dict)
    """What changed since the last snapshot (`services.runtime.snapshot`)."""
    remembered_at: str = ""
    """Where Redis stood when it was read or last written; empty: it had nothing."""
    whole: bool = False
    """Whether all of it must be written, because it did not come from Redis."""
    space: str = ""
    _over: list[tuple[datetime, str, str]] = field(default_factory=list)
    """When entities that are over may be forgotten, the earliest first."""
    _touched: set[tuple[str, str]] = field(default_factory=set)
    """What changed, and was not looked at yet for whether it is over."""
    redelivered: int = 0
    """Records below its place that came again, and records that changed nothing and said nothing:
    counted here, and taken by the collector of metrics."""
    without_effect: int = 0

    @property
    def last_sha256(self) -> str:
        """Digest of the last record folded; counted where it is wanted, not at every record."""
        if self.last_value is None:
            return self.last_digest
        return hashlib.sha256(self.last_value).hexdigest()

    @property
    def place(self) -> str:
        """Position and history in one: equal places mean equal states."""
        return f"{self.offset}:{self.chain}"

    @property
    def catching_up(self) -> bool:
        """Whether it still folds again what was known: nobody may read it, or resume from it."""
        return self.offset < self.whole_from

    def fold(self, fold: Fold, read: Read, forget: Forget | None = None) -> Sequence[Output]:
        """Fold one record; return what it says, or nothing below the committed offset."""
        record: Recorded[Model] = read.record
        if record.offset < self.offset:
            self.redelivered += 1
            return ()
        key = record.key
        step = fold(self.aggregates.get(key, {}), record, self.partition.at(record.logged_at))
        self._apply(key, step)
        self.without_effect += not (step.changes or step.outputs)
        if isinstance(record.event, FoldVersion):
            self.version = record.event.version
        value = read.raw.value or b""
        self.chain = hashlib.sha256(self.chain.encode() + value).hexdigest()
        self.last_value = value
        self.offset = record.offset + 1
        if forget is not None and not self.offset % FORGET_EVERY:
            self._forget(forget)
        return step.outputs if record.offset >= self.emit_from else ()

    def _apply(self, key: str, step: Step) -> None:
        self.partition = step.partition
        if not step.changes:
            return
        aggregate = self.aggregates.setdefault(key, {})
        for name, entity in step.changes.items():
            if entity is None:
                aggregate.pop(name, None)
            else:
                aggregate[name] = entity
            self._changed(key, name)

    def _changed(self, key: str, name: str) -> None:
        """Note what must be written; where all of it must be, there is nothing to note."""
        self._touched.add((key, name))
        if not self.whole:
            self.dirty[field_of(key, name)] = None

    def _forget(self, forget: Forget) -> None:
        """Drop what is long over: looked at where it changed since, and put in order of its end."""
        for key, name in self._touched:
            entity = self.aggregates.get(key, {}).get(name)
            at = None if entity is None else forget(entity)
            if at is not None:
                heapq.heappush(self._over, (at, key, name))
        self._touched.clear()
        now = self.partition.log_time
        while self._over and self._over[0][0] <= now:
            _, key, name = heapq.heappop(self._over)
            self._drop(forget, key, name, now)

    def _drop(self, forget: Forget, key: str, name: str, now: datetime) -> None:
        """Drop an entity that is over, unless it changed since that was noted."""
        aggregate = self.aggregates.get(key, {})
        entity = aggregate.get(name)
        at = None if entity is None else forget(entity)
        if at is None or at > now:
            return
        del aggregate[name]
        self._changed(key, name)
        if not aggregate:
            del self.aggregates[key]

    def put(self, entity_field: bytes, entity: Model, digest: int) -> None:
        """Put back an entity that was remembered."""
        key, name = split_field(entity_field)
        self.aggregates.setdefault(key, {})[name] = entity
        self._touched.add((key, name))
        self.digests[entity_field] = digest
        self._add(entity_field, digest)

    def _add(self, entity_field: bytes, difference: int) -> None:
        self.sum = (self.sum + difference) % MODULUS
        if is_root(entity_field):
            self.roots_sum = (self.roots_sum + difference) % MODULUS

    def entities(self) -> Iterator[tuple[str, str, Model]]:
        """Walk every entity, with its key and name."""
        for key, aggregate in self.aggregates.items():
            for name, entity in aggregate.items():
                yield key, name, entity

    def take_changes(self) -> dict[bytes, bytes | None]:
        """Serialise what changed since the last call, and bring the sum up to date."""
        if self.whole:
            self.dirty = {field_of(key, name): None for key, name, _ in self.entities()}
            self.digests.clear()
            self.sum = self.roots_sum = 0
        changes: dict[bytes, bytes | None] = {}
        for entity_field in self.dirty:
            key, name = split_field(entity_field)
            entity = self.aggregates.get(key, {}).get(name)
            value = None if entity is None else entity.model_dump_json(exclude_none=True).encode()
            self._sum_up(entity_field, value)
            changes[entity_field] = value
        self.unsnapped.update(self.dirty)
        self.dirty = {}
        return changes

    def give_back(self, changes: Iterable[bytes]) -> None:
        """Count changes as not yet taken: they could not be written."""
        self.dirty = {**dict.fromkeys(changes), **self.dirty}

    def _sum_up(self, entity_field: bytes, value: bytes | None) -> None:
        before = self.digests.pop(entity_field, 0)
        after = 0
        if value is not None:
            after = digest_of(entity_field, value)
            self.digests[entity_field] = after
        self._add(entity_field, after - before)
