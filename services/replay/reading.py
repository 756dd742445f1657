"""An archive as it is read: record by record, with what is wrong in the files named on the way."""

import hashlib
import marshal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from services.classification.policy import PolicyError
from services.replay.errors import ArchiveError, Finding
from services.replay.manifest import Entry, Manifest, Place, read_manifest
from services.replay.policies import Policies
from services.replay.segments import day_of, end_of_day, record_digest, rows_of, rows_with_digests
from services.replay.stages import GateSettings
from services.runtime.codec import Raw, Send

NAMED_MAX: Final = 20
"""Records of one damaged segment that are named one by one."""
_Decoded = tuple[list[Raw], list[tuple[str, str]]]
"""Records, and what is wrong with some: (place, words)."""
DAMAGED: Final = (pa.ArrowException, OSError, ValueError, UnicodeDecodeError, EOFError)
"""What reading a file may raise where it is not what was written."""


def said(raw: Raw) -> bytes:
    """Digest of what a record says, wherever it stands."""
    return said_in(raw.key, hashlib.sha256(raw.value or b"").digest(), raw.headers)


def says(raw: Raw, send: Send) -> bool:
    """Whether a record says exactly what is to be written."""
    return (raw.value, raw.key, raw.headers) == (send.value, send.key, send.headers)


Headers = tuple[tuple[str, bytes | None], ...]


def said_in(key: bytes | None, sha256: bytes, headers: Headers) -> bytes:
    """Digest key, value and headers: two records with one digest say the same.

    The digest is compared within one run alone, so the form it is taken of may be Python's own.
    """
    form = marshal.dumps((key, sha256, headers), 2)  # 2: without references, so equal if equal
    return hashlib.blake2b(form, digest_size=16).digest()


def said_by(send: Send) -> bytes:
    """Digest what is to be written as `said_in` digests what was."""
    sha256 = next(value for name, value in send.headers if name == "ce_sha256")
    return said_in(send.key, bytes.fromhex((sha256 or b"").decode()), send.headers)


