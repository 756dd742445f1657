"""Snapshots of a fold on its compacted `*.state` topic: the way back when Redis has nothing.

Every minute what changed is written, and then a marker that says where the fold stood and what
everything adds up to. A snapshot is complete up to its newest marker, or it is not used: what a
former owner wrote in between, or a compaction took, does not add up. Its records carry the name of
the space they belong to; each owner of a partition begins a space of its own, with all there is.
"""

import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from schemas.base import Model
from schemas.envelope import read_headers
from schemas.events import BY_MODEL, encode
from schemas.fold import Partition
from schemas.reference import SnapshotTaken
from schemas.topics import Topic
from services.runtime.codec import CONTROL, Raw, Send
from services.runtime.errors import Fatal
from services.runtime.memory import MODULUS, Memory, digest_of, field_of, split_field
from services.runtime.metrics.registry import SNAPSHOTS
from services.runtime.remember import Decode
from services.runtime.sink import Sink
from services.runtime.source import Reader

log = structlog.get_logger()
EVERY_S: Final = 60.0
BATCH: Final = 50
REST: Final = 4
"""How many times as long as it worked the writer rests: the orders of the moment come first."""
SPACE: Final = "exportgate-space"
MARKER: Final = BY_MODEL[SnapshotTaken].name


@dataclass(frozen=True, slots=True)
class _Job:
    """What one snapshot of one partition writes: entities (None: forgotten), then the marker."""

    entities: Mapping[bytes, Model | None]
    marker: SnapshotTaken


@dataclass(slots=True)
class _Spaces:
    """What was last written of the partitions this instance owns."""

    name: dict[int, str] = field(default_factory=dict)
    offset: dict[int, int] = field(default_factory=dict)
    at: dict[int, float] = field(default_factory=dict)


class Snapshots:
    """Writes and reads the snapshots of one fold."""

    def __init__(
        self, topic: Topic, reader: Reader, sink: Callable[[], Sink], every_s: float = EVERY_S
    ) -> None:
        """Connect; the thread that writes starts with the first snapshot."""
        self.topic = topic
        self._reader = reader
        self._open_sink = sink
        self._every_s = every_s
        self._spaces = _Spaces()
        self._failed: set[int] = set()
        self._jobs: queue.Queue[_Job] = queue.Queue()
        self._thread: threading.Thread | None = None

    # Writing

    def offer(self, partition: int, memory: Memory) -> None:
        """Take a snapshot if it is time and nothing is half written; costs a walk over names.

        To be called when everything that changed was summed up, so that the marker is true.
        """
        spaces, now = self._spaces, time.monotonic()
        waited = now - spaces.at.setdefault(partition, now) >= self._every_s
        if not waited or spaces.offset.get(partition) == memory.offset or not self._jobs.empty():
            return
        if partition in self._failed:
            self._failed.discard(partition)
            spaces.name.pop(partition, None)
        whole = partition not in spaces.name
        space = spaces.name.setdefault(partition, secrets.token_hex(8))
        spaces.offset[partition], spaces.at[partition] = memory.offset, now
        self._jobs.put(_Job(_taken(memory, whole=whole), _marker(memory, space)))
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, daemon=True)
            self._thread.start()

    def drop(self, partition: int) -> None:
        """Forget a partition: whoever owns it next begins a space of its own."""
        for known in (self._spaces.name, self._spaces.offset, self._spaces.at):
            known.pop(partition, None)

    def _write_all(self) -> None:
        sink = self._open_sink()
        while True:
            job = self._jobs.get()
            try:
                self._write(job, sink)
                SNAPSHOTS.labels(self.topic.name, "written").inc()
            except Fatal as error:
                SNAPSHOTS.labels(self.topic.name, "failed").inc()
                log.error("snapshot not written", topic=self.topic.name, error=str(error))
                self._failed.add(job.marker.partition)
                sink = self._open_sink()

    def _write(self, job: _Job, sink: Sink) -> None:
        began, at = time.monotonic(), job.marker.partition
        headers = ((SPACE, job.marker.space.encode()),)
        batch: list[Send] = []
        worked_from = began
        for name, entity in job.entities.items():
            value = None if entity is None else entity.model_dump_json(exclude_none=True).encode()
            batch.append(Send(self.topic.name, name, value, headers, at))
            if len(batch) == BATCH:
                sink.send(batch)
                batch = []
                time.sleep(REST * (time.monotonic() - worked_from))
                worked_from = time.monotonic()
        marker = ("ce_type", MARKER.encode())
        key = f"{CONTROL}{at}".encode()
        sink.send(batch)
        sink.send([Send(self.topic.name, key, encode(job.marker), (*headers, marker), at)])
        log.info("snapshot", topic=self.topic.name, partition=at, records=len(job.entities),
                 seconds=round(time.monotonic() - began, 3))  # fmt: skip

    # Reading

    def load(self, partition: int, version: int, decode: Decode) -> Memory | None:
        """Read the newest complete snapshot; None where there is none, or it does not add up."""
        low, high = self._reader.ends(self.topic.name)[partition]
        raws = self._reader.between(self.topic.name, {partition: low}, {partition: high})
        places = [at for at, raw in enumerate(raws) if _type_of(raw) == MARKER]
        if not places:
            return None
        try:
            marker = SnapshotTaken.model_validate_json(raws[places[-1]].value or b"")
            return _put_together(raws[: places[-1]], marker, version, decode)
        except ValueError as error:
            log.warning("snapshot not usable", topic=self.topic.name, error=str(error)[:200])
            return None


