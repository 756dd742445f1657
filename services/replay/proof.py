"""One order's decisions with all they rest on, in one file that is checked without anything else.

In it: every record of the order, the ledger's records of its reservations and of whatever else led
to what it was told, the events of the licenses drawn, and of each decision the one before and the
one after it in the hash chain. Some may concern other orders; nothing can be shown without them.
"""

import base64
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, LICENSES, ORDERS, dead_letters
from services.replay.errors import ArchiveError
from services.replay.links import cause_of
from services.replay.proof_check import FORMAT, canonical, digest_of
from services.replay.reading import Archive
from services.replay.rederive import plain_of
from services.replay.segments import record_digest
from services.runtime.codec import Raw
from services.runtime.murmur import partition_of

OF_ORDER: Final = (ORDERS, CLASSIFIED, CHECKS, DECISIONS)


class Source(NamedTuple):
    """Where records come from: an archive, or Kafka itself."""

    name: dict[str, Any]
    partitions: Callable[[str], int]
    rows: Callable[[str, int, Callable[[bytes], bool]], Iterable[Raw]]
    """Topic, partition, which keys are wanted; others may come too."""


def prove(key: str, source: Source) -> bytes:
    """Make the proof of an order. Raises ArchiveError where it has no decision."""
    name = key.encode()
    records: dict[tuple[str, int, int], Raw] = {}
    for topic in (*OF_ORDER, *(dead_letters(each) for each in OF_ORDER)):
        at = partition_of(name, source.partitions(topic.name))
        for raw in source.rows(topic.name, at, name.__eq__):
            if raw.key == name:
                records[raw.topic, raw.partition, raw.offset] = raw
    decisions = [raw for raw in records.values() if raw.topic == DECISIONS.name]
    if not decisions:
        raise ArchiveError(f"nothing was decided on an order {key}")
    for raw in (*_ledger(records, source), *_around(decisions, source)):
        records[raw.topic, raw.partition, raw.offset] = raw
    proof: dict[str, Any] = {
        "exportgate_proof": FORMAT,
        "order": key,
        "log": source.name,
        "records": [_record(records[place]) for place in sorted(records)],
    }
    proof["digest"] = digest_of(proof)
    return canonical(proof)


def _ledger(records: dict[tuple[str, int, int], Raw], source: Source) -> Iterator[Raw]:
    """What the order's gate asked of the ledger, and what befell the licenses it answered for."""
    licenses = {
        str(found).encode()
        for (topic, _, _), raw in records.items()
        if topic == CHECKS.name and (found := plain_of(raw.value).get("license_id")) is not None
    }
    own = {place for place in records if place[0] == CHECKS.name}
    causes = {cause_of(raw.headers) for raw in records.values()}
    for at in sorted({partition_of(each, source.partitions(LICENSES.name)) for each in licenses}):
        for raw in source.rows(LICENSES.name, at, licenses.__contains__):
            cause = cause_of(raw.headers)
            ours = cause is not None and (*cause[0], cause[1]) in own
            led_here = ((raw.topic, raw.partition), raw.offset) in causes
            if raw.key in licenses and (ours or led_here or _of_license(raw)):
                yield raw


def _of_license(raw: Raw) -> bool:
    kind = dict(raw.headers).get("ce_type") or b""
    return kind.startswith(b"exportgate.license.")


def _around(decisions: list[Raw], source: Source) -> Iterator[Raw]:
    """The decisions before and after each in the chain."""
    wanted: set[tuple[int, int]] = set()
    for raw in decisions:
        chain = plain_of(raw.value).get("chain", {})
        if "index" in chain:
            wanted |= {(chain["partition"], chain["index"] + step) for step in (-1, 1)}
    at = decisions[0].partition
    for raw in source.rows(DECISIONS.name, at, lambda _: True):
        chain = plain_of(raw.value).get("chain", {})
        if (chain.get("partition"), chain.get("index")) in wanted:
            yield raw


def _record(raw: Raw) -> dict[str, Any]:
    return {
        "topic": raw.topic, "partition": raw.partition, "offset": raw.offset,
        "timestamp": raw.timestamp_ms, "key": _bytes(raw.key), "value": _bytes(raw.value),
        "headers": [[name, _bytes(value)] for name, value in raw.headers],
        "sha256": record_digest(raw).hex(),
    }  # fmt: skip


def _bytes(value: bytes | None) -> dict[str, str] | None:
    if value is None:
        return None
    try:
        return {"text": value.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(value).decode()}


def of_archive(archive: Archive) -> Source:
    """Read from an archive: segments without a wanted key are not read. Damage is refused."""

    def rows(topic: str, partition: int, wanted: Callable[[bytes], bool]) -> Iterator[Raw]:
        for entry in archive.segments.get((topic, partition), []):
            if not archive.has_key(entry, wanted):
                continue
            yield from archive.rows_of(entry)
        if archive.findings:
            raise ArchiveError(f"the archive is damaged: {archive.findings[0]}")

    header = archive.manifest.header
    name = {"cluster": header["cluster"], "head": archive.manifest.head}
    return Source(name, archive.partitions, rows)


def keys_of(archive: Archive, order_id: str) -> list[str]:
    """The keys of the orders with an id, by whatever source."""
    suffix = f"/{order_id}"
    found: set[str] = set()
    for at in range(archive.partitions(ORDERS.name)):
        found |= {k for k in archive.last_offsets(DECISIONS.name, at) if k.endswith(suffix)}
    return sorted(found)
