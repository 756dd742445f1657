"""Records as Parquet: one immutable file holds a run of offsets of one partition, and no other."""

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from services.runtime.codec import Raw

COMPRESSION: Final = "zstd"
ROW_GROUP: Final = 2_000
"""Rows that are lost together where a page no longer decodes."""
_HEADER: Final = pa.struct([("name", pa.string()), ("value", pa.binary())])
SCHEMA: Final = pa.schema(
    [
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("timestamp", pa.int64(), nullable=False),  # ms since 1970, as the broker stamped
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", pa.list_(_HEADER), nullable=False),
        pa.field("sha256", pa.binary(32), nullable=False),
    ]
)
"""Kafka keeps neither type nor schema of what it carries: neither does the archive."""


def record_digest(raw: Raw) -> bytes:
    """Digest a record with its place: topic, partition, offset, time, key, headers, value.

    SHA-256 of the number of parts, their lengths (-1: null) as big-endian 64-bit numbers, and the
    parts: `topic/partition/offset@timestamp`, key, SHA-256 of the value, header names and values.
    """
    place = f"{raw.topic}/{raw.partition}/{raw.offset}@{raw.timestamp_ms}".encode()
    value = None if raw.value is None else hashlib.sha256(raw.value).digest()
    parts: list[bytes | None] = [place, raw.key, value]
    for name, content in raw.headers:
        parts += (name.encode(), content)
    lengths = [-1 if part is None else len(part) for part in parts]
    head = struct.pack(f">{len(parts) + 1}q", len(parts), *lengths)
    return hashlib.sha256(head + b"".join(filter(None, parts))).digest()


def day_of(timestamp_ms: int) -> str:
    """The UTC day of a record, as paths and the manifest name it."""
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC).date().isoformat()


def end_of_day(day: str) -> int:
    """The first moment (ms) after a UTC day."""
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1)
    return round(moment.timestamp() * 1000)


def path_of(topic: str, partition: int, day: str, first: int) -> str:
    """Where a segment lies, relative to the archive."""
    return f"{topic}/{partition:03d}/{day}/{first:012d}.parquet"


def policy_path(sha256: str) -> str:
    """Where a copy of the policies lies, relative to the archive."""
    return f"policy/{sha256}.json.zst"


def table_of(raws: Sequence[Raw]) -> pa.Table:
    """Arrange records as columns."""
    columns: dict[str, Any] = {
        "offset": [raw.offset for raw in raws],
        "timestamp": [raw.timestamp_ms for raw in raws],
        "key": [raw.key for raw in raws],
        "value": [raw.value for raw in raws],
        "headers": _headers([raw.headers for raw in raws]),
        "sha256": [record_digest(raw) for raw in raws],
    }
    return pa.Table.from_pydict(columns, schema=SCHEMA)


def _headers(of_rows: Sequence[Sequence[tuple[str, bytes | None]]]) -> pa.Array:
    """Headers as a column, by name and by value: a dict for each takes several times as long."""
    pairs = [pair for row in of_rows for pair in row]
    names = pa.array([name for name, _ in pairs], pa.string())
    values = pa.array([value for _, value in pairs], pa.binary())
    ends = pa.array(accumulate((len(row) for row in of_rows), initial=0), pa.int32())
    return pa.ListArray.from_arrays(
        ends, pa.StructArray.from_arrays([names, values], ["name", "value"])
    )


def write_segment(root: Path, path: str, raws: Sequence[Raw]) -> bytes:
    """Write a segment whole or not at all; return its bytes' SHA-256. Raises OSError."""
    sink = pa.BufferOutputStream()
    pq.write_table(table_of(raws), sink, compression=COMPRESSION, use_dictionary=False,
                   write_statistics=["offset", "timestamp"], row_group_size=ROW_GROUP)  # fmt: skip
    content = sink.getvalue().to_pybytes()
    write_whole(root / path, content)
    return hashlib.sha256(content).digest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, make it lasting, and give it its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + TEMPORARY)
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    fsync_folder(path.parent)


TEMPORARY: Final = ".partial"


def fsync_folder(folder: Path) -> None:
    """Make the names in a folder lasting."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def rows_of(content: bytes, topic: str, partition: int) -> list[Raw]:
    """Read a segment's records. Raises pyarrow's errors and ValueError where one cannot be."""
    table = _opened(content, pre_buffer=False).read(use_threads=False)
    return _rows(table, topic, partition)


def rows_with_digests(content: bytes, topic: str, partition: int) -> Iterator[tuple[Raw, bytes]]:
    """Read a damaged segment's records with the digests that stand beside them.

    Yields as far as the pages can be decoded. Raises pyarrow's errors and ValueError where not.
    """
    file = _opened(content)
    for at in range(file.num_row_groups):
        table = file.read_row_group(at, use_threads=False)
        yield from zip(
            _rows(table, topic, partition), table.column("sha256").to_pylist(), strict=True
        )


def _opened(content: bytes, **options: bool) -> pq.ParquetFile:
    file = pq.ParquetFile(pa.BufferReader(content), **options)
    if not file.schema_arrow.equals(SCHEMA):
        raise ValueError("its columns are not those of an archive segment")
    return file


def _rows(table: pa.Table, topic: str, partition: int) -> list[Raw]:
    table = table.combine_chunks()
    offsets, timestamps, keys, values = (
        _list(table.column(name)) for name in ("offset", "timestamp", "key", "value")
    )
    lists = table.column("headers").combine_chunks()
    flat = lists.flatten()
    pairs = list(zip(_list(flat.field("name")), _list(flat.field("value")), strict=True))
    ends = accumulate(_list(lists.value_lengths()), initial=0)
    headers = [tuple(pairs[start:end]) for start, end in pairwise(ends)]
    return [
        Raw(topic, partition, offset, key, value, named, timestamp)
        for offset, timestamp, key, value, named in zip(
            offsets, timestamps, keys, values, headers, strict=True
        )
    ]


def _list(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """A column as Python values, by numpy: pyarrow's own way makes a scalar of each first."""
    found: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
    return found
