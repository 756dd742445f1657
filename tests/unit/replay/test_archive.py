"""The archive is the log: no gap, no duplicate, whatever the archiver dies of, wherever."""

import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from schemas.topics import LICENSES, ORDERS
from services.replay import archive as archiving
from services.replay import retention, segments
from services.replay.archive import Archiver, create, open_to_append, segments_of
from services.replay.errors import ArchiveError
from services.replay.manifest import NAME, Manifest, read_manifest
from services.replay.query import READY, ask
from services.replay.reading import open_archive
from services.runtime.codec import Raw
from tests.support.archives import HeldLog
from tests.support.years import SETTINGS

DAY_MS = 86_400_000


def raw(offset: int, *, topic: str = ORDERS.name, at: int = 0, **changes: Any) -> Raw:
    """A record with everything a record may have, and nothing where there may be nothing."""
    fields = {
        "topic": topic, "partition": 2, "offset": offset, "key": b"erp/o1",
        "value": b"\xff\x00value" if offset % 3 else None,
        "headers": (("ce_id", b"\xfe"), ("none", None), ("ce_id", b"twice")),
        "timestamp_ms": at or offset * 1_000,
    }  # fmt: skip
    return Raw(**{**fields, **changes})


def log_of(count: int) -> HeldLog:
    """A log with records in two topics."""
    log = HeldLog()
    for offset in range(count):
        log.take(raw(offset))
        log.take(raw(offset, topic=LICENSES.name, key=None if offset % 2 else b"l"))
    return log


def fresh(root: Path, log: HeldLog) -> Path:
    """An empty archive of a log."""
    create(root, log.cluster, log.partitions, SETTINGS)
    return root


def archived(root: Path) -> list[Raw]:
    """Every record of an archive in which nothing is wrong."""
    archive = open_archive(root)
    found = [row for topic, at in sorted(archive.segments) for row in archive.rows(topic, at)]
    assert archive.findings == []
    return found


def written(log: HeldLog) -> list[Raw]:
    """Every record of a log."""
    return [one for topic in sorted(log.records) for at in sorted(log.records[topic])
            for one in log.records[topic][at]]  # fmt: skip


def test_the_archive_holds_what_the_log_holds_byte_for_byte(tmp_path: Path) -> None:
    log = log_of(50)
    root = fresh(tmp_path / "a", log)

    assert Archiver(open_to_append(root), log).round() == 100
    assert archived(root) == written(log)


def test_a_later_round_takes_what_is_new(tmp_path: Path) -> None:
    log = log_of(10)
    root = fresh(tmp_path / "a", log)
    archiver = Archiver(open_to_append(root), log)
    archiver.round()
    for offset in range(10, 14):
        log.take(raw(offset))

    assert [archiver.round(), archiver.round()] == [4, 0]
    assert archived(root) == written(log)


class Killed(BaseException):
    """The process is gone."""


def test_killed_anywhere_the_archive_is_the_log(tmp_path: Path, monkeypatch: Any) -> None:
    """Before, between and after every write: files without entries, torn lines, nothing."""
    log = log_of(60)
    root = fresh(tmp_path / "a", log)
    monkeypatch.setattr(archiving, "SEGMENT_RECORDS", 3)
    choice = random.Random(2)
    whole, append = segments.write_segment, Manifest.append
    deaths = 0

    def write(*arguments: Any) -> bytes:
        if choice.random() < 0.15:
            if choice.random() < 0.5:
                whole(*arguments)
            else:
                path = arguments[0] / (arguments[1] + ".partial")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"half")
            raise Killed
        return whole(*arguments)

    def line(manifest: Manifest, entry: Any) -> Any:
        if choice.random() < 0.15:
            with (manifest.root / NAME).open("ab") as file:
                file.write(b'{"index":99,"kind":"seg')
            raise Killed
        return append(manifest, entry)

    monkeypatch.setattr(archiving, "write_segment", write)
    monkeypatch.setattr(Manifest, "append", line)
    for _ in range(200):
        try:
            Archiver(open_to_append(root), log).round()
            break
        except Killed:
            deaths += 1

    assert deaths >= 5
    assert archived(root) == written(log)
    named = {entry["path"] for entry in read_manifest(root).of_kind("segment")}
    assert {p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()} == named | {
        NAME
    }


def test_a_log_that_lost_records_is_refused(tmp_path: Path, monkeypatch: Any) -> None:
    log = log_of(10)
    root = fresh(tmp_path / "a", log)
    monkeypatch.setattr(log, "ends", lambda topic: {2: (4, 10)} if topic == ORDERS.name else {})

    with pytest.raises(ArchiveError, match="records are missing from the log"):
        Archiver(open_to_append(root), log).round()


def test_another_cluster_is_refused(tmp_path: Path) -> None:
    log = log_of(3)
    root = fresh(tmp_path / "a", log)
    log.cluster = "another"

    with pytest.raises(ArchiveError, match="not of another"):
        Archiver(open_to_append(root), log).round()


def test_a_damaged_archive_gets_nothing_added(tmp_path: Path) -> None:
    log = log_of(3)
    root = fresh(tmp_path / "a", log)
    Archiver(open_to_append(root), log).round()
    text = (root / NAME).read_bytes()
    (root / NAME).write_bytes(text.replace(b'"records":3', b'"records":4', 1))

    with pytest.raises(ArchiveError, match="damaged"):
        open_to_append(root)


