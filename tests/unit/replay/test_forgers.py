"""Forgers who have the files, the archiver's tools and time, but not the head somebody noted."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, LICENSES, ORDERS
from services.replay.archive import segment_entry
from services.replay.errors import ArchiveError, Finding
from services.replay.manifest import Entry, read_manifest
from services.replay.reading import open_archive
from services.replay.verify import verify
from services.runtime.codec import Raw
from tests.support.archives import find, header, resigned, rewritten

ASSESSED = "exportgate.order.assessed.v1"
CANCELLED = "exportgate.order.cancelled.v1"
GRANTED = "exportgate.reservation.granted.v1"
HELD = "exportgate.decision.held.v1"
REQUESTED = "exportgate.reservation.requested.v1"


def found(root: Path) -> list[Finding]:
    """What is wrong, looked for in this process."""
    return verify(root, processes=1).findings


def rows(root: Path, topic: str, partition: int) -> list[Raw]:
    """The records of a partition."""
    return list(open_archive(root).rows(topic, partition))


def rewrite(root: Path, topic: str, partition: int, raws: list[Raw]) -> None:
    """Put other records in a partition's place, in one segment; none: leave it out."""
    new = [segment_entry(root, topic, partition, raws)] if raws else []

    def change(entry: Entry) -> list[Entry]:
        if (entry.get("topic"), entry.get("partition")) != (topic, partition):
            return [entry]
        return new if entry["first"] == 0 else []

    rewritten(root, change)


def is_a(kind: str) -> Callable[[Raw], bool]:
    """Whether a record is of a type."""
    return lambda raw: header(raw, "ce_type") == kind


def with_headers(raw: Raw, **changed: str) -> Raw:
    """A record with other headers."""
    pairs = tuple((name, changed[name].encode() if name in changed else value)
                  for name, value in raw.headers)  # fmt: skip
    return raw._replace(headers=pairs)


def appended(root: Path, topic: str, raw: Raw) -> str:
    """Append a record to its partition of a topic, at the time of the last; its place."""
    before = rows(root, topic, raw.partition)
    last = before[-1]
    new = raw._replace(topic=topic, offset=last.offset + 1, timestamp_ms=last.timestamp_ms)
    rewrite(root, topic, raw.partition, [*before, new])
    return f"{topic}/{new.partition}/{new.offset}"


@pytest.mark.parametrize("cause", ["licenses/99/5", "licenses/3/999999"])
def test_a_grant_that_no_ledger_gave_is_found(copy: Path, cause: str) -> None:
    _, granted = find(copy, is_a(GRANTED))

    place = appended(copy, CHECKS.name, with_headers(granted, ce_cause=cause, ce_id="forged"))

    assert place in {each.record for each in found(copy)}


@pytest.mark.parametrize("cause", ["orders.checks/99/5", "orders.checks/-1/5"])
def test_a_request_of_no_gate_is_found(copy: Path, cause: str) -> None:
    _, asked = find(copy, is_a(REQUESTED))

    place = appended(copy, LICENSES.name, with_headers(asked, ce_cause=cause, ce_id="forged"))

    assert place in {each.record for each in found(copy)}


@pytest.mark.parametrize("offset", [999_999, -7])
def test_an_assessment_of_nothing_is_found(copy: Path, offset: int) -> None:
    """Nothing could be asked again of it, so it was taken as it stood."""
    _, assessed = find(copy, is_a(ASSESSED))
    event = orjson.loads(assessed.value or b"")
    event["lines"][0]["regimes"]["CN"]["verdict"]["decision"] = "NO_LICENSE_REQUIRED"
    cause = f"{CLASSIFIED.name}/{assessed.partition}/{offset}"
    new = with_headers(resigned(assessed, orjson.dumps(event)), ce_cause=cause, ce_id="forged")

    place = appended(copy, CHECKS.name, new)

    assert place in {each.record for each in found(copy)}


