"""The usual line asked about, one fact changed at a time, and what coverage says of it."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from schemas.checks import Rate, RequestedItem, RequestedParty
from schemas.orders import Document, Weight
from services.license_check.coverage import coverage
from services.license_check.facts import Draw, Facts, Refusal
from tests.support.builders import T0, terms

DAYS = (date(2026, 6, 1),)
USUAL = Facts(
    line_id="L1",
    regime="CN",
    exporter="acme",
    item=RequestedItem(codes=("1C905.b",), category=1, materials=("Dy",)),
    parties=(
        RequestedParty(role="consignee", name="Weber GmbH"),
        RequestedParty(role="end_user", name="Weber GmbH"),
    ),
    destination="DE",
    quantity=Decimal(10),
    unit="kg",
    asked_at=T0,
    value=Decimal(1000),
    currency="USD",
)


def judged(license_: dict[str, Any], facts: dict[str, Any]) -> Draw | Refusal:
    own = dict(facts)
    days = own.pop("days", DAYS)
    usage = own.pop("usage", {})
    return coverage(terms(**license_), replace(USUAL, **own), days, usage)


def euc(**changes: Any) -> dict[str, Any]:
    fields = {
        "kind": "euc",
        "number": "1",
        "issuer": "Weber GmbH",
        "issued": date(2026, 5, 1),
        "end_user": "Weber GmbH",
    }
    return {"documents": (Document.model_validate(fields | changes),)}


def item(*codes: str, category: int | None = None, materials: tuple[str, ...] = ()) -> Any:
    return {"item": RequestedItem(codes=codes, category=category, materials=materials)}


def parties(*named: tuple[str, str]) -> dict[str, Any]:
    return {"parties": tuple(RequestedParty(role=role, name=name) for role, name in named)}


def days(*named: str) -> dict[str, Any]:
    return {"days": tuple(date.fromisoformat(day) for day in named)}


def rate(from_: str, to: str, number: str = "1.1", days: int = 0) -> Rate:
    fields = {"rate_id": f"{from_}-{to}", "from": from_, "to": to, "rate": number}
    return Rate.model_validate(fields | {"at": T0 + timedelta(days=days), "source": "ECB"})


WEBER = USUAL.parties or ()


def replace_country(each: RequestedParty, country: str) -> RequestedParty:
    return each.model_copy(update={"country": country})


PIECES = {"quantity": Decimal(4), "unit": "pcs"}
WEIGHED = PIECES | {"net_weight": Weight(value=Decimal(2500), unit="g")}
BY_CODE: dict[str, Any] = {"codes": (), "materials": ()}
EUC: dict[str, Any] = {"requires": ("euc",)}
MONEY: dict[str, Any] = {"value": Decimal(5000), "currency": "USD"}
