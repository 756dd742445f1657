"""A license covers what it names in every respect, and nothing else."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from schemas.checks import RequestedParty
from schemas.decisions import HoldReason as R
from schemas.orders import Weight
from schemas.regimes import day_in
from services.license_check.coverage import nearness
from services.license_check.facts import Draw, Refusal
from tests.support.asking import (
    BY_CODE,
    EUC,
    MONEY,
    PIECES,
    USUAL,
    WEBER,
    WEIGHED,
    days,
    euc,
    item,
    judged,
    parties,
    rate,
    replace_country,
)

A_SHIPMENT: dict[str, Any] = MONEY | {
    "quantity": None, "unit": None, "conditions": ("quantity_per_shipment=6 kg",),
}  # fmt: skip
COVERED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "as it is": ({}, {}),
    "holder in other letters": ({"holder": " ACME"}, {}),
    "any holder": ({"holder": "*"}, {"exporter": "somebody"}),
    "regime of the US": ({"regime": "US"}, {"regime": "US"}),
    "the very code": ({"codes": ("1C905.b",)}, {}),
    "a paragraph under its parent": ({"codes": ("1C905",)}, item("1C905.b.1")),
    "one of several codes": ({"codes": ("1C901", "1C905")}, {}),
    "any code": ({"codes": ("*",)}, item("6A001")),
    "any code, none known": ({"codes": ("*",)}, item()),
    "category alone": (BY_CODE | {"categories": ("1",)}, item(category=1)),
    "any category": (BY_CODE | {"categories": ("*",)}, item(category=3)),
    "material alone": (BY_CODE | {"materials": ("dy",)}, item(materials=("Dy",))),
    "code and category": ({"categories": ("1", "2")}, {}),
    "code, category and material": ({"categories": ("1",), "materials": ("Dy",)}, {}),
    "one of several destinations": ({"destinations": ("FR", "DE")}, {}),
    "any destination": ({"destinations": ("*",)}, {"destination": "BR"}),
    "consignee in other letters": ({"consignees": ("WEBER  gmbh",)}, {}),
    "any consignee, none stated": ({"consignees": ("*",)}, parties(("end_user", "Weber GmbH"))),
    "anybody, parties unknown": (
        {"consignees": ("*",), "end_users": ("*",)},
        {"parties": None},
    ),
    "two consignees, both named": (
        {"consignees": ("Weber GmbH", "Dock AG")},
        parties(("consignee", "Dock AG"), ("consignee", "Weber GmbH"), ("end_user", "Weber GmbH")),
    ),
    "a buyer nobody names": ({}, {"parties": (*(USUAL.parties or ()), RequestedParty(
        role="buyer", name="Broker Ltd"))}),
    "denied, but named": ({}, {"names_end_user": True}),
    "in grams": ({}, {"unit": "g"}),
    "pieces by net weight": ({}, WEIGHED),
    "pieces of a license in pieces": ({"quantity": Decimal(9), "unit": "pc"}, PIECES),
    "no limit on quantity": ({"quantity": None, "unit": None}, {"unit": "carboy"}),
    "value in its currency": (MONEY, {}),
    "first day": ({}, days("2026-01-01")),
    "last day": ({}, days("2026-12-31")),
    "both ends": ({}, days("2026-01-01", "2026-12-31")),
    "with its certificate": (EUC, euc()),
    "certificate on its last day": (EUC, euc(valid_until=date(2026, 6, 1))),
    "certificate issued that day": (EUC, euc(issued=date(2026, 6, 1))),
    "two documents wanted, two there": (
        {"requires": ("euc", "contract")},
        {"documents": (*euc()["documents"], *euc(kind="contract")["documents"])},
    ),
    "certificate naming the code's parent": (EUC, euc(items=("1C905",))),
    "certificate naming the material": (EUC, euc(items=("Nd", "dy"))),
    "certificate for a quantity": (EUC, euc(quantity=Decimal(10), unit="kg")),
    "certificate for a quantity in another unit": (EUC, euc(quantity=Decimal("0.01"), unit="t")),
    "certificate of which enough is left": (
        EUC,
        euc(quantity=Decimal(50), unit="kg") | {"usage": {"euc 1": Decimal(40)}},
    ),
    "a country group": ({"destinations": ("A:5",), "groups": {"A:5": ("FR", "DE")}}, {}),
    "its port": ({"conditions": ("port=Shanghai|Ningbo",)}, {"port": "NINGBO"}),
    "stays where it goes": (
        {"conditions": ("no_reexport",)},
        {"parties": tuple(replace_country(each, "DE") for each in WEBER)},
    ),
    "acknowledged": ({"conditions": ("acknowledge=K-17",)}, euc(kind="other", number="K-17")),
    "to be reported": ({"conditions": ("report_within_days=30",)}, {}),
    "as much as a shipment may carry": ({"conditions": ("quantity_per_shipment=10 kg",)}, {}),
    "more than a shipment may carry, in parts": (
        {"conditions": ("quantity_per_shipment: 4000 g",)},
        {"shipping": "partial"},
    ),
    "as much as a shipment may carry, where money alone is counted": (
        A_SHIPMENT,
        {"quantity": Decimal(5000), "unit": "g"},
    ),
    "shipments are counted": ({"max_shipments": 3}, {}),
    "within the cap": (
        {"conditions": ("value_per_order=3000 USD",)},
        {"order_value": Decimal(3000)},
    ),
    "other currency, at a rate": (MONEY, {"currency": "EUR", "conversions": (rate("EUR", "USD"),)}),
    "gross, where stated": (
        {"quantity_basis": "gross"},
        {"gross_weight": Weight(value=Decimal(12), unit="kg")},
    ),
    "quantity beyond the license": ({}, {"quantity": Decimal(5000)}),  # balances: the ledger's
}  # fmt: skip

NOT_COVERED: dict[str, tuple[R, dict[str, Any], dict[str, Any]]] = {
    "other holder": (R.NO_LICENSE, {"holder": "other"}, {}),
    "holder that only begins so": (R.NO_LICENSE, {"holder": "acme trading"}, {}),
    "no holder": (R.NO_LICENSE, {"holder": ""}, {}),
    "other regime": (R.NO_LICENSE, {"regime": "US"}, {}),
    "the other reading of a regime": (R.NO_LICENSE, {"regime": "CN-GAZETTED"}, {}),
    "names no item": (R.ITEM_MISMATCH, BY_CODE, {}),
    "other code": (R.ITEM_MISMATCH, {"codes": ("1C906",)}, {}),
    "a code that only begins so": (R.ITEM_MISMATCH, {"codes": ("1C90",)}, {}),
    "a paragraph does not cover its parent": (R.ITEM_MISMATCH, {"codes": ("1C905.b.1",)}, {}),
    "code unknown": (R.ITEM_MISMATCH, {}, item(category=1, materials=("Dy",))),
    "code fits, category does not": (R.ITEM_MISMATCH, {"categories": ("2",)}, {}),
    "category fits, code does not": (
        R.ITEM_MISMATCH,
        {"codes": ("9A001",), "categories": ("1",)},
        {},
    ),
    "category unknown": (R.ITEM_MISMATCH, {"categories": ("1",)}, item("1C905")),
    "category that only begins so": (
        R.ITEM_MISMATCH,
        BY_CODE | {"categories": ("12",)},
        item(category=1),
    ),
    "other material": (R.ITEM_MISMATCH, {"materials": ("Tb",)}, {}),
    "material unknown": (R.ITEM_MISMATCH, {"materials": ("Dy",)}, item("1C905.b")),
    "other destination": (R.DESTINATION_MISMATCH, {"destinations": ("FR",)}, {}),
    "no destination": (R.DESTINATION_MISMATCH, {"destinations": ()}, {}),
    "other consignee": (R.PARTY_MISMATCH, {"consignees": ("Dock AG",)}, {}),
    "no consignee": (R.PARTY_MISMATCH, {"consignees": ()}, {}),
    "one of two consignees": (
        R.PARTY_MISMATCH,
        {},
        parties(("consignee", "Weber GmbH"), ("consignee", "X"), ("end_user", "Weber GmbH")),
    ),
    "consignee unknown": (R.PARTY_MISMATCH, {}, parties(("end_user", "Weber GmbH"))),
    "other end user": (R.PARTY_MISMATCH, {"end_users": ("Dock AG",)}, {}),
    "no end user": (R.PARTY_MISMATCH, {"end_users": ()}, {}),
    "end user unknown": (R.PARTY_MISMATCH, {}, parties(("consignee", "Weber GmbH"))),
    "the end user is the consignee's, not the license's": (
        R.PARTY_MISMATCH,
        {},
        parties(("consignee", "Weber GmbH"), ("end_user", "Army")),
    ),
    "parties unknown": (R.PARTY_MISMATCH, {}, {"parties": None}),
    "denied, any end user is not named": (
        R.PARTY_MISMATCH,
        {"end_users": ("*",)},
        {"names_end_user": True},
    ),
    "pieces without a weight": (R.UNIT_MISMATCH, {}, PIECES),
    "unit nobody knows": (R.UNIT_MISMATCH, {}, {"unit": "carboy"}),
    "kilograms of a license in pieces": (
        R.UNIT_MISMATCH,
        {"quantity": Decimal(9), "unit": "pc"},
        {},
    ),
    "counted gross": (R.UNIT_MISMATCH, {"quantity_basis": "gross"}, {}),
    "counted as oxide": (R.UNIT_MISMATCH, {"quantity_basis": "oxide"}, {}),
    "counted as an element": (R.UNIT_MISMATCH, {"quantity_basis": "element:Dy"}, {}),
    "value unknown": (R.UNIT_MISMATCH, MONEY, {"value": None}),
    "other currency": (R.UNIT_MISMATCH, MONEY, {"currency": "EUR"}),
    "currency unknown": (R.UNIT_MISMATCH, MONEY, {"currency": None}),
    "day before": (R.LICENSE_NOT_YET_VALID, {}, days("2025-12-31")),
    "day after": (R.LICENSE_EXPIRED, {}, days("2027-01-01")),
    "one day of two too late": (R.LICENSE_EXPIRED, {}, days("2026-06-01", "2027-01-01")),
    "one day of two too early": (R.LICENSE_NOT_YET_VALID, {}, days("2026-06-01", "2025-12-31")),
    "certificate missing": (R.EUC_MISSING, EUC, {}),
    "one of two documents": (R.EUC_MISSING, {"requires": ("euc", "contract")}, euc()),
    "document of another kind": (R.EUC_MISSING, EUC, euc(kind="contract")),
    "certificate of another end user": (R.EUC_MISSING, EUC, euc(end_user="Army")),
    "certificate of nobody": (R.EUC_MISSING, EUC, euc(end_user=None)),
    "certificate over": (R.EUC_MISSING, EUC, euc(valid_until=date(2026, 5, 31))),
    "certificate not yet issued": (R.EUC_MISSING, EUC, euc(issued=date(2026, 6, 2))),
    "certificate for other items": (R.EUC_MISSING, EUC, euc(items=("1C906", "Tb"))),
    "certificate for no items": (R.EUC_MISSING, EUC, euc(items=())),
    "certificate for too little": (R.EUC_MISSING, EUC, euc(quantity=Decimal(9), unit="kg")),
    "certificate used up": (
        R.EUC_MISSING,
        EUC,
        euc(quantity=Decimal(50), unit="kg") | {"usage": {"euc 1": Decimal("40.001")}},
    ),
    "certificate in what cannot be compared": (
        R.EUC_MISSING,
        EUC,
        euc(quantity=Decimal(5), unit="pcs"),
    ),
    "a condition nobody knows": (R.CONDITION_OPEN, {"conditions": ("report each quarter",)}, {}),
    "one of two conditions nobody knows": (
        R.CONDITION_OPEN,
        {"conditions": ("report_within_days=30", "be_nice")},
        {},
    ),
    "port unknown": (R.CONDITION_OPEN, {"conditions": ("port=Ningbo",)}, {}),
    "another port": (R.CONDITION_OPEN, {"conditions": ("port=Ningbo",)}, {"port": "Dalian"}),
    "may go elsewhere": (R.CONDITION_OPEN, {"conditions": ("no_reexport",)}, {}),
    "goes elsewhere": (
        R.CONDITION_OPEN,
        {"conditions": ("no_reexport",)},
        {"parties": tuple(replace_country(each, "FR") for each in WEBER)},
    ),
    "not acknowledged": (R.CONDITION_OPEN, {"conditions": ("acknowledge=K-17",)}, euc()),
    "more than a shipment may carry": (
        R.CONDITION_OPEN,
        {"conditions": ("quantity_per_shipment=4 kg",)},
        {},
    ),
    "tonnes where a shipment may carry kilograms": (
        R.CONDITION_OPEN,
        A_SHIPMENT,
        {"quantity": Decimal(3), "unit": "t"},
    ),
    "pieces where a shipment may carry kilograms": (R.CONDITION_OPEN, A_SHIPMENT, PIECES),
    "pieces in parts where a shipment may carry kilograms": (
        R.CONDITION_OPEN,
        A_SHIPMENT,
        PIECES | {"shipping": "partial"},
    ),
    "above the cap": (
        R.CONDITION_OPEN,
        {"conditions": ("value_per_order=3000 USD",)},
        {"order_value": Decimal("3000.01")},
    ),
    "worth unknown under a cap": (
        R.CONDITION_OPEN,
        {"conditions": ("value_per_order=3000 USD",)},
        {},
    ),
    "a group without it": (
        R.DESTINATION_MISMATCH,
        {"destinations": ("A:5",), "groups": {"A:5": ("FR",)}},
        {},
    ),
    "a group that is not spelled out": (R.DESTINATION_MISMATCH, {"destinations": ("A:5",)}, {}),
    "a rate of last year": (
        R.UNIT_MISMATCH,
        MONEY,
        {"currency": "EUR", "conversions": (rate("EUR", "USD", days=-32),)},
    ),
    "a rate of tomorrow": (
        R.UNIT_MISMATCH,
        MONEY,
        {"currency": "EUR", "conversions": (rate("EUR", "USD", days=1),)},
    ),
    "a rate of other money": (
        R.UNIT_MISMATCH,
        MONEY,
        {"currency": "EUR", "conversions": (rate("JPY", "USD"),)},
    ),
}


@pytest.mark.parametrize(("license_", "facts"), COVERED.values(), ids=COVERED)
def test_covers(license_: dict[str, Any], facts: dict[str, Any]) -> None:
    found = judged(license_, facts)

    assert isinstance(found, Draw), found


@pytest.mark.parametrize(("reason", "license_", "facts"), NOT_COVERED.values(), ids=NOT_COVERED)
def test_does_not_cover(reason: R, license_: dict[str, Any], facts: dict[str, Any]) -> None:
    found = judged(license_, facts)

    assert isinstance(found, Refusal), found
    assert found.reason is reason
    assert found.change


@pytest.mark.parametrize("empty", ["consignees", "end_users", "destinations", "codes"])
def test_an_empty_list_covers_nothing_however_much_else_is_any(empty: str) -> None:
    wide: dict[str, Any] = {
        name: ("*",) for name in ("consignees", "end_users", "destinations", "codes")
    }
    assert isinstance(judged(wide, {}), Draw)

    assert isinstance(judged(wide | {empty: ()}, {}), Refusal)


@pytest.mark.parametrize(
    ("facts", "license_", "quantity", "unit"),
    [
        ({}, {}, "10", "kg"),
        ({"unit": "g"}, {}, "0.01", "kg"),
        ({"unit": "t"}, {}, "10000", "kg"),
        (WEIGHED, {}, "2.5", "kg"),
        (WEIGHED, {"unit": "g"}, "2500", "g"),
        ({"unit": "carboy"}, {"quantity": None, "unit": None}, "10", "carboy"),
    ],
)
def test_draws_in_the_unit_of_the_license(
    facts: dict[str, Any], license_: dict[str, Any], quantity: str, unit: str
) -> None:
    drawn = judged(license_, facts)

    assert isinstance(drawn, Draw)
    assert (drawn.quantity, drawn.unit) == (Decimal(quantity), unit)
    assert (drawn.value, drawn.currency) == (Decimal(1000), "USD")


@pytest.mark.parametrize(
    ("regime", "moment", "covered"),
    [
        ("CN", datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC), False),
        ("CN", datetime(2025, 12, 31, 16, 0, 0, tzinfo=UTC), True),
        ("CN", datetime(2026, 12, 31, 15, 59, 59, tzinfo=UTC), True),
        ("CN", datetime(2026, 12, 31, 16, 0, 0, tzinfo=UTC), False),
        ("US", datetime(2026, 1, 1, 4, 59, 59, tzinfo=UTC), False),
        ("US", datetime(2026, 1, 1, 5, 0, 0, tzinfo=UTC), True),
        ("US", datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC), True),
        ("US", datetime(2027, 1, 1, 5, 0, 0, tzinfo=UTC), False),
        ("EU", datetime(2025, 12, 31, 23, 0, 0, tzinfo=UTC), True),
        ("EU", datetime(2026, 12, 31, 23, 0, 0, tzinfo=UTC), False),
    ],
)
def test_days_turn_at_midnight_of_the_regime(regime: str, moment: datetime, covered: bool) -> None:
    facts = {"regime": regime, "days": (day_in(regime, moment),)}

    assert isinstance(judged({"regime": regime}, facts), Draw) is covered


def test_a_refusal_further_down_is_the_nearer_miss() -> None:
    """Each license fails in one respect more than the next; the reasons come in rising order."""
    wrong: list[dict[str, Any]] = [
        {"holder": "other"}, {"codes": ("9A001",)}, {"destinations": ("FR",)},
        {"end_users": ("Army",)}, {"quantity_basis": "gross"}, {"valid_to": date(2026, 2, 1)},
        {"requires": ("euc",)}, {"conditions": ("report",)},
    ]  # fmt: skip
    reasons = []
    for start in range(len(wrong)):
        merged: dict[str, Any] = {}
        for change in wrong[start:]:
            merged |= change
        found = judged(merged, {})
        assert isinstance(found, Refusal)
        reasons.append(found.reason)

    assert reasons == [
        R.NO_LICENSE, R.ITEM_MISMATCH, R.DESTINATION_MISMATCH, R.PARTY_MISMATCH, R.UNIT_MISMATCH,
        R.LICENSE_EXPIRED, R.EUC_MISSING, R.CONDITION_OPEN,
    ]  # fmt: skip
    ranks = [nearness(reason) for reason in reasons]
    assert ranks == sorted(set(ranks))
    assert max(ranks) < nearness(R.LICENSE_SUSPENDED) < nearness(R.LICENSE_EXHAUSTED)
