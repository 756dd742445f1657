"""What was said from outside: the stream that a simulation hears, out of an archive or a file."""

import heapq
import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.checks import OfficerDecided, RecheckWanted
from schemas.envelope import read_headers
from schemas.events import BY_MODEL, decode, encode
from schemas.topics import CHECKS, LICENSES, ORDERS, PRODUCTS, Topic
from services.replay import in_order
from services.replay.errors import ArchiveError
from services.replay.reading import DAMAGED, Archive
from services.replay.simulate import Input
from services.replay.stages import OWN
from services.runtime.codec import Raw, read

COMMON: Final = (LICENSES, PRODUCTS)
"""Topics with words from outside that concern many orders."""
OF_ORDERS: Final = (ORDERS, CHECKS)
"""Topics with words from outside that concern one order."""
RANK: Final = {topic.name: rank for rank, topic in enumerate((*COMMON, *OF_ORDERS))}
"""Words of one moment are said in this order."""
_OWN: Final = frozenset(source.encode() for source in OWN)
Moment = tuple[int, int, int, int]
"""What words are ordered by: when the log took it (ms), rank of the topic, partition, offset."""
Word = tuple[Moment, str, str, str, bytes, str, str, str]
"""Moment, topic, key, type, value, id, source, time."""


@dataclass(frozen=True, slots=True)
class Spool:
    """Words from outside in a file, in the order of the log's time."""

    path: Path
    words: int = 0
    first_ms: int = 0
    last_ms: int = 0


def spool(path: Path, words: Iterable[Word]) -> Spool:
    """Write words to a file."""
    count = first = last = 0
    with path.open("wb") as file:
        for word in words:
            count, last = count + 1, word[0][0]
            first = first or last
            pickle.dump(word, file)
    return Spool(path, count, first, last)


def outside(archive: Archive, topics: Iterable[Topic], partitions: Iterable[int]) -> Iterator[Word]:
    """Every readable word from outside in some partitions, in the order of the log's time.

    Raises ArchiveError where the archive is damaged: a stream with holes prices nothing.
    """
    chosen = [topic.name for topic in topics]
    places = [(topic, at) for at in partitions for topic in chosen]
    yield from heapq.merge(*(_outside(archive, topic, at) for topic, at in places))
    if archive.findings:
        raise ArchiveError(f"the archive is damaged: {archive.findings[0]}")


def _outside(archive: Archive, topic: str, partition: int) -> Iterator[Word]:
    latest = 0
    for entry in archive.segments.get((topic, partition), []):
        if topic == CHECKS.name and not _has_outside(archive, entry["path"]):
            continue
        found = []  # what is kept of a segment is small; its rows are not kept
        for row in archive.rows_of(entry):
            latest = max(latest, row.timestamp_ms)  # log time never goes back
            word = _word(
                row, archive.partitions(topic), (latest, RANK[topic], partition, row.offset)
            )
            if word is not None:
                found.append(word)
        yield from found


def _has_outside(archive: Archive, path: str) -> bool:
    """Whether a segment of the gate's topic holds any word from outside, by its headers alone.

    Also where it cannot be told: who reads it names what is wrong with it.
    """
    try:
        table = pq.read_table(archive.root / path, columns=["headers"], use_threads=False)
        flat = table.column("headers").combine_chunks().flatten()
    except DAMAGED:
        return True
    named = pc.equal(flat.field("name"), "ce_source")
    return not set(flat.field("value").filter(named).unique().to_pylist()) <= _OWN


def _word(raw: Raw, partitions: int, moment: Moment) -> Word | None:
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
    return (moment, raw.topic, record.key, kind, raw.value, record.id, record.source,
            record.time.isoformat())  # fmt: skip


def word_of(said: Input, number: int) -> Word:
    """Write down what is said, the `number`th of all."""
    kind = BY_MODEL[type(said.event)].name
    moment = (int(said.at.timestamp() * 1000), RANK[said.topic], 0, number)
    return (moment, said.topic, said.key, kind, encode(said.event), said.id, said.source,
            said.time.isoformat())  # fmt: skip


def words_in(spooled: Spool) -> Iterator[Word]:
    """Read a spool."""
    yield from in_order.read(spooled.path)


def heard(word: Word) -> Input:
    """What a word says."""
    moment, topic, key, kind, value, event_id, source, time = word
    event: Any = decode(kind, topic, value, source)
    at = datetime.fromtimestamp(moment[0] / 1000, UTC)
    return Input(topic, key, event, event_id, source, datetime.fromisoformat(time), at)


def in_time(inputs: Sequence[Input]) -> list[Input]:
    """Order inputs by when they are said."""
    return sorted(inputs, key=lambda each: (each.at, RANK[each.topic], each.key, each.id))
