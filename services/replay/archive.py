"""The archiver: what stands in the log, and nothing else, into segments and their manifest.

A segment is written whole, made lasting, then named in the manifest. Killed in between, the file is
no part of the archive, is removed at the next start, and its records are read again: no gap, no
duplicate.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from schemas.topics import (
    CHECKS,
    CLASSIFIED,
    DECISIONS,
    LICENSES,
    ORDERS,
    PRODUCTS,
    REFERENCE,
    SOURCES,
    dead_letters,
)
from services.replay.errors import ArchiveError
from services.replay.manifest import FORMAT, NAME, Entry, Manifest, hold, read_manifest
from services.replay.policies import bundle, bundle_refs
from services.replay.segments import day_of, path_of, policy_path, write_segment, write_whole
from services.replay.stages import GateSettings
from services.runtime.codec import Raw

SEGMENT_RECORDS: Final = 20_000
SEGMENT_BYTES: Final = 64 * 1024 * 1024
"""Raw bytes of values, before compression."""
DAY_RECORDS: Final = 1_000
"""A day with fewer records shares its segment with the next: a file a day is too many files."""
READ_RECORDS: Final = 5_000
"""Read from the log at a time, so that memory stays small."""
DOWNSTREAM_FIRST: Final = (DECISIONS, LICENSES, CHECKS, CLASSIFIED, ORDERS, PRODUCTS, REFERENCE)
"""Ends are looked up in this order, so that the cause of what is archived is archived too."""
ARCHIVED: Final = (*DOWNSTREAM_FIRST, *(dead_letters(topic) for topic in SOURCES))


class Log(Protocol):
    """A log that can be read; Kafka's, or one made up."""

    cluster: str
    partitions: dict[str, int]

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """(low, high) of every partition."""

    def between(self, topic: str, partition: int, start: int, end: int) -> list[Raw]:
        """The records of a partition from `start` to before `end`, in offset order."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a round is."""

    archived: int
    total: int
    topic: str


def begun(root: Path) -> bool:
    """Whether there is an archive. One whose first entry was never finished is none."""
    path = root / NAME
    return path.exists() and b"\n" in path.read_bytes()


def create(root: Path, cluster: str, partitions: dict[str, int], settings: GateSettings) -> None:
    """Begin an archive of a log, under the settings its services run with."""
    root.mkdir(parents=True, exist_ok=True)
    if not begun(root):
        (root / NAME).unlink(missing_ok=True)
    if any(root.iterdir()):
        raise ArchiveError(f"{root} holds files, but no archive")
    Manifest(root).append(
        {
            "kind": "archive",
            "format": FORMAT,
            "cluster": cluster,
            "partitions": partitions,
            "settings": settings.model_dump(mode="json"),
        }
    )


def open_to_append(root: Path) -> Manifest:
    """Take up an archive where it was left: finish nothing, repair nothing but a torn last line.

    It is held until the manifest is let go. Raises ArchiveError where another process holds it.
    """
    path = root / NAME
    held = hold(root)
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    if whole != content:
        with path.open("r+b") as file:
            file.truncate(len(whole))
    manifest = read_manifest(root)
    manifest.held = held
    if manifest.findings:
        raise ArchiveError(f"{root} is damaged, nothing is added: {manifest.findings[0]}")
    remove_strays(manifest)
    return manifest


def note_settings(manifest: Manifest, settings: GateSettings) -> None:
    """Note the settings that the services run with from here on, where they are others."""
    known = [manifest.header, *manifest.of_kind("settings")]
    now = settings.model_dump(mode="json")
    if known[-1]["settings"] == now:
        return
    since = {str(at): end for (topic, at), end in manifest.ends().items() if topic == CHECKS.name}
    manifest.append({"kind": "settings", "settings": now, "since": since})


def remove_strays(manifest: Manifest) -> list[str]:
    """Remove what an interrupted run left: files the manifest does not name."""
    named = {entry["path"] for entry in manifest.entries if "path" in entry} | {NAME}
    strays = [path for path in sorted(manifest.root.rglob("*")) if path.is_file()]
    removed = []
    for path in strays:
        name = path.relative_to(manifest.root).as_posix()
        if name not in named and (name.endswith((".parquet", ".partial"))):
            path.unlink()
            removed.append(name)
    return removed


