"""The ledger, one transition a row: what it answers, and what the balances are after."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from schemas.base import Model
from schemas.checks import ReservationGranted, ReservationPosted, ReservationRefused
from schemas.licenses import BalanceAdjusted
from tests.support.builders import (
    T0,
    adjust,
    confirm,
    due,
    license_granted,
    requested,
    settle,
    void,
)
from tests.support.folds import LedgerRun, said

GRANT = license_granted()
YEAR_END = datetime(2026, 12, 31, 16, tzinfo=UTC)
"""When the license ends, in Shanghai."""


def credit(adjustment_id: str, quantity: str | None, **changes: Any) -> BalanceAdjusted:
    fields = {
        "adjustment_id": adjustment_id,
        "license_id": "cn-1",
        "quantity": quantity,
        "document": "MOFCOM 7",
        "officer": "ann",
        "note": "returned",
    }
    return BalanceAdjusted.model_validate(fields | changes)


TABLE: dict[str, tuple[list[Model], list[str], tuple[str, str, str]]] = {
    # after the license of 100 kg: what is said to the ledger, its answers, used/reserved/remaining
    "nothing": ([], [], ("0", "0", "100")),
    "request": ([requested()], ["Granted: granted"], ("0", "10", "90")),
    "request, all of it": ([requested("r", "100")], ["Granted: granted"], ("0", "100", "0")),
    "request, too much": (
        [requested("r", "100.000000000001")],
        ["Refused: LICENSE_EXHAUSTED"],
        ("0", "0", "100"),
    ),
    "two requests, room for one": (
        [requested("r1", "60"), requested("r2", "60"), requested("r3", "40")],
        ["Granted: granted", "Refused: LICENSE_EXHAUSTED", "Granted: granted"],
        ("0", "100", "0"),
    ),
    "the same request": (
        [requested(), requested()],
        ["Granted: granted", "Granted: exists"],
        ("0", "10", "90"),
    ),
    "asked again later": (
        [requested(), requested(request_id="again", answer_by="2026-06-02T00:00:00Z")],
        ["Granted: granted", "Granted: exists"],
        ("0", "10", "90"),
    ),
    "the same with other facts": (
        [requested(), requested("r1", "11")],
        ["Granted: granted", "Refused: exists_with_different_facts"],
        ("0", "10", "90"),
    ),
    "refused once, asked again": (
        [requested("r", "500"), requested("r", "500")],
        ["Refused: LICENSE_EXHAUSTED", "Refused: LICENSE_EXHAUSTED"],
        ("0", "0", "100"),
    ),
    "not covered": (
        [requested(destination="FR")],
        ["Refused: DESTINATION_MISMATCH"],
        ("0", "0", "100"),
    ),
    "settle in part": (
        [requested(), settle("r1", "s1", "4")],
        ["Granted: granted", "Posted settle: settled"],
        ("4", "6", "90"),
    ),
    "settle in the unit of the line": (
        [requested(), settle("r1", "s1", "4000", unit="g")],
        ["Granted: granted", "Posted settle: settled"],
        ("4", "6", "90"),
    ),
    "settle the rest, finally": (
        [requested(), settle("r1", "s1", "4"), settle("r1", "s2", "6", final=True)],
        ["Granted: granted", "Posted settle: settled", "Posted settle: settled"],
        ("10", "0", "90"),
    ),
    "settle less, finally: the rest is free": (
        [requested(), settle("r1", "s1", "4", final=True)],
        ["Granted: granted", "Posted settle: settled"],
        ("4", "0", "96"),
    ),
    "settle the same shipment twice": (
        [requested(), settle("r1", "s1", "4"), settle("r1", "s1", "4")],
        ["Granted: granted", "Posted settle: settled", "Posted settle: exists"],
        ("4", "6", "90"),
    ),
    "settle twice after the final one": (
        [requested(), settle("r1", "s1", "4", final=True), settle("r1", "s1", "4", final=True)],
        ["Granted: granted", "Posted settle: settled", "Posted settle: exists"],
        ("4", "0", "96"),
    ),
    "settle after it was closed: the goods are gone": (
        [requested(), settle("r1", "s1", "10", final=True), settle("r1", "s2", "3")],
        ["Granted: granted", "Posted settle: settled", "Posted settle: settled"],
        ("13", "0", "87"),
    ),
    "settle after void: the goods are gone": (
        [requested(), void("r1"), settle("r1", "s1", "10")],
        ["Granted: granted", "Posted void: voided", "Posted settle: settled"],
        ("10", "0", "90"),
    ),
    "settle more than reserved": (
        [requested(), settle("r1", "s1", "14")],
        ["Granted: granted", "Posted settle: settled"],
        ("14", "0", "86"),
    ),
    "settle more than the license": (
        [requested(), settle("r1", "s1", "130")],
        ["Granted: granted", "Posted settle: settled"],
        ("130", "0", "-30"),
    ),
    "settle in a unit nobody knows": (
        [requested(), settle("r1", "s1", "1", unit="carboy")],
        ["Granted: granted", "Posted settle: unit_unknown_settled_in_full"],
        ("10", "0", "90"),
    ),
    "settle an unknown one": (
        [settle("r9", "s1", "1")],
        ["Posted settle: no_such_reservation"],
        ("0", "0", "100"),
    ),
    "void": (
        [requested(), void("r1")],
        ["Granted: granted", "Posted void: voided"],
        ("0", "0", "100"),
    ),
    "void twice": (
        [requested(), void("r1"), void("r1")],
        ["Granted: granted", "Posted void: voided", "Posted void: exists"],
        ("0", "0", "100"),
    ),
    "void after a part left": (
        [requested(), settle("r1", "s1", "4"), void("r1")],
        ["Granted: granted", "Posted settle: settled", "Posted void: voided"],
        ("4", "0", "96"),
    ),
    "void before its request": (
        [void("r1"), requested(), requested("r2")],
        ["Posted void: remembered", "Refused: voided", "Granted: granted"],
        ("0", "10", "90"),
    ),
    "request after void": (
        [requested(), void("r1"), requested()],
        ["Granted: granted", "Posted void: voided", "Refused: voided"],
        ("0", "0", "100"),
    ),
    "confirm": (
        [requested(), confirm("r1")],
        ["Granted: granted", "Granted: confirmed"],
        ("0", "10", "90"),
    ),
    "confirm an unknown one": ([confirm("r1")], ["Refused: NO_LICENSE"], ("0", "0", "100")),
    "confirm a voided one": (
        [requested(), void("r1"), confirm("r1")],
        ["Granted: granted", "Posted void: voided", "Refused: NO_LICENSE"],
        ("0", "0", "100"),
    ),
    "adjust up": (
        [requested(), adjust("r1", "100")],
        ["Granted: granted", "Posted adjust: adjusted"],
        ("0", "100", "0"),
    ),
    "adjust down": (
        [requested(), adjust("r1", "3")],
        ["Granted: granted", "Posted adjust: adjusted"],
        ("0", "3", "97"),
    ),
    "adjust twice": (
        [requested(), adjust("r1", "30"), adjust("r1", "30")],
        ["Granted: granted", "Posted adjust: adjusted", "Posted adjust: exists"],
        ("0", "30", "70"),
    ),
    "an old adjustment comes again": (
        [requested(), adjust("r1", "30"), adjust("r1", "50"), adjust("r1", "30")],
        ["Granted: granted", *["Posted adjust: adjusted"] * 2, "Posted adjust: exists"],
        ("0", "50", "50"),
    ),
    "adjust too far: nothing is applied": (
        [requested(), requested("r2", "50"), adjust("r1", "51")],
        ["Granted: granted", "Granted: granted", "Posted adjust: LICENSE_EXHAUSTED"],
        ("0", "60", "40"),
    ),
    "adjust up after a part left": (
        [requested("r1", "60"), settle("r1", "s1", "30"), adjust("r1", "90")],
        ["Granted: granted", "Posted settle: settled", "Posted adjust: adjusted"],
        ("30", "60", "10"),
    ),
    "adjust below what left: nothing remains open": (
        [requested("r1", "60"), settle("r1", "s1", "30"), adjust("r1", "20")],
        ["Granted: granted", "Posted settle: settled", "Posted adjust: adjusted"],
        ("30", "0", "70"),
    ),
    "adjust an unknown one": (
        [adjust("r1", "5")],
        ["Posted adjust: no_such_reservation"],
        ("0", "0", "100"),
    ),
    "adjust a voided one": (
        [requested(), void("r1"), adjust("r1", "5")],
        ["Granted: granted", "Posted void: voided", "Posted adjust: no_such_reservation"],
        ("0", "0", "100"),
    ),
    "granted twice, the same": ([GRANT], [], ("0", "0", "100")),
    "a credit": (
        [requested(), settle("r1", "s1", "10", final=True), credit("a1", "-4", unit="kg")],
        ["Granted: granted", "Posted settle: settled"],
        ("6", "0", "94"),
    ),
    "the same credit twice": (
        [settle("r0", "s0", "1"), credit("a1", "30", unit="kg"), credit("a1", "30", unit="kg")],
        ["Posted settle: no_such_reservation"],
        ("30", "0", "70"),
    ),
    "a credit in another unit does nothing": (
        [credit("a1", "30", unit="g")],
        [],
        ("0", "0", "100"),
    ),
    "a deadline that is not due": (
        [requested(), due("license_expired", YEAR_END, "cn-1")],
        ["Granted: granted"],
        ("0", "10", "90"),
    ),
    "a deadline that is due, of nothing": (
        [requested(), due("license_effective", T0, "cn-1")],
        ["Granted: granted"],
        ("0", "10", "90"),
    ),
    "a credit in another currency does nothing": (
        [credit("a1", None, value="30", currency="USD")],
        [],
        ("0", "0", "100"),
    ),
    "a credit beyond what is used": ([credit("a1", "-5", unit="kg")], [], ("0", "0", "100")),
}


@pytest.mark.parametrize(("events", "answers", "balances"), TABLE.values(), ids=TABLE)
def test_transition(
    events: list[Model], answers: list[str], balances: tuple[str, str, str]
) -> None:
    run = LedgerRun()
    run.say(GRANT)
    for event in events:
        run.say(event)

    assert said(run.outputs) == answers
    assert run.balances() == balances


MONEY: dict[str, Any] = {"value": Decimal(1000), "currency": "USD"}
WORTH: dict[str, Any] = {"value": "600", "currency": "USD"}


def money(run: LedgerRun) -> tuple[object, ...]:
    own = run.license
    return own.used_value, own.reserved_value, own.remaining_value


def test_value_is_drawn_beside_quantity() -> None:
    run = LedgerRun()
    run.say(license_granted(**MONEY))
    run.say(requested("r1", **WORTH))
    run.say(requested("r2", **WORTH))  # 400 USD remain, though 90 kg do
    run.say(requested("r3", "10", value="400", currency="USD"))

    assert said(run.outputs) == [
        "Granted: granted",
        "Refused: LICENSE_EXHAUSTED",
        "Granted: granted",
    ]
    assert money(run) == (0, 1000, 0)
    run.say(settle("r1", "s1", "5", value="250", currency="USD"))
    assert money(run) == (250, 750, 0)
    run.say(settle("r1", "s2", "5", value="300", currency="USD", final=True))
    assert money(run) == (550, 400, 50)
    run.say(void("r3"))
    assert money(run) == (550, 0, 450)


def test_a_shipment_without_value_uses_what_was_set_aside() -> None:
    run = LedgerRun()
    run.say(license_granted(**MONEY))
    run.say(requested("r1", **WORTH))
    run.say(settle("r1", "s1", "4"))

    assert money(run) == (600, 0, 400)


def test_value_can_be_overdrawn_too() -> None:
    run = LedgerRun()
    run.say(license_granted(**MONEY))
    run.say(requested("r1", **WORTH))
    [posted] = run.say(settle("r1", "s1", "10", value="1300", currency="USD"))

    assert isinstance(posted.event, ReservationPosted)
    assert posted.event.overdrawn is not None
    overdrawn = posted.event.overdrawn
    assert overdrawn.quantity == Decimal(0)
    assert overdrawn.value == Decimal(300)
    assert money(run) == (1300, 0, -300)


def test_a_value_correction_in_another_currency_does_nothing() -> None:
    run = LedgerRun()
    run.say(license_granted(**MONEY))
    run.say(credit("a1", None, value="300", currency="EUR"))
    assert money(run) == (0, 0, 1000)

    run.say(credit("a2", None, value="300", currency="USD"))
    assert money(run) == (300, 0, 700)


def test_an_overdraft_is_told_and_grants_nothing_more() -> None:
    run = LedgerRun()
    run.say(GRANT)
    run.say(requested())
    [posted] = run.say(settle("r1", "s1", "130"))
    [refused] = run.say(requested("r2", "1"))

    assert isinstance(posted.event, ReservationPosted)
    assert posted.event.overdrawn is not None
    assert posted.event.overdrawn.quantity == Decimal(30)
    assert posted.event.balance_after.quantity == Decimal(0)
    assert isinstance(refused.event, ReservationRefused)
    assert refused.event.reason == "LICENSE_EXHAUSTED"


def test_an_answer_names_the_order_and_its_place_in_the_ledger() -> None:
    run = LedgerRun()
    run.say(GRANT)
    [output] = run.say(requested())

    assert (output.topic, output.key) == ("orders.checks", "erp/o1")
    granted = output.event
    assert isinstance(granted, ReservationGranted)
    assert (granted.line_id, granted.regime) == ("L1", "CN")
    assert (granted.ledger_partition, granted.ledger_offset) == (0, 1)
    assert granted.balance_before.quantity == Decimal(100)
    assert granted.balance_after.quantity == Decimal(90)
    assert granted.valid_to.isoformat() == "2026-12-31"


def test_a_request_for_an_unknown_license_is_refused() -> None:
    run = LedgerRun()
    [output] = run.say(requested())

    assert isinstance(output.event, ReservationRefused)
    assert output.event.reason == "LICENSE_UNKNOWN"


def test_of_many_requests_exactly_as_many_are_granted_as_there_is_room() -> None:
    run = LedgerRun()
    run.say(license_granted(quantity=Decimal(37)))
    for at in range(500):
        run.say(requested(f"r{at}", "1"))

    assert said(run.outputs).count("Granted: granted") == 37
    assert run.balances() == ("0", "37", "0")


def test_the_largest_amounts_there_are_add_up_and_can_be_remembered() -> None:
    huge = "999999999999999999.999999999999"
    run = LedgerRun()
    run.say(license_granted(quantity=None, unit=None))
    run.say(requested("r1", huge))
    run.say(requested("r2", huge))

    assert run.license.reserved_quantity == Decimal("1999999999999999999.999999999998")
