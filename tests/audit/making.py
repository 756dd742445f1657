"""The archive of years, made by several processes; what was made of it survives being stopped.

Orders are made in worlds of at most 100,000, each with partitions of its own. A world that is done
is noted beside the archive, and not made again by who goes on.
"""

import gc
import os
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

from schemas.topics import PARTITIONS
from services.replay.archive import ARCHIVED, create, keep_policy, open_to_append, segment_entry
from services.replay.segments import write_whole
from services.replay.workers import Counter, Workers
from services.runtime.codec import Raw
from tests.support.years import SETTINGS, Years

SEGMENT: Final = 5_000
WORLD_MAX: Final = 100_000
SAY_EVERY_S: Final = 10.0
Entries = list[dict[str, Any]]


def say(text: str) -> None:
    """Report progress."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


class _Segments:
    """Writes what a world says into segments, a few thousand records each."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._held: dict[tuple[str, int], list[Raw]] = defaultdict(list)
        self.entries: Entries = []

    def take(self, raw: Raw) -> None:
        """Take a record."""
        held = self._held[raw.topic, raw.partition]
        held.append(raw)
        if len(held) >= SEGMENT:
            self._write(raw.topic, raw.partition)

    def _write(self, topic: str, partition: int) -> None:
        raws = self._held.pop((topic, partition))
        self.entries.append(segment_entry(self._root, topic, partition, raws))

    def close(self) -> Entries:
        """Write the rest."""
        for topic, partition in sorted(self._held):
            self._write(topic, partition)
        return self.entries


def world(root: str, seed: int, count: int, number: int, worlds: int) -> None:
    """One world's orders, in the partitions that are its own; nothing where they are there."""
    gc.disable()
    note = Path(root) / f"world-{number}.json"
    if note.exists():
        return
    counter = Counter(Path(root) / f"world-{number}.done")
    segments = _Segments(Path(root))
    Years(seed, count, segments.take, world=number, worlds=worlds, told=counter.add).run()
    write_whole(note, orjson.dumps(segments.close()))
    gc.collect(0)  # a world is full of circles, and its process may make another


def make(root: Path, orders: int, processes: int, seed: int) -> None:
    """Make the archive, or go on where it was left; an archive that is there stays as it is."""
    rounds = -(-orders // (WORLD_MAX * processes))  # so that no process waits for the last
    worlds = min(PARTITIONS, rounds * processes)
    parts = root.with_name(f"{root.name}.seed-{seed}.{orders}-in-{worlds}")
    if root.exists() and not parts.exists():
        return
    parts.mkdir(parents=True, exist_ok=True)
    for left in parts.glob("world-*.done"):
        left.unlink()
    with Workers(processes, _look(parts, orders)) as workers:
        workers.all(world, [(str(parts), seed, orders // worlds, at, worlds)
                            for at in range(worlds)])  # fmt: skip
    _put_together(root, parts, worlds)
    shutil.rmtree(parts)


def _look(parts: Path, orders: int) -> Callable[[], None]:
    """Say now and then how many orders are made."""
    began = said = time.monotonic()

    def look() -> None:
        nonlocal said
        now = time.monotonic()
        if now - said < SAY_EVERY_S:
            return
        said = now
        done = sum(int(each.read_bytes() or b"0") for each in parts.glob("world-*.done"))
        say(f"made: {done:,} of {orders:,} orders, {done / (now - began):,.0f}/s in this run")

    return look


def _put_together(root: Path, parts: Path, worlds: int) -> None:
    """Name all segments in a manifest; stopped in between, it is done again from the parts."""
    shutil.rmtree(root, ignore_errors=True)
    create(root, "years", {topic.name: PARTITIONS for topic in ARCHIVED}, SETTINGS)
    manifest = open_to_append(root)
    keep_policy(manifest)
    for at in range(worlds):
        for entry in orjson.loads((parts / f"world-{at}.json").read_bytes()):
            linked(parts / entry["path"], root / entry["path"])
            manifest.append(entry)


def linked(source: Path, target: Path) -> None:
    """Give a file a second name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)
