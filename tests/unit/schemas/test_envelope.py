"""Headers go and come back as they were, and an id follows from what it depends on alone."""

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import Model
from schemas.checks import ReleaseStale
from schemas.envelope import Recorded, derived_id, headers, output_id, read_headers

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
parts = st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12), max_size=5)
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "urn:exportgate")


def _cause(source: str = "/erp/cn01", event_id: str = "e-1", **other: Any) -> Recorded[Model]:
    moment = datetime(2026, 6, 2, tzinfo=UTC)
    standing: dict[str, Any] = {
        "time": moment,
        "topic": "orders",
        "partition": 3,
        "offset": 118,
        "key": "s/A",
        "logged_at": moment,
        **other,
    }
    event = ReleaseStale(order_source="s", order_id="A", decision_id="d")
    return Recorded(event=event, id=event_id, source=source, **standing)


@given(texts, texts, texts, texts, st.binary(max_size=50), st.none() | texts, st.none() | texts)
def test_headers_come_back_as_they_were(
    event_id: str,
    source: str,
    event_type: str,
    time: str,
    value: bytes,
    cause: str | None,
    traceparent: str | None,
) -> None:
    pairs = headers(
        event_id=event_id,
        source=source,
        event_type=event_type,
        time=time,
        value=value,
        cause=cause,
        traceparent=traceparent,
    )
    assert len({name for name, _ in pairs}) == len(pairs)
    expected = {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_source": source,
        "ce_type": event_type,
        "ce_time": time,
        "ce_sha256": hashlib.sha256(value).hexdigest(),
        "content-type": "application/json",
        "ce_cause": cause,
        "traceparent": traceparent,
    }
    assert read_headers(pairs) == {
        name: text for name, text in expected.items() if text is not None
    }


def test_headers_may_be_absent_null_or_double() -> None:
    assert read_headers(None) == {}
    assert read_headers([]) == {}
    assert read_headers([("ce_id", b"1"), ("empty", None), ("ce_id", b"2")]) == {"ce_id": "2"}


def test_headers_that_are_no_text_are_refused() -> None:
    with pytest.raises(UnicodeDecodeError):
        read_headers([("ce_id", b"\xff")])


def test_a_record_tells_its_place() -> None:
    assert _cause().place == "orders/3/118"


@given(parts)
def test_a_derived_id_is_the_standard_librarys_uuid5(names: list[str]) -> None:
    made = derived_id(*names)
    assert made == str(uuid.uuid5(NAMESPACE, "\x1f".join(names)))
    assert uuid.UUID(made).version == 5
    assert uuid.UUID(made).variant == uuid.RFC_4122


def test_a_derived_id_never_changes_between_releases() -> None:
    assert derived_id("/erp/cn01", "e-1", "released") == "02f89485-55bb-5d4d-b18c-c906af0e0729"


@given(parts, parts)
def test_different_parts_have_different_ids(one: list[str], other: list[str]) -> None:
    same = (one or [""]) == (other or [""])  # no part and one empty part are the same
    assert (derived_id(*one) == derived_id(*other)) == same


def test_what_one_record_causes_is_told_apart_by_kind_and_parts() -> None:
    made = [
        output_id(_cause(), "ReservationRequested", "10", "CN", "L-1", "1"),
        output_id(_cause(), "ReservationRequested", "10", "CN", "L-1", "2"),
        output_id(_cause(), "ReservationRequested", "10", "CN", "L-2", "1"),
        output_id(_cause(), "ReservationRequested", "10", "US", "L-1", "1"),
        output_id(_cause(), "ReservationRequested", "20", "CN", "L-1", "1"),
        output_id(_cause(), "ReservationVoided", "10", "CN", "L-1", "1"),
        output_id(_cause(event_id="e-2"), "ReservationRequested", "10", "CN", "L-1", "1"),
        output_id(_cause(source="/erp/de"), "ReservationRequested", "10", "CN", "L-1", "1"),
    ]
    assert len(set(made)) == len(made)


def test_a_record_read_again_elsewhere_causes_the_same_ids() -> None:
    later = datetime(2031, 1, 1, tzinfo=UTC)
    again = _cause(topic="orders.checks", partition=0, offset=9, logged_at=later, traceparent="t")
    assert output_id(again, "OrderHeld") == output_id(_cause(), "OrderHeld")
