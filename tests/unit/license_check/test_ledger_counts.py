"""What left, in the measure that a license counts in; and what is drawn under its documents."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.checks import ReservationRequested
from schemas.licenses import LicenseAmended
from tests.support.asking import euc
from tests.support.builders import adjust, license_granted, requested, settle, terms
from tests.support.folds import LedgerRun

PIECES: dict[str, Any] = {"unit": "pcs", "net_weight": {"value": "5", "unit": "kg"}}
GROSS: dict[str, Any] = {"gross_weight": {"value": "12", "unit": "kg"}}
BY_MONEY: dict[str, Any] = {
    "quantity": None, "unit": None, "value": Decimal(5000), "currency": "USD",
    "conditions": ("quantity_per_shipment=6 kg",),
}  # fmt: skip


def amended(amendment: int, **changes: Any) -> LicenseAmended:
    return LicenseAmended.model_validate(terms(**changes).model_dump() | {"amendment": amendment})


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
