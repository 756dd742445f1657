"""Verification finds nothing in a sound archive, and what was done to any other, by name."""

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.checks import ReleaseStale
from schemas.decisions import OrderReleased
from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, ORDERS
from services.replay.errors import ArchiveError, Finding
from services.replay.manifest import NAME, read_manifest
from services.replay.reading import open_archive
from services.replay.stages import GATE
from services.replay.verify import Report, verify
from services.runtime.codec import Raw
from tests.support.archives import HeldLog, archived, find, header, resigned, reworked
from tests.support.years import Years

ASSESSED = "exportgate.order.assessed.v1"
AMENDED = "exportgate.license.amended.v1"
ENTERED = "exportgate.license.granted.v1"
GRANTED = "exportgate.reservation.granted.v1"


def found(root: Path, **options: Any) -> list[Finding]:
    """What is wrong, looked for in this process."""
    return verify(root, processes=1, **options).findings


def segment_of(root: Path, topic: str) -> Path:
    """The largest segment of a topic."""
    entries = [e for key, es in read_manifest(root).segments().items() for e in es
               if key[0] == topic]  # fmt: skip
    return root / str(max(entries, key=lambda entry: entry["records"])["path"])


def forged(root: Path, wanted: Callable[[Raw], bool], change: Callable[[Any], None]) -> Raw:
    """Change a record's value and make every digest of the archive fit it."""
    path, chosen = find(root, wanted)
    event = orjson.loads(chosen.value or b"")
    change(event)
    new = resigned(chosen, orjson.dumps(event))
    reworked(root, path, lambda raws: [new if raw == chosen else raw for raw in raws])
    return chosen


def place(raw: Raw) -> str:
    """Coordinates."""
    return f"{raw.topic}/{raw.partition}/{raw.offset}"


def is_a(kind: str) -> Callable[[Raw], bool]:
    """Whether a record is of a type."""
    return lambda raw: header(raw, "ce_type") == kind


def test_nothing_is_wrong_with_a_sound_archive(sound: Path) -> None:
    report = verify(sound, processes=1)

    assert report.findings == []
    assert report.engine_changes == []
    assert report.orders == 250
    assert report.decisions > 400
    assert report.rederived > 1_000
    assert (report.in_flight, report.ahead) == (0, 0)


class HeldBack(Years):
    """The runtime finds one release too old to be sent; asked again, the gate says it again."""

    stale: str | None = None

    def _decided(self, record: Any) -> None:
        super()._decided(record)
        if self.stale is None and isinstance(event := record.event, OrderReleased):
            self.stale = event.decision_id
            fields = {name: getattr(event, name) for name in ReleaseStale.model_fields}
            self._plan(
                record.logged_at + timedelta(seconds=1),
                lambda at: self.say(CHECKS.name, event.key, ReleaseStale.model_validate(fields),
                                    "stale", GATE, at),
            )  # fmt: skip


def test_a_release_that_was_held_back_and_said_again_is_sound(tmp_path: Path) -> None:
    log = HeldLog()
    world = HeldBack(3, 20, log.take)
    world.run()
    said = (world.stale or "").encode()
    at, raws = next(
        (at, raws) for at, raws in log.records[DECISIONS.name].items()
        if any(said in (raw.value or b"") for raw in raws)
    )  # fmt: skip
    places = [raw.offset for raw in raws if said in (raw.value or b"")]
    assert len(places) == 2
    kept = [raw for raw in raws if raw.offset != places[0]]
    log.records[DECISIONS.name][at] = [raw._replace(offset=n) for n, raw in enumerate(kept)]
    archived(tmp_path / "archive", log)

    assert found(tmp_path / "archive") == []


def test_one_changed_byte_is_found_wherever_it_is(sound: Path) -> None:
    """100 random places over all files, one at a time."""
    choice = random.Random(11)
    files = sorted(path for path in sound.rglob("*") if path.is_file())
    sizes = [path.stat().st_size for path in files]
    for _ in range(100):
        path = choice.choices(files, sizes)[0]
        whole = path.read_bytes()
        at, bit = choice.randrange(len(whole)), 1 << choice.randrange(8)
        path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
        try:
            assert file_findings(sound, path), f"{path.name}: bit {bit} of byte {at} was missed"
        finally:
            path.write_bytes(whole)
    assert not any(file_findings(sound, path) for path in files)


def file_findings(root: Path, path: Path) -> list[Finding]:
    """What verification finds wrong with one file: it looks at every one in this way."""
    try:
        archive = open_archive(root)
    except ArchiveError as error:
        return [Finding("manifest", NAME, str(error))]
    name = path.relative_to(root).as_posix()
    for entry in archive.manifest.of_kind("segment"):
        if entry["path"] == name:
            archive.rows_of(entry)
    if name.startswith("policy/"):
        archive.policies()
    return archive.findings


def storage_findings(root: Path) -> list[Finding]:
    """What is wrong with the files alone."""
    archive = open_archive(root)
    for topic, partition in archive.segments:
        for _ in archive.rows(topic, partition):
            pass
    return archive.findings