def _taken(memory: Memory, *, whole: bool) -> dict[bytes, Model | None]:
    """Refer to what is to be written; entities are frozen, so the thread may take its time."""
    if whole:
        memory.unsnapped = {}
        return {field_of(key, name): entity for key, name, entity in memory.entities()}
    names, memory.unsnapped = memory.unsnapped, {}
    return {name: _entity(memory, name) for name in names}


def _entity(memory: Memory, entity_field: bytes) -> Model | None:
    key, name = split_field(entity_field)
    return memory.aggregates.get(key, {}).get(name)


def _marker(memory: Memory, space: str) -> SnapshotTaken:
    partition = memory.partition
    return SnapshotTaken(
        partition=partition.number,
        offset=memory.offset,
        chain=memory.chain,
        sum=f"{memory.sum % MODULUS:064x}",
        fold_version=memory.version,
        space=space,
        last_sha256=memory.last_sha256,
        log_time=partition.log_time,
        chain_index=partition.chain_index,
        chain_prev=partition.chain_prev,
    )


def _type_of(raw: Raw) -> str | None:
    return read_headers(raw.headers).get("ce_type")


def _newest(raws: list[Raw], space: str) -> Iterator[tuple[bytes, bytes]]:
    """Give the newest value of each entity of a space; what was forgotten is not there."""
    found: dict[bytes, bytes | None] = {}
    for raw in raws:
        headers = read_headers(raw.headers)
        if headers.get(SPACE) == space and "ce_type" not in headers:
            found[raw.key or b""] = raw.value
    for name, value in found.items():
        if value is not None:
            yield name, value


def _put_together(
    raws: list[Raw], marker: SnapshotTaken, version: int, decode: Decode
) -> Memory | None:
    if marker.fold_version > version:
        return None
    memory = Memory(
        partition=Partition(
            number=marker.partition,
            log_time=marker.log_time,
            chain_index=marker.chain_index,
            chain_prev=marker.chain_prev,
        ),
        offset=marker.offset,
        chain=marker.chain,
        last_digest=marker.last_sha256,
        version=marker.fold_version,
        whole=True,
    )
    for name, value in _newest(raws, marker.space):
        memory.put(name, decode(name.decode(), value), digest_of(name, value))
    return memory if f"{memory.sum:064x}" == marker.sum else None
