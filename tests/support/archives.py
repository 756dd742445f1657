"""Archives made in process: the log of `years`, written as the archiver writes."""

from collections import defaultdict
from pathlib import Path

from schemas.topics import PARTITIONS
from services.replay.archive import (
    ARCHIVED,
    Archiver,
    create,
    keep_policy,
    open_to_append,
)
from services.runtime.codec import Raw
from tests.support.years import SETTINGS, Years


class HeldLog:
    """A log in memory, as the archiver reads one."""

    def __init__(self) -> None:
        self.cluster = "years"
        self.partitions = {topic.name: PARTITIONS for topic in ARCHIVED}
        self.records: dict[str, dict[int, list[Raw]]] = defaultdict(lambda: defaultdict(list))

    def take(self, raw: Raw) -> None:
        """Append a record."""
        self.records[raw.topic][raw.partition].append(raw)

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """(low, high) of every partition."""
        found = self.records[topic]
        return {at: (0, len(found.get(at, ()))) for at in range(PARTITIONS)}

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


def years(seed: int, count: int, **more: object) -> HeldLog:
    """The log of some years of orders."""
    log = HeldLog()
    Years(seed, count, log.take, **more).run()  # type: ignore[arg-type]
    return log