def test_an_assessment_of_what_was_long_ago_is_asked_again(copy: Path, monkeypatch: Any) -> None:
    """It stands too far from the record it names for that to be remembered."""
    monkeypatch.setattr("services.replay.stream.WINDOW", 5)
    _, assessed = find(copy, is_a(ASSESSED))
    event = orjson.loads(assessed.value or b"")
    event["order"]["destination"] = "KP"

    place = appended(copy, CHECKS.name, resigned(assessed, orjson.dumps(event)))

    kinds = {each.record: each.kind for each in found(copy)}
    assert kinds == {place: "rederivation"}


def test_a_release_whose_cause_is_not_archived_is_not_sound(copy: Path) -> None:
    _, held = find(copy, is_a(HELD))
    last = rows(copy, DECISIONS.name, held.partition)[-1]
    event = orjson.loads(held.value or b"") | {"decision": "RELEASED", "reasons": []}
    event["caused_by"] = f"{CHECKS.name}/{held.partition}/99999"
    index = orjson.loads(last.value or b"")["chain"]["index"] + 1
    event["chain"] |= {"index": index, "prev": hashlib.sha256(last.value or b"").hexdigest()}
    new = with_headers(resigned(held, orjson.dumps(event)), ce_cause=event["caused_by"])

    place = appended(copy, DECISIONS.name, new)

    assert [(each.kind, each.record) for each in found(copy)] == [("unfinished", place)]


def test_a_cancel_that_did_not_come_by_the_orders_is_found(copy: Path) -> None:
    _, cancelled = find(copy, lambda raw: raw.topic == ORDERS.name and is_a(CANCELLED)(raw))

    place = appended(copy, CHECKS.name, with_headers(cancelled, ce_id="forged"))

    assert [(each.kind, each.record) for each in found(copy)] == [("origin", place)]


def test_the_last_answer_of_a_license_cannot_be_left_out(copy: Path) -> None:
    """A withdrawal is often the last that a license says; the log goes on long after it."""
    last: dict[str, Raw] = {}
    before = rows(copy, CHECKS.name, 4)
    for raw in before:
        cause = header(raw, "ce_cause")
        if cause.startswith(LICENSES.name):
            last[cause.rpartition("/")[0]] = raw
    chosen = min(last.values(), key=lambda raw: raw.offset)
    assert chosen.offset < before[-10].offset
    known = next(raw for raw in before if not header(raw, "ce_cause") and raw.key != chosen.key)
    twice = known._replace(offset=chosen.offset, timestamp_ms=chosen.timestamp_ms)

    rewrite(copy, CHECKS.name, 4, [twice if raw == chosen else raw for raw in before])

    assert header(chosen, "ce_cause") in {each.record for each in found(copy)}


def test_all_decisions_of_a_partition_cannot_be_left_out(copy: Path) -> None:
    """Other records show that its gate went on."""
    rewrite(copy, DECISIONS.name, 3, [])

    named = [each for each in found(copy) if each.kind == "fold"]
    assert "orders.decisions is not there" in named[0].text


def test_two_decisions_of_an_order_that_changed_places_are_found(copy: Path) -> None:
    before = rows(copy, DECISIONS.name, 0)
    at = next(at for at, raw in enumerate(before) if raw.key == before[at + 1].key
              and raw.value != before[at + 1].value)  # fmt: skip
    one, two = before[at], before[at + 1]
    before[at : at + 2] = [
        two._replace(offset=one.offset, timestamp_ms=one.timestamp_ms),
        one._replace(offset=two.offset, timestamp_ms=two.timestamp_ms),
    ]

    rewrite(copy, DECISIONS.name, 0, before)

    assert [each.record for each in found(copy)] == [f"{DECISIONS.name}/0/{two.offset}"]