def test_an_archive_that_died_before_its_first_line_is_begun_again(tmp_path: Path) -> None:
    log = log_of(3)
    root = fresh(tmp_path / "a", log)
    (root / NAME).write_bytes((root / NAME).read_bytes()[:40])

    assert not archiving.begun(root)
    assert Archiver(open_to_append(fresh(root, log)), log).round() == 6
    with pytest.raises(ArchiveError, match="no archive"):
        fresh(root, log)


def test_two_archivers_at_once_do_not_fork_it(tmp_path: Path) -> None:
    """The second would also have removed the first one's segment as a stray."""
    log = log_of(10)
    root = fresh(tmp_path / "a", log)
    first = Archiver(open_to_append(root), log)

    with pytest.raises(ArchiveError, match="another process is adding to it"):
        open_to_append(root)
    with pytest.raises(FileExistsError):
        Manifest(root).append({"kind": "archive"})

    assert first.round() == 20
    first.manifest.close()
    assert Archiver(open_to_append(root), log).round() == 0
    assert archived(root) == written(log)


def test_a_folder_with_other_files_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("mine")

    with pytest.raises(ArchiveError, match="no archive"):
        create(tmp_path, "c", {}, SETTINGS)


def test_segments_end_with_a_day_that_fills_one() -> None:
    busy = [raw(n, at=1 + n // 1_000 * DAY_MS) for n in range(3_000)]
    quiet = [raw(n, at=1 + n * DAY_MS) for n in range(300)]

    assert [len(each) for each in segments_of(iter(busy))] == [1_000, 1_000, 1_000]
    assert [len(each) for each in segments_of(iter(quiet))] == [300]


# Queries


def rows_of(view: str) -> str:
    """All rows of a ready view."""
    return f"SELECT * FROM {READY[view]}"  # noqa: S608 - a name of ours


def test_the_ready_views_count_what_the_archive_holds(sound: Path) -> None:
    manifest = read_manifest(sound)
    decisions = ask(manifest, "SELECT count(*) FROM decisions")[1][0][0]

    columns, days = ask(manifest, rows_of("decisions"))
    assert columns == ["day", "decision", "decisions", "orders"]
    assert sum(row[2] for row in days) == decisions > 400
    holds = ask(manifest, rows_of("holds"))[1]
    assert {row[0] for row in holds} >= {"CLASSIFICATION_UNCERTAIN", "OVERLAP_ROUTED"}
    drawn = ask(manifest, rows_of("draw-down"))[1]
    assert drawn and all(row[0].startswith("CN-") for row in drawn)


def test_what_nobody_can_read_fails_no_view(tmp_path: Path) -> None:
    """A record that is no UTF-8 anywhere stands in many logs, and for ever."""
    log = HeldLog()
    poison = (("ce_type", b"\xff"), ("ce_id", b"\xff"), ("ce_source", b"\xff"))
    log.take(raw(0, key=b"\xff", value=b"\xff", headers=poison))
    named = (("ce_type", b"exportgate.order.placed.v1"), ("ce_id", b"1"), ("ce_source", b"erp"))
    log.take(raw(1, key=b"\xff", value=b"\xff", headers=named))
    root = fresh(tmp_path / "a", log)
    Archiver(open_to_append(root), log).round()

    for view in READY:
        assert ask(read_manifest(root), rows_of(view))[1] == []
    rows = ask(read_manifest(root), 'SELECT "offset", type, event FROM events')[1]
    assert rows == [(1, "exportgate.order.placed.v1", None)]


@pytest.mark.parametrize(
    "sql",
    ["SELECT * FROM read_text('/etc/hostname')", "COPY (SELECT 1) TO 'x.csv'",
     "SELECT 1; SELECT 2", "SET threads = 1", "DROP VIEW decisions", "SELECT * FROM nowhere"],
)  # fmt: skip
def test_a_query_reads_the_archive_and_nothing_else(sound: Path, sql: str) -> None:
    with pytest.raises(ArchiveError):
        ask(read_manifest(sound), sql)


# Retention


def test_nothing_younger_than_the_longest_duty_is_ever_pruned(tmp_path: Path) -> None:
    log = HeldLog()
    first = int(datetime(2018, 1, 1, tzinfo=UTC).timestamp() * 1000)
    for offset in range(9_000):
        log.take(raw(offset, at=first + offset // 1_000 * 365 * DAY_MS))
    root = fresh(tmp_path / "a", log)
    Archiver(open_to_append(root), log).round()
    manifest = open_to_append(root)
    today = date(2026, 11, 24)

    with pytest.raises(ArchiveError, match="must be kept"):
        retention.prunable(manifest, today, date(2021, 1, 2))
    found = retention.prunable(manifest, today)
    assert [entry["last_day"] for entry in found.entries] == [
        "2018-01-01", "2019-01-01", "2020-01-01", "2020-12-31",
    ]  # fmt: skip
    assert retention.prune(manifest, found) == 4
    assert retention.prunable(read_manifest(root), today).entries == ()
    archive = open_archive(root)
    assert [row.offset for row in archive.rows(ORDERS.name, 2)] == list(range(4_000, 9_000))
    assert archive.findings == []


def test_every_regime_has_its_duty_with_its_authority() -> None:
    found = retention.read_retention()

    assert {period.regime for period in found.periods} == {"CN", "US", "EU"}
    assert found.keep_from(date(2026, 12, 31)) == date(2021, 1, 1)
