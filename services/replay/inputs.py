"""What was said from outside: the stream that a simulation hears, out of an archive or a file."""

import heapq
import pickle
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.checks import OfficerDecided, RecheckWanted
from schemas.envelope import read_headers
from schemas.events import decode
from schemas.topics import CHECKS, LICENSES, ORDERS, PRODUCTS
from services.replay.errors import ArchiveError
from services.replay.reading import Archive
from services.replay.simulate import Input
from services.replay.stages import OWN
from services.runtime.codec import Raw, read

HEARD: Final = (LICENSES, PRODUCTS, ORDERS, CHECKS)
"""Topics with words from outside; of one moment, in this order."""
_OWN: Final = frozenset(source.encode() for source in OWN)
Spooled = tuple[str, str, str, bytes, str, str, str, int]
"""Topic, key, type, value, id, source, time, and when the log took it (ms)."""


def spool(archive: Archive, path: Path, told: Callable[[int, int], None]) -> int:
    """Write every readable word from outside to a file, in the order of the log's time.

    Raises ArchiveError where the archive is damaged: a stream with holes prices nothing.
    """
    total = sum(entry["records"] for topic in HEARD for at in range(archive.partitions(topic.name))
                for entry in archive.segments.get((topic.name, at), []))  # fmt: skip
    done = 0
    streams: list[Iterator[tuple[tuple[int, int, int, int], Spooled]]] = []
    for rank, topic in enumerate(HEARD):
        for at in range(archive.partitions(topic.name)):
            streams.append(_outside(archive, rank, topic.name, at))
    count = 0
    with path.open("wb") as file:
        for count, (_, one) in enumerate(heapq.merge(*streams, key=lambda each: each[0]), 1):
            pickle.dump(one, file)
            if not count % 10_000:
                done = min(total, done + 10_000)
                told(done, total)
    if archive.findings:
        raise ArchiveError(f"the archive is damaged: {archive.findings[0]}")
    return count


def _outside(
    archive: Archive, rank: int, topic: str, partition: int
) -> Iterator[tuple[tuple[int, int, int, int], Spooled]]:
    latest = 0
    for entry in archive.segments.get((topic, partition), []):
        if topic == CHECKS.name and not _has_outside(archive, entry["path"]):
            continue
        found = []  # what is kept of a segment is small; its rows are not kept
        for row in archive.rows_of(entry):
            latest = max(latest, row.timestamp_ms)  # log time never goes back
            one = _spooled(row, archive.partitions(topic), latest)
            if one is not None:
                found.append(((latest, rank, partition, row.offset), one))
        yield from found


def _has_outside(archive: Archive, path: str) -> bool:
    """Whether a segment of the gate's topic holds any word from outside, by its headers alone."""
    column = pq.read_table(archive.root / path, columns=["headers"], use_threads=False).column(
        "headers"
    )
    flat = column.combine_chunks().flatten()
    named = pc.equal(flat.field("name"), "ce_source")
    return not set(flat.field("value").filter(named).unique().to_pylist()) <= _OWN


def _spooled(raw: Raw, partitions: int, at: int) -> Spooled | None:
    source = dict(raw.headers).get("ce_source")
    if source is None or source in _OWN or raw.value is None:
        return None
    one = read(raw, partitions)
    if one.unreadable or not one.record.key:
        return None
    if raw.topic == CHECKS.name and not isinstance(
        one.record.event, OfficerDecided | RecheckWanted
    ):
        return None  # passed on by classification and determination, from `orders`
    record = one.record
    kind = read_headers(raw.headers)["ce_type"]
    return (raw.topic, record.key, kind, raw.value, record.id, record.source,
            record.time.isoformat(), at)  # fmt: skip


def spooled(path: Path) -> Iterator[Input]:
    """Read a spool."""
    with path.open("rb") as file:
        while True:
            try:
                one: Spooled = pickle.load(file)  # noqa: S301 - our own, written a moment ago
            except EOFError:
                return
            topic, key, kind, value, event_id, source, time, at = one
            event: Any = decode(kind, topic, value, source)
            moment = datetime.fromtimestamp(at / 1000, UTC)
            yield Input(topic, key, event, event_id, source, datetime.fromisoformat(time), moment)


def in_time(inputs: Sequence[Input]) -> list[Input]:
    """Order inputs by when they are said."""
    rank = {topic.name: at for at, topic in enumerate(HEARD)}
    return sorted(inputs, key=lambda each: (each.at, rank[each.topic], each.key, each.id))
