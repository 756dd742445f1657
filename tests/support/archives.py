"""Archives made in process: the log of `years`, written as the archiver writes."""

import hashlib
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from schemas.topics import PARTITIONS
from services.replay.archive import (
    ARCHIVED,
    Archiver,
    create,
    keep_policy,
    open_to_append,
    segment_entry,
)
from services.replay.manifest import NAME, Entry, Manifest, read_manifest
from services.replay.segments import rows_of
from services.runtime.codec import Raw
from tests.support.years import SETTINGS, Years


class HeldLog:
    """A log in memory, as the archiver reads one."""

    def __init__(self, partitions: int = PARTITIONS) -> None:
        self.cluster = "years"
        self.partitions = {topic.name: partitions for topic in ARCHIVED}
        self.records: dict[str, dict[int, list[Raw]]] = defaultdict(lambda: defaultdict(list))

    def take(self, raw: Raw) -> None:
        """Append a record."""
        self.records[raw.topic][raw.partition].append(raw)

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """(low, high) of every partition."""
        found = self.records[topic]
        return {at: (0, len(found.get(at, ()))) for at in range(self.partitions[topic])}

    def between(self, topic: str, partition: int, start: int, end: int) -> list[Raw]:
        """Records from `start` to before `end`."""
        return self.records[topic][partition][start:end]


def archived(root: Path, log: HeldLog) -> None:
    """Archive a log, as `exportgate archive` does."""
    if not root.exists():
        create(root, log.cluster, log.partitions, SETTINGS)
    manifest = open_to_append(root)
    keep_policy(manifest)
    Archiver(manifest, log).round()


def years(seed: int, count: int, partitions: int = PARTITIONS) -> HeldLog:
    """The log of three years of orders."""
    log = HeldLog(partitions)
    Years(seed, count, log.take, partitions=partitions).run()
    return log


def reworked(root: Path, path: str, change: Callable[[list[Raw]], list[Raw]]) -> None:
    """Rewrite one segment as a forger with the archiver's own tools: every digest fits again."""
    entries = read_manifest(root).entries
    (root / NAME).unlink()
    manifest = Manifest(root)
    for entry in entries:
        bare = {name: entry[name] for name in entry if name not in ("index", "prev", "digest")}
        if entry.get("path") == path:
            content = (root / path).read_bytes()
            raws = rows_of(content, entry["topic"], entry["partition"])
            bare = segment_entry(root, entry["topic"], entry["partition"], change(raws))
        manifest.append(bare)


def resigned(raw: Raw, value: bytes) -> Raw:
    """A record with another value, and the digest header that fits it."""
    digest = hashlib.sha256(value).hexdigest().encode()
    headers = tuple(
        (name, digest if name == "ce_sha256" else content) for name, content in raw.headers
    )
    return raw._replace(value=value, headers=headers)


def header(raw: Raw, name: str) -> str:
    """One header as text."""
    return (dict(raw.headers).get(name) or b"").decode()


def find(root: Path, wanted: Callable[[Raw], bool]) -> tuple[str, Raw]:
    """The first record that is wanted, and the segment it stands in."""
    for found in read_manifest(root).segments().values():
        for entry in found:
            content = (root / entry["path"]).read_bytes()
            for raw in rows_of(content, entry["topic"], entry["partition"]):
                if wanted(raw):
                    return entry["path"], raw
    raise AssertionError("no such record")


def rewritten(root: Path, change: Callable[[Entry], list[Entry]]) -> None:
    """Write the manifest anew, each entry as `change` has it, linked as it must be."""
    entries = read_manifest(root).entries
    (root / NAME).unlink()
    manifest = Manifest(root)
    for entry in entries:
        bare = {name: entry[name] for name in entry if name not in ("index", "prev", "digest")}
        for each in change(bare):
            manifest.append(each)
