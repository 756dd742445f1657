"""The manifest: what belongs to an archive, one line an entry, each naming the one before.

It is the truth: a file it does not name is no part of the archive. Each line carries its own digest
and that of the line before, so a changed, missing, added or re-ordered line is found; only an end
cut off cleanly is not, which is why every report prints the head, to be noted elsewhere.
"""

import fcntl
import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

import orjson

from schemas.base import canonical
from schemas.topics import SOURCES, dead_letters
from services.replay.errors import ArchiveError, Finding
from services.replay.segments import fsync_folder, path_of, policy_path

NAME: Final = "manifest.jsonl"
FORMAT: Final = 1
ORIGIN: Final = "0" * 64
Entry = dict[str, Any]
Place = tuple[str, int]
"""Topic and partition."""
_TOPICS: Final = tuple(sorted(each.name for t in SOURCES for each in (t, dead_letters(t))))


def entry_digest(entry: Entry) -> str:
    """Digest an entry without the digest itself."""
    bare = {name: value for name, value in entry.items() if name != "digest"}
    return hashlib.sha256(canonical(bare)).hexdigest()


@dataclass
class Manifest:
    """The entries of an archive, read and checked; `findings` says what is wrong with them."""

    root: Path
    entries: list[Entry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    held: IO[bytes] | None = field(default=None, repr=False, compare=False)
    """The open file by which nobody else may add to it: two would fork the chain of entries."""

    def close(self) -> None:
        """Let go of it, so that others may add."""
        if self.held is not None:
            self.held.close()

    @property
    def head(self) -> str:
        """Digest of the last entry: whoever noted it elsewhere can prove that nothing was cut."""
        return str(self.entries[-1]["digest"]) if self.entries else ORIGIN

    @property
    def header(self) -> Entry:
        """The first entry: which log this is of, under which settings."""
        if not self.entries or self.entries[0].get("kind") != "archive":
            raise ArchiveError(f"{self.root / NAME}: does not begin with an archive entry")
        if self.entries[0].get("format") != FORMAT:
            raise ArchiveError(
                f"{self.root / NAME}: format {self.entries[0].get('format')} is not {FORMAT}"
            )
        unknown = [topic for topic in _TOPICS if not _is_count(self.partitions.get(topic))]
        if unknown:
            raise ArchiveError(f"{self.root / NAME}: says no partitions of {', '.join(unknown)}")
        return self.entries[0]

    @property
    def partitions(self) -> dict[str, int]:
        """How many partitions each topic has, as the first entry says."""
        found: dict[str, int] = self.entries[0]["partitions"]
        return found

    def of_kind(self, kind: str) -> list[Entry]:
        """The entries of one kind, in order."""
        return [entry for entry in self.entries if entry.get("kind") == kind]

    @property
    def pruned(self) -> set[str]:
        """Paths that retention removed, on record."""
        return {path for entry in self.of_kind("pruned") for path in entry["paths"]}

    def segments(self) -> dict[Place, list[Entry]]:
        """The segments that must be there, by topic and partition, in offset order."""
        found: dict[Place, list[Entry]] = {}
        pruned = self.pruned
        for entry in self.of_kind("segment"):
            if entry["path"] not in pruned:
                found.setdefault((entry["topic"], entry["partition"]), []).append(entry)
        return found

    def ends(self) -> dict[Place, int]:
        """The next offset to archive, of each partition that has any."""
        return {
            (entry["topic"], entry["partition"]): entry["end"] for entry in self.of_kind("segment")
        }

    def append(self, entry: Entry) -> Entry:
        """Append an entry and make it lasting. Whatever it names must be lasting already."""
        linked = {"index": len(self.entries), "prev": self.head, **entry}
        linked["digest"] = entry_digest(linked)
        with (self.root / NAME).open("ab" if self.entries else "xb") as file:
            file.write(canonical(linked) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if not self.entries:
            fsync_folder(self.root)
        self.entries.append(linked)
        return linked


def hold(root: Path) -> IO[bytes]:
    """Take an archive for oneself until the file is closed, or the process ends however it does.

    Raises ArchiveError where another process has it, or there is none.
    """
    try:
        file = (root / NAME).open("rb")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise ArchiveError(f"{root}: another process is adding to it; nothing is done") from error
    except OSError as error:
        raise ArchiveError(f"{root / NAME}: {error.strerror}") from error
    return file


def read_manifest(root: Path) -> Manifest:
    """Read and check a manifest. Raises ArchiveError where there is none to be read at all."""
    try:
        content = (root / NAME).read_bytes()
    except OSError as error:
        raise ArchiveError(f"{root / NAME}: {error.strerror}") from error
    manifest = Manifest(root)
    lines = content.split(b"\n")
    if lines.pop():
        _wrong(manifest, len(lines), "the last line is not finished")
    for at, line in enumerate(lines):
        _take(manifest, at, line)
    _check_runs(manifest)
    if manifest.entries and manifest.entries[0]["kind"] == "archive":
        _check_places(manifest)
    return manifest


def _wrong(manifest: Manifest, at: int, text: str) -> None:
    manifest.findings.append(Finding("manifest", f"{NAME}:{at + 1}", text))


def _take(manifest: Manifest, at: int, line: bytes) -> None:
    try:
        entry = orjson.loads(line)
    except orjson.JSONDecodeError:
        _wrong(manifest, at, "is not JSON")
        return
    if not isinstance(entry, dict) or canonical(entry) != line:
        _wrong(manifest, at, "is not written as an entry is")
        return
    if entry.get("digest") != entry_digest(entry):
        _wrong(manifest, at, "its digest is not that of its content")
    if entry.get("prev") != manifest.head or entry.get("index") != at:
        _wrong(manifest, at, "does not follow the line before: changed, missing or re-ordered")
    if _is_whole(entry) and (entry["kind"] == "archive") == (at == 0):
        manifest.entries.append(entry)
    else:
        _wrong(manifest, at, f"lacks what a {entry.get('kind')!r} entry says")


_FIELDS: Final[dict[str, dict[str, type]]] = {
    "archive": {"format": int, "cluster": str, "partitions": dict, "settings": dict},
    "settings": {"settings": dict, "since": dict},
    "policy": {"path": str, "sha256": str, "refs": list},
    "pruned": {"paths": list, "before": dict},
    "segment": {
        "topic": str, "partition": int, "path": str, "day": str, "last_day": str, "first": int,
        "end": int, "records": int, "bytes": int, "sha256": str,
    },
}  # fmt: skip


def _is_whole(entry: Entry) -> bool:
    wanted = _FIELDS.get(str(entry.get("kind")))
    return (
        wanted is not None
        and isinstance(entry.get("digest"), str)
        and all(type(entry.get(name)) is kind for name, kind in wanted.items())
        and _is_sensible(entry)
    )


def _is_sensible(entry: Entry) -> bool:
    """Whether an entry names what such an entry may name, and files where such files lie."""
    if entry["kind"] == "settings":
        return all(type(offset) is int for offset in entry["since"].values())
    if entry["kind"] == "policy":
        return bool(entry["path"] == policy_path(entry["sha256"]))
    if entry["kind"] == "pruned":
        return all(isinstance(path, str) for path in entry["paths"])
    if entry["kind"] != "segment":
        return True
    first, end = entry["first"], entry["end"]
    path = path_of(entry["topic"], entry["partition"], entry["day"], first)
    return bool(entry["path"] == path and 0 <= first < end == first + entry["records"])


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _check_places(manifest: Manifest) -> None:
    """Segments are of the partitions there are; what retention removed, each began with."""
    kept: set[Place] = set()
    pruned, named = manifest.pruned, set()
    for at, entry in enumerate(manifest.entries):
        if entry["kind"] != "segment":
            continue
        place, path = (entry["topic"], entry["partition"]), entry["path"]
        count = manifest.partitions.get(place[0])
        if not (_is_count(count) and 0 <= place[1] < int(count or 0)):
            _wrong(manifest, at, f"{path} is of a partition that there is not")
        if path not in pruned:
            kept.add(place)
        elif place in kept:
            _wrong(manifest, at, f"{path} was removed, and what came before was not")
        named.add(path)
    for path in sorted(pruned - named):
        _wrong(manifest, len(manifest.entries) - 1, f"{path} was removed, and is no segment")


def _check_runs(manifest: Manifest) -> None:
    """Each partition's segments follow one another without gap or overlap, from 0."""
    next_of: dict[Place, int] = {}
    for at, entry in enumerate(manifest.entries):
        if entry["kind"] != "segment":
            continue
        place = (entry["topic"], entry["partition"])
        expected = next_of.get(place, 0)
        if entry["first"] != expected:
            what = "a gap" if entry["first"] > expected else "an overlap"
            text = f"{entry['path']} begins at {entry['first']}, not {expected}: {what}"
            _wrong(manifest, entry.get("index", at), text)
        next_of[place] = max(entry["end"], expected)