def test_a_product_record_cannot_be_read_before_it_was_written(copy: Path) -> None:
    classified = next(
        raw for raw in rows(copy, CLASSIFIED.name, 0)
        if b'"products_offsets":{"11":1}' in (raw.value or b"")
    )  # fmt: skip
    new = (classified.value or b"").replace(b'"products_offsets":{"11":1}',
                                            b'"products_offsets":{"11":2}')  # fmt: skip
    later = [resigned(raw, new) if raw == classified else raw
             for raw in rows(copy, CLASSIFIED.name, 0)]  # fmt: skip

    rewrite(copy, CLASSIFIED.name, 0, later)

    named = [each for each in found(copy) if "written later" in each.text]
    assert [each.record for each in named] == [f"{CLASSIFIED.name}/0/{classified.offset}"]


@pytest.mark.parametrize("what", ["order", "lines"])
def test_another_engine_is_no_excuse_for_another_order(copy: Path, what: str) -> None:
    """Another judgement is listed; it is of the same lines of the same order, or it is forged."""
    path = (CLASSIFIED.name, 0)
    before = rows(copy, *path)
    chosen = next(raw for raw in before if b'"line_id":"2"' in (raw.value or b""))
    event = orjson.loads(chosen.value or b"") | {"engine": "classification/0"}
    if what == "order":
        event["order"]["lines"][0]["quantity"] = "1"
    else:
        del event["lines"][0]
    new = resigned(chosen, orjson.dumps(event))

    rewrite(copy, *path, [new if raw == chosen else raw for raw in before])

    place = f"{CLASSIFIED.name}/0/{chosen.offset}"
    assert "rederivation" in {each.kind for each in found(copy) if each.record == place}


# The manifest


def test_what_must_be_kept_cannot_be_called_pruned(copy: Path) -> None:
    paths = [entry["path"] for entry in read_manifest(copy).of_kind("segment")
             if entry["topic"].startswith("orders") and entry["partition"] == 3]  # fmt: skip
    before = {"day": "2027-01-01", "rule": "policy/retention.yaml"}

    read_manifest(copy).append({"kind": "pruned", "paths": paths, "before": before})

    named = {each.where for each in found(copy) if "must be kept" in each.text}
    assert named == set(paths)


def test_segments_are_of_topics_and_partitions_there_are(copy: Path) -> None:
    few = [raw._replace(partition=40) for raw in rows(copy, DECISIONS.name, 0)]
    read_manifest(copy).append(segment_entry(copy, DECISIONS.name, 40, few))

    assert ["that there is not" in each.text for each in found(copy)] == [True]


@pytest.mark.parametrize("count", [0, -1, None])
def test_a_topic_without_partitions_is_refused(copy: Path, count: Any) -> None:
    """With -1 of them nothing was looked at, and all of it was sound."""

    def change(entry: Entry) -> list[Entry]:
        if entry["kind"] == "archive":
            entry["partitions"] = {**entry["partitions"], CHECKS.name: count}
        return [entry]

    rewritten(copy, change)

    with pytest.raises(ArchiveError, match=r"says no partitions of orders\.checks"):
        verify(copy, processes=1)


def test_settings_that_cannot_be_read_are_said_in_words(copy: Path) -> None:
    read_manifest(copy).append(
        {"kind": "settings", "settings": {"time_basis": "sundial"}, "since": {}}
    )

    with pytest.raises(ArchiveError, match=r"its settings cannot be read: .*sundial"):
        verify(copy, processes=1)


@pytest.mark.parametrize("path", ["../outside.parquet", "orders/000/2024-01-01/1.parquet"])
def test_a_segment_lies_where_segments_lie(copy: Path, path: str) -> None:
    """Else to prune an archive that somebody sent would remove any file."""

    def change(entry: Entry) -> list[Entry]:
        return [entry | {"path": path}] if entry.get("topic") == "products" else [entry]

    rewritten(copy, change)

    named = [each.text for each in read_manifest(copy).findings]
    assert all("lacks what a 'segment' entry says" in text for text in named[:1]) and named
    pruned = {"kind": "pruned", "paths": [path], "before": {"day": "2020-01-01"}}
    read_manifest(copy).append(pruned)
    assert any("and is no segment" in each.text for each in read_manifest(copy).findings)