def test_a_truncated_segment_is_named_and_the_rest_is_verified(copy: Path) -> None:
    path = segment_of(copy, DECISIONS.name)
    path.write_bytes(path.read_bytes()[:-1_000])

    report = verify(copy, processes=1)

    named = [each for each in report.findings if each.kind == "segment"]
    assert "truncated" in named[0].text
    assert named[0].where == path.relative_to(copy).as_posix()
    assert report.orders == 250
    assert partitions_of(report) <= {path.parent.parent.name.lstrip("0") or "0"}


def partitions_of(report: Report) -> set[str]:
    """The partitions findings that name a record are in."""
    return {each.record.split("/")[1] for each in report.findings if each.record}


def test_a_missing_segment_is_named(copy: Path) -> None:
    path = segment_of(copy, ORDERS.name)
    path.unlink()

    named = [each for each in found(copy) if each.kind == "segment"]

    assert [each.where for each in named] == [path.relative_to(copy).as_posix()]
    assert "No such file" in named[0].text


def test_segments_that_changed_places_are_named(copy: Path) -> None:
    one, other = segment_of(copy, ORDERS.name), segment_of(copy, CHECKS.name)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)

    named = {each.where for each in found(copy) if each.kind == "segment"}

    assert named == {path.relative_to(copy).as_posix() for path in (one, other)}


def test_a_changed_record_is_named_where_its_page_still_decodes(copy: Path) -> None:
    """The file's digest says the file; the record's own digest says which record."""
    path, chosen = find(copy, is_a(ENTERED))
    entry = next(e for e in read_manifest(copy).entries if e.get("path") == path)
    reworked(copy, path, lambda raws: [
        raw._replace(timestamp_ms=raw.timestamp_ms + 1) if raw == chosen else raw for raw in raws
    ])  # fmt: skip
    other = (copy / path).read_bytes()
    assert entry["sha256"] != next(
        e for e in read_manifest(copy).entries if e.get("path") == path
    )["sha256"]  # fmt: skip
    # Put the old digest beside the new time, as a flipped bit in the time's page would leave it.
    swap_digest(copy, path, chosen, other)

    named = [each for each in storage_findings(copy) if each.record]

    assert [each.record for each in named] == [place(chosen)]
    assert "not the record that was archived" in named[0].text


def swap_digest(root: Path, path: str, chosen: Raw, content: bytes) -> None:
    """Write a segment whose record has the digest it had before it was changed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from services.replay.segments import record_digest

    table = pq.read_table(pa.BufferReader(content))
    rows = table.to_pylist()
    for row in rows:
        if row["offset"] == chosen.offset:
            row["sha256"] = record_digest(chosen)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), root / path)


@pytest.mark.parametrize("line", [0, 5, -1])
def test_a_missing_line_of_the_manifest_is_found(copy: Path, line: int) -> None:
    head = read_manifest(copy).head
    lines = (copy / NAME).read_bytes().splitlines(keepends=True)
    del lines[line]
    (copy / NAME).write_bytes(b"".join(lines))

    if line == 0:
        with pytest.raises(Exception, match="does not begin with an archive entry"):
            verify(copy, processes=1)
        return
    kinds = {each.kind for each in found(copy, head=head)}

    assert "manifest" in kinds


def test_an_end_cut_off_cleanly_needs_the_head_to_be_found(copy: Path) -> None:
    """Said in the documentation: what nobody noted elsewhere, nobody can miss."""
    head = read_manifest(copy).head
    lines = (copy / NAME).read_bytes().splitlines(keepends=True)
    (copy / NAME).write_bytes(b"".join(lines[:-1]))

    assert not read_manifest(copy).findings
    assert any(head in each.text for each in found(copy, head=head))


# A forger with the archiver's own tools: every digest of the archive fits.


def test_a_forged_license_snapshot_in_the_evidence_is_found(copy: Path) -> None:
    """Determination's record says that the book was read at another place, or held another."""

    def change(event: Any) -> None:
        event["book"] = dict.fromkeys(event["book"], 0)

    def has_candidates(raw: Raw) -> bool:
        return is_a(ASSESSED)(raw) and b'"candidates":[{' in (raw.value or b"")

    chosen = forged(copy, has_candidates, change)

    named = [each for each in found(copy) if each.kind == "rederivation"]
    assert [each.record for each in named] == [place(chosen)]
    assert "candidates" in named[0].text


def test_a_forged_balance_in_an_answer_is_found(copy: Path) -> None:
    chosen = forged(copy, is_a(GRANTED), lambda e: e["balance_after"].update(quantity="987"))

    named = [each for each in found(copy) if each.record == place(chosen)]

    assert [each.kind for each in named] == ["fold"]
    assert named[0].order == (chosen.key or b"").decode()
    assert "balance_after.quantity: recorded 987" in named[0].text


