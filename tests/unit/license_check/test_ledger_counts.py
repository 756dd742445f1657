"""What left, in the measure that a license counts in; and what is drawn under its documents."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.checks import ReservationRequested, ReservationReturned
from schemas.licenses import BalanceAdjusted, LicenseAmended
from tests.support.asking import euc
from tests.support.builders import (
    T0,
    adjust,
    license_granted,
    of_reservation,
    requested,
    settle,
    terms,
)
from tests.support.folds import LedgerRun

PIECES: dict[str, Any] = {"unit": "pcs", "net_weight": {"value": "5", "unit": "kg"}}
GROSS: dict[str, Any] = {"gross_weight": {"value": "12", "unit": "kg"}}
BY_MONEY: dict[str, Any] = {
    "quantity": None, "unit": None, "value": Decimal(5000), "currency": "USD",
    "conditions": ("quantity_per_shipment=6 kg",),
}  # fmt: skip


def amended(amendment: int, **changes: Any) -> LicenseAmended:
    return LicenseAmended.model_validate(terms(**changes).model_dump() | {"amendment": amendment})


def came_back(quantity: str, unit: str = "kg") -> ReservationReturned:
    back = {"shipment_id": "s1", "return_id": "b1", "returned_at": T0}
    fields = of_reservation("r1") | back | {"quantity": quantity, "unit": unit}
    return ReservationReturned.model_validate(fields)


@pytest.mark.parametrize(
    ("told", "used"),
    [
        ({"gross_weight": {"value": "15", "unit": "kg"}}, "15"),  # by what it weighs, with its net
        ({"net_weight": {"value": "6", "unit": "kg"}}, "12"),  # weight or without
        ({}, "12"),
    ],
)
def test_what_left_counts_gross_by_its_gross_weight(told: dict[str, Any], used: str) -> None:
    run = LedgerRun()
    run.say(license_granted(quantity_basis="gross"))
    run.say(requested(**PIECES, **GROSS))
    run.say(settle("r1", "s1", "10", unit="pcs", **told))

    assert run.license.used_quantity == Decimal(used)


@pytest.mark.parametrize(
    ("told", "breaches"),
    [
        ({"quantity": "4000", "unit": "g"}, None),
        ({"quantity": "0.007", "unit": "t"}, ("quantity_per_shipment",)),
        ({"quantity": "1", "unit": "drum"}, ("quantity_per_shipment",)),
    ],
)
def test_a_shipment_is_compared_with_its_limit_in_the_unit_of_that(
    told: dict[str, str], breaches: tuple[str, ...] | None
) -> None:
    run = LedgerRun()
    run.say(license_granted(**BY_MONEY))
    run.say(requested(shipping="partial", value="1000", currency="USD"))
    event = settle("r1", "s1", "1", value="500").model_copy(
        update={"quantity": Decimal(told["quantity"]), "unit": told["unit"]}
    )
    run.say(event)

    assert run.outputs[-1].event.breaches == breaches  # type: ignore[attr-defined]


def test_documents_no_longer_required_are_drawn_under_no_more() -> None:
    run = LedgerRun()
    run.say(license_granted(requires=("euc",)))
    shown = euc(quantity=Decimal(15), unit="kg")
    asked: ReservationRequested = requested(**shown)
    run.say(asked)
    assert run.license.documents == {"euc 1": Decimal(10)}
    run.say(amended(1))
    run.say(adjust("r1", "12"))
    run.say(amended(2, requires=("euc",)))

    assert run.license.documents == {}
    run.say(requested("r2", "12", **shown))
    assert run.license.reserved_quantity == Decimal(24)


@pytest.mark.parametrize("credit", ["automatic", "officer"])
def test_pieces_that_leave_after_some_came_back_weigh_what_they_did(credit: str) -> None:
    run = LedgerRun()
    run.say(license_granted(return_credit=credit))
    run.say(requested(**PIECES))
    run.say(settle("r1", "s1", "10", unit="pcs"))
    run.say(came_back("10", unit="pcs"))
    credited = run.license.used_quantity
    run.say(settle("r1", "s2", "4", unit="pcs"))

    assert run.license.used_quantity - credited == Decimal(2)


TOUCHED = BalanceAdjusted.model_validate(
    {"adjustment_id": "a1", "license_id": "cn-1", "quantity": "1", "unit": "kg",
     "document": "-", "officer": "ann", "note": "-"}
)  # fmt: skip


@pytest.mark.parametrize(("others", "state"), [("14", "open"), ("15", "withdrawn")])
def test_a_part_counts_under_its_documents_for_no_more_than_it_is(others: str, state: str) -> None:
    papers = euc(quantity=Decimal(20), unit="kg")
    run = LedgerRun()
    run.say(license_granted(requires=("euc",), quantity=Decimal(6)))
    run.say(requested(partial=True, **papers))
    assert run.reservation("r1").quantity == Decimal(6)
    run.say(amended(1, requires=("euc",)))
    run.say(requested("r2", "14", **papers))
    run.say(settle("r2", "s1", others))
    run.say(TOUCHED)

    assert run.reservation("r1").state == state


def test_what_came_back_is_drawn_under_no_document() -> None:
    papers = euc(quantity=Decimal(20), unit="kg")
    run = LedgerRun()
    run.say(license_granted(requires=("euc",), return_credit="automatic"))
    run.say(requested(**papers))
    run.say(settle("r1", "s1", "6", final=False))
    back = {
        "shipment_id": "s1",
        "return_id": "b1",
        "returned_at": T0,
        "quantity": "4",
        "unit": "kg",
    }
    run.say(ReservationReturned.model_validate(of_reservation("r1") | back))
    run.say(requested("r2", "14", **papers))
    run.say(TOUCHED)

    assert [run.reservation(name).state for name in ("r1", "r2")] == ["open", "open"]
