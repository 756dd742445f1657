"""A fold's partition in memory: places, sums, silence below the committed offset."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.base import Model
from schemas.checks import ReservationReturned
from schemas.envelope import Recorded
from schemas.fold import FORGET_EVERY, Partition, Step
from services.license_check import ledger
from services.license_check.book import License
from services.runtime.memory import (
    MODULUS,
    ORIGIN,
    Memory,
    digest_of,
    field_of,
    is_root,
    split_field,
)
from services.runtime.remember import Place
from tests.support.builders import (
    T0,
    license_granted,
    of_reservation,
    requested,
    settle,
    terms,
    unreadable,
    void,
)
from tests.support.remembering import Feed, content
from tests.support.wire import reading

PLACE = Place("c", "licenses", "t", 0, "ledger", 1)


def entity(used: int) -> License:
    return License(license_id="x", terms=terms(), amendment=used)


def test_a_field_names_an_entity_of_a_key() -> None:
    assert split_field(field_of("cn-1", "r1")) == ("cn-1", "r1")
    assert split_field(field_of("erp/o1", "")) == ("erp/o1", "")
    assert is_root(field_of("cn-1", ""))
    assert not is_root(field_of("cn-1", "r1"))
    assert field_of("a", "b") != field_of("ab", "")


def test_place_tells_offset_and_history() -> None:
    one, other = Feed(PLACE), Feed(PLACE)
    assert one.memory.place == other.memory.place == f"0:{ORIGIN}"
    one.say(license_granted(), requested())
    other.say(license_granted(), requested())
    assert one.memory.place == other.memory.place
    assert one.memory.offset == 2

    different = Feed(PLACE)
    different.say(license_granted(), requested("r2"))
    assert different.memory.place != one.memory.place


def test_an_offset_is_folded_once() -> None:
    feed = Feed(PLACE)
    feed.say(license_granted())
    one = reading(requested(), "cn-1", "licenses", offset=1)
    assert len(feed.memory.fold(ledger.fold, one)) == 1
    before = (feed.memory.place, content(feed.memory))
    assert feed.memory.fold(ledger.fold, one) == ()
    assert (feed.memory.place, content(feed.memory)) == before


@pytest.mark.parametrize(("offset", "left"), [(FORGET_EVERY - 2, 2), (FORGET_EVERY - 1, 1)])
def test_what_is_over_is_forgotten_at_fixed_offsets_alone(offset: int, left: int) -> None:
    feed = Feed(PLACE)
    feed.say(license_granted(), void("r1"))
    feed.memory.take_changes()
    feed.memory.whole, feed.memory.offset = False, offset
    later = T0 + ledger.KEPT + timedelta(seconds=1)
    one = reading(requested("r2", license_id="cn-2"), "cn-2", "licenses", offset=offset, at=later)

    feed.memory.fold(ledger.fold, one, ledger.forget)

    assert len(feed.memory.aggregates["cn-1"]) == left
    gone = field_of("cn-1", "r1")
    assert (feed.memory.take_changes().get(gone, b"") is None) is (left == 1)


@pytest.mark.parametrize(("committed", "said"), [(0, 2), (1, 2), (2, 1), (3, 0), (9, 0)])
def test_nothing_is_said_below_the_committed_offset(committed: int, said: int) -> None:
    feed = Feed(PLACE)
    feed.memory.emit_from = committed
    outputs = feed.say(license_granted(), requested(), requested("r2"))

    assert len(outputs) == said
    assert len(list(feed.memory.entities())) == 3, "but all of it is folded"


def test_the_chain_is_of_the_bytes_that_came() -> None:
    feed = Feed(PLACE)
    one = reading(license_granted(), "cn-1", "licenses")
    feed.memory.fold(ledger.fold, one)
    value = one.raw.value or b""

    assert feed.memory.chain == hashlib.sha256(ORIGIN.encode() + value).hexdigest()
    assert feed.memory.last_sha256 == hashlib.sha256(value).hexdigest()


def test_log_time_is_the_running_maximum() -> None:
    memory = Memory(partition=Partition(0))
    for offset, hour in enumerate((3, 1, 2)):
        at = datetime(2026, 1, 1, hour, tzinfo=UTC)
        memory.fold(ledger.fold, reading(void("r"), "cn-1", "licenses", offset=offset, at=at))

    assert memory.partition.log_time.hour == 3


KEYS = st.sampled_from(["a", "b"])
NAMES = st.sampled_from(["", "r1", "r2"])
CHANGES = st.lists(
    st.tuples(KEYS, st.dictionaries(NAMES, st.one_of(st.none(), st.integers(0, 5)), max_size=3)),
    max_size=20,
)


@settings(max_examples=200, deadline=None)
@given(changes=CHANGES, taken=st.sets(st.integers(0, 20)))
def test_sums_add_up_after_any_changes(
    changes: list[tuple[str, dict[str, int | None]]], taken: set[int]
) -> None:
    memory = Memory(partition=Partition(0))
    stored: dict[bytes, bytes] = {}
    for at, (key, told) in enumerate(changes):
        step = {name: None if used is None else entity(used) for name, used in told.items()}

        def fold(
            aggregate: Mapping[str, Model], record: Recorded[Model], partition: Partition
        ) -> Step:
            del aggregate, record
            return Step(partition, step)  # noqa: B023 - folded before the next round

        one = reading(unreadable(), key, "orders.checks", offset=at)
        memory.fold(fold, one._replace(record=_under(one.record, key)))
        if at in taken:
            _store(stored, memory.take_changes())
    _store(stored, memory.take_changes())

    assert memory.sum == sum(digest_of(name, value) for name, value in stored.items()) % MODULUS
    roots = {name: value for name, value in stored.items() if is_root(name)}
    assert memory.roots_sum == sum(digest_of(n, v) for n, v in roots.items()) % MODULUS
    assert len(stored) == len(list(memory.entities()))
    assert memory.take_changes() == {}


def _under(record: Recorded[Model], key: str) -> Recorded[Model]:
    return Recorded(
        event=record.event, id=record.id, source=record.source, time=record.time,
        topic=record.topic, partition=record.partition, offset=record.offset, key=key,
        logged_at=record.logged_at,
    )  # fmt: skip


def _store(stored: dict[bytes, bytes], changes: dict[bytes, bytes | None]) -> None:
    for name, value in changes.items():
        if value is None:
            stored.pop(name, None)
        else:
            stored[name] = value


def test_put_back_what_was_taken_and_it_sums_up_the_same() -> None:
    feed = Feed(PLACE)
    feed.say(license_granted(), requested(), settle("r1", "s1", "3"))
    changes = feed.memory.take_changes()
    again = Memory(partition=Partition(0))
    for name, value in changes.items():
        assert value is not None
        key, entity_name = split_field(name)
        model = type(feed.memory.aggregates[key][entity_name])
        again.put(name, model.model_validate_json(value), digest_of(name, value))

    assert (again.sum, again.roots_sum) == (feed.memory.sum, feed.memory.roots_sum)
    assert content(again) == content(feed.memory)


def test_what_changed_since_it_was_over_is_kept_until_it_is_over_again() -> None:
    feed = Feed(PLACE)
    feed.say(license_granted(return_credit="automatic"), requested("r1"), requested("r2"))
    feed.say(settle("r1", "s1", "10", final=True), settle("r2", "s2", "10", final=True))
    memory = feed.memory
    memory.offset = FORGET_EVERY - 1
    _fold(memory, void("r3"), T0 + timedelta(days=1))  # puts what is over in order
    back = {
        **of_reservation("r1"), "shipment_id": "s1", "return_id": "b1", "returned_at": T0,
        "quantity": "10", "unit": "kg",
    }  # fmt: skip
    _fold(memory, ReservationReturned.model_validate(back), T0 + timedelta(days=2))
    assert set(memory.aggregates["cn-1"]) == {"", "r1", "r2", "r3"}

    memory.offset = 2 * FORGET_EVERY - 1
    _fold(memory, void("r4"), T0 + ledger.KEPT + timedelta(minutes=1))
    assert set(memory.aggregates["cn-1"]) == {"", "r2", "r3", "r4"}

    memory.offset = 3 * FORGET_EVERY - 1
    _fold(memory, void("r5"), T0 + ledger.KEPT_SHIPPED + timedelta(minutes=1))
    assert set(memory.aggregates["cn-1"]) == {"", "r5"}


def _fold(memory: Memory, event: Model, at: datetime) -> None:
    memory.fold(
        ledger.fold,
        reading(event, "cn-1", "licenses", offset=memory.offset, at=at),
        ledger.forget,
    )