def test_a_release_that_nobody_decided_is_found(copy: Path) -> None:
    def change(event: Any) -> None:
        event["decision"] = "RELEASED"
        event["reasons"] = []

    chosen = forged(copy, is_a("exportgate.decision.held.v1"), change)

    named = [each for each in found(copy) if each.record == place(chosen)]
    assert {each.kind for each in named} == {"fold"}
    assert "decision: recorded RELEASED, derived HELD" in named[0].text


def test_a_decision_that_was_taken_out_is_found(copy: Path) -> None:
    """Its place in the chain stays empty, whatever the offsets say."""
    path, chosen = find(copy, is_a("exportgate.decision.held.v1"))

    def change(raws: list[Raw]) -> list[Raw]:
        kept = [raw for raw in raws if raw != chosen]
        return [raw._replace(offset=raw.offset - (raw.offset > chosen.offset)) for raw in kept]

    reworked(copy, path, change)

    kinds = {each.kind for each in found(copy)}
    assert {"chain", "fold"} <= kinds


def test_a_milder_verdict_in_the_evidence_is_found(copy: Path) -> None:
    def change(event: Any) -> None:
        event["lines"][0]["regimes"]["CN"]["decision"] = "NO_LICENSE_REQUIRED"

    def licensed(raw: Raw) -> bool:
        kind = is_a("exportgate.order.classified.v1")(raw)
        return kind and b'"CN":{"decision":"LICENSE_REQUIRED"' in (raw.value or b"")

    chosen = forged(copy, licensed, change)

    named = [each for each in found(copy) if each.record == place(chosen)]
    assert [each.kind for each in named] == ["rederivation"]
    assert "NO_LICENSE_REQUIRED" in named[0].text


def test_another_engine_is_listed_and_a_milder_verdict_under_it_fails(copy: Path) -> None:
    """What an earlier engine said graver may not become milder unseen."""

    def engine(event: Any) -> None:
        event["engine"] = "classify/0"
        event["lines"][0]["reasons"] = []

    def graver(event: Any) -> None:
        event["engine"] = "classify/0"
        event["lines"][0]["regimes"]["CN"]["decision"] = "DENY_PRESUMED"

    kind = is_a("exportgate.order.classified.v1")
    changed = forged(copy, kind, engine)
    milder = forged(copy, lambda raw: kind(raw) and place(raw) != place(changed), graver)

    report = verify(copy, processes=1)

    assert place(changed) in [each.record for each in report.engine_changes]
    assert place(milder) in [each.record for each in report.findings if each.kind == "milder"]


def test_an_unknown_pack_is_named(copy: Path) -> None:
    def change(event: Any) -> None:
        event["packs"][0]["digest"] = "f" * 64

    chosen = forged(copy, is_a("exportgate.order.classified.v1"), change)

    named = [each for each in found(copy) if each.kind == "pack"]
    assert [each.record for each in named] == [place(chosen)]
    assert "f" * 64 in named[0].text


def test_reservation_traffic_of_a_stranger_is_found(copy: Path) -> None:
    path, chosen = find(copy, is_a("exportgate.reservation.requested.v1"))
    stranger = chosen._replace(
        headers=tuple((n, b"erp" if n == "ce_source" else v) for n, v in chosen.headers)
    )
    reworked(copy, path, lambda raws: [stranger if raw == chosen else raw for raw in raws])

    named = [each for each in found(copy) if each.record == place(chosen)]

    assert any("written by 'erp'" in each.text for each in named)


def test_a_sensor_that_left_out_an_order_is_found(copy: Path) -> None:
    path, chosen = find(copy, lambda raw: raw.topic == CLASSIFIED.name and raw.offset == 0)

    def without(raws: list[Raw]) -> list[Raw]:
        return [raw._replace(offset=raw.offset - 1) for raw in raws if raw != chosen]

    reworked(copy, path, without)

    assert any(each.kind == "missing" and each.record == header(chosen, "ce_cause")
               for each in found(copy))  # fmt: skip


def test_what_was_said_of_a_license_is_part_of_what_is_verified(copy: Path) -> None:
    """A license made smaller than the authority granted: the folds say otherwise from there."""
    archive = open_archive(copy)
    amended = {
        row.key
        for topic, partition in archive.segments
        for row in archive.rows(topic, partition)
        if is_a(AMENDED)(row)
    }
    _, granted = find(
        copy,
        lambda raw: (
            is_a(GRANTED)(raw)
            and orjson.loads(raw.value or b"")["license_id"].encode() not in amended
        ),
    )
    drawn = orjson.loads(granted.value or b"")["license_id"].encode()

    def shrunk(event: Any) -> None:
        event["quantity" if "quantity" in event else "value"] = "1"

    forged(copy, lambda raw: is_a(ENTERED)(raw) and raw.key == drawn, shrunk)

    named = [each for each in found(copy) if each.record == place(granted)]
    assert [each.kind for each in named] == ["fold"]
    assert "LICENSE_EXHAUSTED" in named[0].text or "the fold says nothing" in named[0].text
