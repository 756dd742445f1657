"""From a record to an event: whatever cannot be read becomes Unreadable, in its place."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.base import Model
from schemas.checks import Unreadable
from schemas.envelope import Output
from schemas.events import encode
from schemas.orders import OrderPlaced
from schemas.reference import FoldVersion
from services.runtime.codec import Raw, dead_letter, order_of, read, written
from services.runtime.errors import Fatal
from services.runtime.murmur import partition_of
from tests.support.answers import granted
from tests.support.builders import (
    KEY,
    T0,
    assessed,
    cancelled,
    due,
    license_granted,
    order,
    requested,
    unreadable,
)
from tests.support.wire import PARTITIONS, raw, reading

PLACED = OrderPlaced.model_validate(order().model_dump())
GOOD = raw(PLACED, KEY, "orders", offset=5)


def with_header(name: str, value: bytes | None) -> dict[str, Any]:
    rest = tuple(pair for pair in GOOD.headers if pair[0] != name)
    return {"headers": rest if value is None else (*rest, (name, value))}


def with_value(value: bytes | None) -> dict[str, Any]:
    digest = hashlib.sha256(value or b"").hexdigest().encode()
    return {"value": value, **with_header("ce_sha256", digest)}


def spoiled(**changes: Any) -> bytes:
    """The order, with fields changed, as JSON."""
    assert GOOD.value is not None
    return json.dumps(json.loads(GOOD.value) | changes).encode()


BAD: dict[str, dict[str, Any]] = {
    "null value": {"value": None},
    "empty value": with_value(b""),
    "not JSON": with_value(b"not json"),
    "torn JSON": with_value((GOOD.value or b"")[:-5]),
    "not UTF-8": with_value(b'{"order_id": "\xff\xfe"}'),
    "a list": with_value(b"[]"),
    "a number": with_value(b"17"),
    "NaN": with_value(b"NaN"),
    "nested 10,000 deep": with_value(b"[" * 10_000 + b"]" * 10_000),
    "nested 300 deep": with_value(b'{"a":' + b"[" * 300 + b"]" * 300 + b"}"),
    "a megabyte of nothing": with_value(b" " * 1_048_576),
    "a name twice": with_value((GOOD.value or b"").replace(b"{", b'{"destination":"IR",', 1)),
    "a name twice within": with_value(
        (GOOD.value or b"").replace(b'"line_id":', b'"line_id":"L0","line_id":', 1)
    ),
    "no lines": with_value(spoiled(lines=[])),
    "revision zero": with_value(spoiled(revision=0)),
    "quantity as a number": with_value((GOOD.value or b"").replace(b'"10"', b"10.5")),
    "quantity of 1e400": with_value((GOOD.value or b"").replace(b'"10"', b'"1e400"')),
    "order id with a slash": with_value(spoiled(order_id="o/1")),
    "another order's key": {"key": b"erp/o2", "partition": partition_of(b"erp/o2", PARTITIONS)},
    "another source's key": {"key": b"x/o1", "partition": partition_of(b"x/o1", PARTITIONS)},
    "wrong partition": {"partition": (GOOD.partition + 1) % PARTITIONS},
    "no headers": {"headers": ()},
    "unknown type": with_header("ce_type", b"exportgate.order.eaten.v1"),
    "type of another topic": with_header("ce_type", b"exportgate.license.granted.v1"),
    "type not UTF-8": with_header("ce_type", b"\xff"),
    "no id": with_header("ce_id", None),
    "no source": with_header("ce_source", None),
    "no time": with_header("ce_time", None),
    "time without zone": with_header("ce_time", b"2026-06-01T08:00:00"),
    "time that is none": with_header("ce_time", b"yesterday"),
    "time before all time": with_header("ce_time", b"0001-01-01T00:00:00+14:00"),
    "one bit flipped": {"value": (GOOD.value or b"").replace(b'"DE"', b'"DD"', 1)},
    "hash of something else": with_header("ce_sha256", b"0" * 64),
}  # fmt: skip


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_unreadable(changes: dict[str, Any]) -> None:
    bad = GOOD._replace(**changes)
    one = read(bad, PARTITIONS)

    assert one.unreadable
    assert one.raw == bad
    event = one.record.event
    assert isinstance(event, Unreadable)
    assert (event.topic, event.partition, event.offset) == ("orders", bad.partition, 5)
    assert event.key == (bad.key or b"").decode() == one.record.key
    assert event.size == len(bad.value or b"")
    assert event.sha256 == hashlib.sha256(bad.value or b"").hexdigest()
    assert 0 < len(event.reason) <= 300
    assert one.record.logged_at == T0


@pytest.mark.parametrize("changes", BAD.values(), ids=BAD)
def test_a_dead_letter_is_what_came_byte_for_byte(changes: dict[str, Any]) -> None:
    bad = GOOD._replace(**changes)
    letter = dead_letter(bad, "orders.dlt", "why", "classification")

    assert (letter.topic, letter.partition) == ("orders.dlt", bad.partition)
    assert (letter.key, letter.value) == (bad.key, bad.value)
    assert letter.headers[: len(bad.headers)] == bad.headers
    added = dict(letter.headers[len(bad.headers) :])
    assert added["kafka_dlt-original-topic"] == b"orders"
    assert added["kafka_dlt-original-offset"] == b"5"
    assert added["kafka_dlt-exception-message"] == b"why"


def test_a_good_record_is_read() -> None:
    one = read(GOOD, PARTITIONS)

    assert not one.unreadable
    assert one.record.event == PLACED
    assert (one.record.key, one.record.offset, one.record.time) == (KEY, 5, T0)
    assert one.record.place == f"orders/{GOOD.partition}/5"


def test_without_the_hash_header_a_record_is_read() -> None:
    """Order systems need not write it."""
    assert not read(GOOD._replace(**with_header("ce_sha256", None)), PARTITIONS).unreadable


def test_times_are_kept_in_utc() -> None:
    shanghai = with_header("ce_time", b"2026-06-01T16:00:00+08:00")

    assert read(GOOD._replace(**shanghai), PARTITIONS).record.time == T0


def test_an_order_without_source_means_its_cloudevents_source() -> None:
    data = json.loads(GOOD.value or b"")
    del data["order_source"]
    one = read(GOOD._replace(**with_value(json.dumps(data).encode())), PARTITIONS)

    assert one.record.event.key == KEY


KEYS: dict[str, tuple[str, bytes | None, str]] = {
    "an order's": ("orders", b"erp/o1", "erp/o1"),
    "a source with slashes": ("orders.checks", b"https://erp/x/o1", "https://erp/x/o1"),
    "no slash": ("orders", b"o1", ""),
    "nothing before the slash": ("orders", b"/o1", ""),
    "nothing behind the slash": ("orders", b"erp/", ""),
    "a sign no order id has": ("orders", b"erp/o 1", ""),
    "too long": ("orders", b"e" * 200 + b"/o1", ""),
    "not UTF-8": ("orders", b"\xff/o1", ""),
    "a line break": ("orders", b"erp\n/o1", ""),
    "null": ("orders", None, ""),
    "empty": ("orders", b"", ""),
    "a license's": ("licenses", b"cn-1", "cn-1"),
    "a license's, with a slash": ("licenses", b"a/b", "a/b"),
    "a license's, not UTF-8": ("licenses", b"\xff", ""),
}


@pytest.mark.parametrize(("topic", "key", "found"), KEYS.values(), ids=KEYS)
def test_whose_an_unreadable_record_is(topic: str, key: bytes | None, found: str) -> None:
    one = read(GOOD._replace(topic=topic, key=key, value=b"{"), PARTITIONS)

    assert one.unreadable
    assert one.record.key == found
    event = one.record.event
    if found and topic != "licenses":
        assert f"{event.order_source}/{event.order_id}" == found
    else:
        assert event.order_source is None


def test_the_same_bad_record_read_again_is_the_same_event() -> None:
    bad = GOOD._replace(value=b"{")
    assert read(bad, PARTITIONS) == read(bad, PARTITIONS)
    elsewhere = read(bad._replace(offset=6), PARTITIONS)
    assert elsewhere.record.id != read(bad, PARTITIONS).record.id


RIGHT_KEYS: list[tuple[Model, str, str, str]] = [
    (assessed(), KEY, "orders.checks", "erp/o2"),
    (cancelled(), KEY, "orders.classified", "erp/o2"),
    (requested(), "cn-1", "licenses", KEY),
    (license_granted(), "cn-1", "licenses", "cn-2"),
    (granted(requested()), KEY, "orders.checks", "cn-1"),
]


@pytest.mark.parametrize(("event", "key", "topic", "wrong"), RIGHT_KEYS)
def test_a_key_is_that_of_the_order_or_of_the_license(
    event: Model, key: str, topic: str, wrong: str
) -> None:
    assert not reading(event, key, topic).unreadable
    assert reading(event, wrong, topic).unreadable


def test_a_deadline_stands_under_the_key_it_came_with() -> None:
    assert not reading(due("release", T0), KEY, "orders.checks").unreadable
    assert not reading(due("license_expired", T0, "cn-1"), "cn-1", "licenses").unreadable


def test_an_unreadable_passed_on_is_an_event_and_owes_no_dead_letter() -> None:
    one = reading(unreadable(), KEY, "orders.checks")

    assert isinstance(one.record.event, Unreadable)
    assert not one.unreadable


def test_a_control_record_stands_where_it_was_put() -> None:
    event = FoldVersion(partition=3, fold="gate", version=2)

    assert not reading(event, "#3", "orders.checks", partition=3).unreadable


def test_written_and_read_it_is_the_same() -> None:
    cause = read(GOOD, PARTITIONS).record
    output = Output("orders.checks", KEY, "an-id", assessed())
    send = written(output, cause, "/exportgate/test")
    headers = dict(send.headers)
    assert headers["ce_cause"] == cause.place.encode()
    assert send.value == encode(assessed())

    back = Raw(
        topic=send.topic, partition=partition_of(KEY.encode(), PARTITIONS), offset=0,
        key=send.key, value=send.value, headers=send.headers, timestamp_ms=0,
    )  # fmt: skip
    one = read(back, PARTITIONS)
    assert one.record.event == assessed()
    assert (one.record.id, one.record.source) == ("an-id", "/exportgate/test")
    assert one.record.time == cause.time
    assert one.record.logged_at == datetime(1970, 1, 1, tzinfo=UTC)


def test_what_has_no_name_on_the_wire_is_a_fault_of_ours() -> None:
    class Nameless(Model):
        """An event nobody knows."""

    with pytest.raises(Fatal):
        written(Output("orders", KEY, "x", Nameless()), read(GOOD, PARTITIONS).record, "/x")


@pytest.mark.parametrize(
    ("key", "found"),
    [("erp/o1", ("erp", "o1")), ("a/b/o-1.x_2", ("a/b", "o-1.x_2")), ("erp/", None), ("o1", None)],
)
def test_order_of(key: str, found: tuple[str, str] | None) -> None:
    assert order_of(key) == found


HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["ce_id", "ce_type", "ce_source", "ce_time", "ce_sha256", "x"]),
        st.one_of(st.none(), st.binary(max_size=20)),
    ),
    max_size=6,
).map(tuple)


@settings(max_examples=300, deadline=None)
@given(
    topic=st.sampled_from(["orders", "orders.classified", "orders.checks", "licenses"]),
    key=st.one_of(st.none(), st.binary(max_size=12), st.just(b"erp/o1")),
    value=st.one_of(st.none(), st.binary(max_size=60), st.just(GOOD.value)),
    headers=st.one_of(HEADERS, st.just(GOOD.headers)),
    partition=st.integers(0, 11),
)
def test_nothing_a_record_contains_raises(
    topic: str, key: bytes | None, value: bytes | None, headers: Any, partition: int
) -> None:
    one = read(Raw(topic, partition, 0, key, value, headers, 0), PARTITIONS)

    assert one.unreadable or one.record.event == PLACED


@settings(max_examples=200, deadline=None)
@given(at=st.integers(0, len(GOOD.value or b"") * 8 - 1))
def test_any_flipped_bit_is_found(at: int) -> None:
    value = bytearray(GOOD.value or b"")
    value[at // 8] ^= 1 << at % 8

    assert read(GOOD._replace(value=bytes(value)), PARTITIONS).unreadable