def keep_policy(manifest: Manifest) -> None:
    """Keep the packs of this release in the archive, once: later releases may have others."""
    content, digest = bundle()
    if any(entry["sha256"] == digest for entry in manifest.of_kind("policy")):
        return
    path = policy_path(digest)
    write_whole(manifest.root / path, content)
    manifest.append({"kind": "policy", "path": path, "sha256": digest, "refs": bundle_refs()})


@dataclass
class Archiver:
    """Brings an archive up to the log."""

    manifest: Manifest
    log: Log
    until_ms: int | None = None
    """Records stamped at or after this are left out."""

    def round(self, told: Callable[[Progress], None] = lambda _: None) -> int:
        """Archive everything the log has now; return how many records that was."""
        self._same_log()
        ends = {topic.name: self.log.ends(topic.name) for topic in ARCHIVED}
        have = self.manifest.ends()
        wanted = []
        for topic, partitions in ends.items():
            for partition, (low, high) in sorted(partitions.items()):
                start = have.get((topic, partition), 0)
                if start < low or start > high:
                    raise ArchiveError(
                        f"{topic}/{partition}: the log holds {low} to {high}, the archive goes on "
                        f"at {start}: records are missing from the log, or it is another one"
                    )
                if start < high:
                    wanted.append((topic, partition, start, high))
        total = sum(high - start for _, _, start, high in wanted)
        done = 0
        for topic, partition, start, high in wanted:
            for raws in segments_of(self._records(topic, partition, start, high)):
                self._keep(topic, partition, raws)
                done += len(raws)
                told(Progress(done, total, topic))
        return done

    def _same_log(self) -> None:
        header = self.manifest.header
        if header["cluster"] != self.log.cluster:
            raise ArchiveError(
                f"{self.manifest.root} is an archive of cluster {header['cluster']}, not of "
                f"{self.log.cluster}"
            )
        if header["partitions"] != self.log.partitions:
            raise ArchiveError("the topics have other partitions than when the archive was begun")

    def _records(self, topic: str, partition: int, start: int, high: int) -> Iterator[Raw]:
        """Read on, a piece at a time. Raises ArchiveError where an offset is not there."""
        while start < high:
            end = min(start + READ_RECORDS, high)
            for raw in self.log.between(topic, partition, start, end):
                if self.until_ms is not None and raw.timestamp_ms >= self.until_ms:
                    return
                if raw.offset != start:
                    raise ArchiveError(f"{topic}/{partition}: no record at offset {start}")
                start += 1
                yield raw
            if start != end:
                raise ArchiveError(f"{topic}/{partition}: no record at offset {start}")

    def _keep(self, topic: str, partition: int, raws: list[Raw]) -> None:
        self.manifest.append(segment_entry(self.manifest.root, topic, partition, raws))


def segment_entry(root: Path, topic: str, partition: int, raws: list[Raw]) -> Entry:
    """Write a segment and say what the manifest must say of it."""
    first, last = raws[0], raws[-1]
    days = [day_of(min(raw.timestamp_ms for raw in raws)),
            day_of(max(raw.timestamp_ms for raw in raws))]  # fmt: skip
    path = path_of(topic, partition, days[0], first.offset)
    digest = write_segment(root, path, raws)
    return {
        "kind": "segment",
        "topic": topic,
        "partition": partition,
        "path": path,
        "day": days[0],
        "last_day": days[1],
        "first": first.offset,
        "end": last.offset + 1,
        "records": len(raws),
        "bytes": (root / path).stat().st_size,
        "sha256": digest.hex(),
    }


def segments_of(records: Iterator[Raw]) -> Iterator[list[Raw]]:
    """Cut a run of records into segments: by size, and by day where the day fills one."""
    held: list[Raw] = []
    size = 0
    for raw in records:
        new_day = held and day_of(raw.timestamp_ms) != day_of(held[-1].timestamp_ms)
        full = len(held) >= SEGMENT_RECORDS or size >= SEGMENT_BYTES
        if full or (new_day and len(held) >= DAY_RECORDS):
            yield held
            held, size = [], 0
        held.append(raw)
        size += len(raw.value or b"")
    if held:
        yield held