@dataclass
class Archive:
    """An archive, opened for reading alone."""

    root: Path
    manifest: Manifest
    findings: list[Finding] = field(default_factory=list)
    _last_ms: dict[Place, int] = field(default_factory=dict, repr=False)

    @cached_property
    def settings(self) -> GateSettings:
        """The settings its services ran with at first."""
        return self.all_settings[0][1]

    @cached_property
    def all_settings(self) -> list[tuple[dict[str, int], GateSettings]]:
        """All settings its services ran with: since which offset of each partition of the gate."""
        noted = [self.manifest.header, *self.manifest.of_kind("settings")]
        try:
            return [
                (entry.get("since", {}), GateSettings.model_validate(entry["settings"]))
                for entry in noted
            ]
        except ValueError as error:
            reason = " ".join(str(error).split())
            raise ArchiveError(f"{self.root}: its settings cannot be read: {reason}") from error

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has."""
        return self.manifest.partitions[topic]

    @cached_property
    def segments(self) -> dict[Place, list[Entry]]:
        """Segments by topic and partition."""
        return self.manifest.segments()

    def end(self, topic: str, partition: int) -> int:
        """The offset after the last archived."""
        return self._ends.get((topic, partition), 0)

    def begin(self, topic: str, partition: int) -> int:
        """The first offset that retention left; 0 where it took none."""
        found = self.segments.get((topic, partition), [])
        return int(found[0]["first"]) if found else self.end(topic, partition)

    def pruned_until(self, place: Place) -> int:
        """The end of the last day (ms) from which retention took records; 0 where it took none."""
        return self._pruned_until.get(place, 0)

    @cached_property
    def _pruned_until(self) -> dict[Place, int]:
        gone = self.manifest.pruned
        return {
            (entry["topic"], entry["partition"]): end_of_day(entry["last_day"])
            for entry in self.manifest.of_kind("segment")
            if entry["path"] in gone
        }

    def span(self, place: Place) -> range:
        """The offsets of a partition that are there."""
        return range(self.begin(*place), self.end(*place))

    @cached_property
    def _ends(self) -> dict[Place, int]:
        return self.manifest.ends()

    def last_ms(self, place: Place) -> int:
        """When the last archived record of a partition was written; 0 where that is not known."""
        if place not in self._last_ms:
            self._last_ms[place] = 0
            for entry in self.segments.get(place, [])[-1:]:
                with suppress(*DAMAGED):
                    table = pq.read_table(self.root / entry["path"], columns=["timestamp"])
                    self._last_ms[place] = max(table.column("timestamp").to_pylist(), default=0)
        return self._last_ms[place]

    def rows(
        self, topic: str, partition: int, told: Callable[[int], None] = lambda _: None
    ) -> Iterator[Raw]:
        """Read a partition in offset order; what is damaged is named, and the rest is read."""
        for entry in self.segments.get((topic, partition), []):
            yield from self.rows_of(entry)
            told(entry["records"])

    def raw_at(self, place: str) -> Raw | None:
        """One record, by its coordinates; None where it cannot be read. What is wrong is known."""
        rest, _, offset = place.rpartition("/")
        topic, _, partition = rest.rpartition("/")
        if not (partition.isdigit() and offset.isdigit()):
            return None
        told = len(self.findings)
        found = None
        for entry in self.segments.get((topic, int(partition)), []):
            if entry["first"] <= int(offset) < entry["end"]:
                rows = self.rows_of(entry)
                found = next((each for each in rows if each.offset == int(offset)), None)
        del self.findings[told:]
        return found

    def last_offsets(self, topic: str, partition: int) -> dict[str, int]:
        """The last offset of every key of a partition, as far as the files can be read."""
        found: dict[bytes | None, int] = {}
        for entry in self.segments.get((topic, partition), []):
            with suppress(*DAMAGED):
                table = pq.read_table(self.root / entry["path"], columns=["offset", "key"])
                keys = table.column("key").to_pylist()
                found.update(zip(keys, table.column("offset").to_pylist(), strict=True))
        return {
            key.decode(errors="replace"): offset for key, offset in found.items() if key is not None
        }

    def has_key(self, entry: Entry, wanted: Callable[[bytes], bool]) -> bool:
        """Whether a segment has a record under a wanted key; also where it cannot be told."""
        try:
            table = pq.read_table(self.root / entry["path"], columns=["key"])
            return any(key is not None and wanted(key) for key in table.column("key").to_pylist())
        except DAMAGED:
            return True

    def rows_of(self, entry: Entry) -> list[Raw]:
        """Read one segment, with every check there is."""
        path = entry["path"]
        try:
            content = (self.root / path).read_bytes()
        except OSError as error:
            self._wrong(path, f"cannot be read: {error.strerror}")
            return []
        intact = hashlib.sha256(content).hexdigest() == entry["sha256"]
        if not intact:
            size = len(content)
            changed = "truncated" if size < entry["bytes"] else "changed"
            self._wrong(path, f"is {changed}: {size} bytes, not those the manifest names")
        rows, faults = self._decoded(entry, content, intact=intact)
        for record, text in faults[:NAMED_MAX]:
            self._wrong(path, text, record)
        if len(faults) > NAMED_MAX:
            self._wrong(path, f"and {len(faults) - NAMED_MAX} more records")
        return rows

    def _decoded(self, entry: Entry, content: bytes, *, intact: bool) -> _Decoded:
        """Decode a segment; what is not as the manifest says is decoded record by record."""
        if intact:
            with suppress(*DAMAGED):
                rows = rows_of(content, entry["topic"], entry["partition"])
                if [row.offset for row in rows] == list(range(entry["first"], entry["end"])):
                    return rows, _wrong_days(entry, rows)
        return _decoded_singly(entry, content, intact=intact)

    def _wrong(self, path: str, text: str, record: str | None = None) -> None:
        self.findings.append(Finding("segment", path, text, record=record))

    def latest_policies(self) -> bytes | None:
        """The policies that were kept last, as a bundle; None where there are none to be read."""
        kept = self.manifest.of_kind("policy")
        return self._kept_policies(kept[-1]) if kept else None

    def _kept_policies(self, entry: Entry) -> bytes | None:
        content: bytes
        try:
            content = (self.root / entry["path"]).read_bytes()
        except OSError as error:
            self._wrong(entry["path"], f"cannot be read: {error.strerror}")
            return None
        if hashlib.sha256(content).hexdigest() != entry["sha256"]:
            self._wrong(entry["path"], "is changed: not the packs the manifest names")
            return None
        return content

    def policies(self) -> Policies:
        """The packs that are kept in it."""
        found = Policies()
        for entry in self.manifest.of_kind("policy"):
            content = self._kept_policies(entry)
            if content is None:
                continue
            try:
                found.add(content)
            except (*DAMAGED, PolicyError) as error:
                self._wrong(entry["path"], f"its packs cannot be read: {error}")
        return found


def _decoded_singly(entry: Entry, content: bytes, *, intact: bool) -> _Decoded:
    """Decode as far as can be. Records have digests of their own, to name those that changed."""
    topic, partition = entry["topic"], entry["partition"]
    rows: list[Raw] = []
    faults: list[tuple[str, str]] = []
    expected = entry["first"]
    try:
        for raw, digest in rows_with_digests(content, topic, partition):
            place = f"{topic}/{partition}/{raw.offset}"
            if raw.offset != expected:
                faults.append((place, f"stands where offset {expected} should"))
            expected = raw.offset + 1
            if not intact and record_digest(raw) != digest:
                faults.append((place, "is not the record that was archived"))
                continue
            rows.append(raw)
    except DAMAGED as error:
        reason = " ".join(str(error).split())[:200]
        faults.append((f"{topic}/{partition}/{expected}", f"cannot be decoded on: {reason}"))
        return rows, faults
    if expected != entry["end"]:
        faults.append((f"{topic}/{partition}/{expected}", f"ends before {entry['end']}"))
    return rows, faults or _wrong_days(entry, rows)


def _wrong_days(entry: Entry, rows: list[Raw]) -> list[tuple[str, str]]:
    if not rows or _days(rows) == (entry["day"], entry["last_day"]):
        return []
    return [(f"{entry['topic']}/{entry['partition']}/{entry['first']}", "is of another day")]


def _days(rows: list[Raw]) -> tuple[str, str]:
    """The first and the last day of some records."""
    moments = [row.timestamp_ms for row in rows]
    return day_of(min(moments)), day_of(max(moments))


def open_archive(root: Path) -> Archive:
    """Open an archive. Raises ArchiveError where there is none."""
    manifest = read_manifest(root)
    _ = manifest.header
    archive = Archive(root, manifest, list(manifest.findings))
    _ = archive.all_settings
    return archive
