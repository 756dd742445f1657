"""Files of orders: what is refused, by line and field, and how lines become orders."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from schemas.events import encode
from services.cli.order_files import Fault, Submitted, parse_events, parse_lines

LINE: dict[str, Any] = {
    "id": "L1",
    "order_id": "ORD-1",
    "as_of": "2026-06-01",
    "description": "Stainless steel hex bolts M8 x 40",
    "quantity": 2,
    "unit": "kg",
    "exporter_country": "CN",
    "destination": "DE",
}
EVENT: dict[str, Any] = {
    "type": "OrderPlaced",
    "id": "e-1",
    "source": "erp",
    "time": "2026-06-01T08:00:00+08:00",
    "data": {
        "order_id": "ORD-1",
        "revision": 1,
        "exporter": {"id": "default", "country": "CN"},
        "destination": "DE",
        "lines": [{"line_id": "1", "description": "bolts", "quantity": "2", "unit": "kg"}],
    },
}


def lines(*rows: object) -> tuple[list[Submitted], list[Fault]]:
    return parse_lines(numbered(rows))


def events(*rows: object) -> tuple[list[Submitted], list[Fault]]:
    return parse_events(numbered(rows))


def numbered(rows: tuple[object, ...]) -> list[tuple[int, str]]:
    texts = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    return list(enumerate(texts, start=1))


def placed(**changes: object) -> dict[str, Any]:
    """EVENT with changed data."""
    return {**EVENT, "data": {**EVENT["data"], **changes}}


def only_fault(parsed: tuple[list[Submitted], list[Fault]]) -> tuple[int, str | None]:
    _, faults = parsed
    assert len(faults) == 1, faults
    return faults[0].line, faults[0].field


def test_lines_of_one_order_become_one_order_at_noon() -> None:
    made, faults = lines(LINE, {**LINE, "id": "L2"}, {**LINE, "id": "ORD-9", "order_id": None})

    assert faults == []
    assert [[line.line_id for line in one.event.lines] for one in made] == [["L1", "L2"], ["ORD-9"]]
    assert [one.key for one in made] == ["orders-submit/ORD-1", "orders-submit/ORD-9"]
    assert {one.time for one in made} == {datetime(2026, 6, 1, 12, tzinfo=UTC)}


@pytest.mark.parametrize("number", ["0.1", "1e-3", "123456789.123456789", "5"])
def test_a_number_stays_exact(number: str) -> None:
    text = json.dumps(LINE).replace('"quantity": 2', f'"quantity": {number}')

    made, _ = lines(text)

    assert made[0].event.lines[0].quantity == Decimal(number)
    assert json.loads(encode(made[0].event))["lines"][0]["quantity"] == format(Decimal(number), "f")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("destination", "VN"),
        ("exporter_country", "HK"),
        ("ship_from", "HK"),
        ("as_of", "2026-06-02"),
        ("mode", "electronic"),
        ("purpose", "sample"),
        ("incoterm", "EXW"),
        ("parties", {"end_user": "Somebody Else Ltd"}),
    ],
)
def test_a_line_may_not_contradict_its_order(field: str, value: object) -> None:
    parsed = lines(LINE, {**LINE, "id": "L2", field: value})

    assert parsed[0] == []
    assert only_fault(parsed) == (2, field)


def test_two_lines_of_an_order_may_not_share_an_id() -> None:
    assert only_fault(lines(LINE, LINE)) == (2, "id")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"order_id": "no spaces"}, "order_id"),
        ({"order_id": "x" * 65}, "order_id"),
        ({"order_id": None, "id": "no spaces"}, "order_id"),
        ({"destination": None}, "destination"),
        ({"exporter_country": None}, "exporter_country"),
        ({"quantity": None}, "quantity"),
        ({"quantity": 0}, "quantity"),
        ({"unit": None}, "unit"),
        ({"as_of": "June"}, "as_of"),
        ({"as_of": None}, "as_of"),
        ({"origin": "China"}, "origin"),
        ({"parties": {"pirate": "X"}}, "parties.pirate"),
    ],
)
def test_a_bad_line_is_named_by_line_and_field(changes: dict[str, object], field: str) -> None:
    good = {**LINE, "order_id": "GOOD"}

    assert only_fault(lines(good, {**LINE, **changes})) == (2, field)


def test_parties_become_a_list_with_the_destination_where_no_country_is_stated() -> None:
    stated = {"name": "Y GmbH", "country": "AT", "owner_country": "US", "screened": "hit"}
    made, _ = lines({**LINE, "parties": {"buyer": "X GmbH", "end_user": stated}})

    buyer, user = made[0].event.parties

    assert (buyer.role, buyer.name, buyer.country, buyer.screened) == (
        "buyer", "X GmbH", "DE", None,
    )  # fmt: skip
    assert (user.country, user.owner_country, user.screened.result) == ("AT", "US", "hit")


def test_terms_of_delivery_are_kept() -> None:
    made, _ = lines({**LINE, "incoterm": "EXW"})

    assert made[0].event.incoterm == "EXW"


def test_equal_lines_give_equal_events() -> None:
    assert lines(LINE)[0] == lines(LINE)[0]
    assert lines(LINE)[0][0].id != lines({**LINE, "quantity": 3})[0][0].id


def test_the_source_of_an_event_is_its_orders_unless_stated() -> None:
    made, faults = events(EVENT, {**placed(order_source="wms"), "id": "e-2"})

    assert faults == []
    assert [one.key for one in made] == ["erp/ORD-1", "wms/ORD-1"]
    assert b'"order_source":"erp"' in encode(made[0].event)


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("nope", None),
        ("[]", None),
        ('{"type": "OrderPlaced", "type": "OrderPlaced"}', "type"),
        ({**EVENT, "type": "OrderDreamt"}, "type"),
        ({**EVENT, "type": "RecheckRequested"}, "type"),
        ({**EVENT, "id": 1}, "id"),
        ({**EVENT, "id": "x" * 129}, "id"),
        ({**EVENT, "source": ""}, "source"),
        ({**EVENT, "time": "2026-06-01T08:00:00"}, "time"),
        ({**EVENT, "time": "yesterday"}, "time"),
        ({**EVENT, "data": []}, "data"),
        ({**EVENT, "key": "erp/ORD-2"}, "key"),
        (placed(order_source="exportgate-canary"), "data.order_source"),
        (placed(order_id="a b"), "data.order_id"),
        (placed(revision=0), "data.revision"),
        (placed(destination="Germany"), "data.destination"),
        (placed(lines=[]), "data.lines"),
        (placed(lines=[EVENT["data"]["lines"][0]] * 2), "data"),
        (placed(contract="x" * 501), "data.contract"),
    ],
)
def test_a_bad_event_is_named_by_line_and_field(row: object, field: str | None) -> None:
    assert only_fault(events({**EVENT, "id": "good"}, row)) == (2, field)


def test_every_fault_of_a_file_is_found() -> None:
    _, faults = events("nope", placed(revision=0, destination="Germany"), {**EVENT, "id": 1})

    assert [(fault.line, fault.field) for fault in faults] == [
        (1, None), (2, "data.revision"), (2, "data.destination"), (3, "id"),
    ]  # fmt: skip


def test_an_event_larger_than_a_record_is_refused() -> None:
    long = {"description": "x" * 99_000, "quantity": "1", "unit": "kg"}
    many = [{**long, "line_id": str(at)} for at in range(11)]

    assert only_fault(events(placed(lines=many))) == (1, "data")


def test_one_identity_with_two_contents_is_refused() -> None:
    assert only_fault(events(EVENT, EVENT, placed(revision=2))) == (3, "id")
