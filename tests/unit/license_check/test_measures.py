"""How goods and money are counted in a license's own measure, and what is said where not."""

from decimal import Decimal
from typing import Any

import pytest

from schemas.checks import Rate, RequestedItem
from schemas.decisions import HoldReason as R
from schemas.orders import Component
from services.license_check.facts import Draw, Refusal
from tests.support.asking import EUC, MONEY, PIECES, WEIGHED, euc, judged, rate


def contains(**percent: str) -> dict[str, Any]:
    stated = tuple(
        Component(element=element, mass_percent=Decimal(share))
        for element, share in percent.items()
    )
    return {"item": RequestedItem(codes=("1C905.b",), composition=stated)}


def compound(formula: str) -> dict[str, Any]:
    return {"item": RequestedItem(codes=("1C905.b",), formula=formula)}


CONTENT: dict[str, tuple[str, dict[str, Any], str | None]] = {
    # atomic weights 162.50 and 15.999: Dy2O3 is 325/372.997 dysprosium, 100 kg hold 87.132 kg
    "metal in an oxide": ("element:Dy", compound("Dy2O3"), "8.713206808634"),
    "oxide in an oxide": ("oxide", compound("Dy2O3"), "10"),
    "oxide of a metal": ("oxide", contains(Dy="100"), "11.476830769231"),
    "oxide of an alloy": ("oxide", contains(Nd="30", Fe="69", B="1"), "3.499136855242"),
    "metal in an alloy": ("element:Dy", contains(Dy="5.5", Nd="25", Fe="69.5"), "0.55"),
    "another metal": ("element:Tb", contains(Dy="5.5"), None),
    "another compound": ("element:Tb", compound("Dy2O3"), None),
    "nothing stated": ("element:Dy", {}, None),
    "an alloy's name is no compound": ("element:Dy", compound("DyFe80"), None),
    "more than the whole": ("element:Dy", contains(Dy="60", Fe="60"), None),
    "no rare earth": ("oxide", contains(Fe="100"), None),
    "pieces by net weight": ("element:Dy", contains(Dy="10") | WEIGHED, "0.25"),
    "pieces without a weight": ("element:Dy", contains(Dy="10") | PIECES, None),
}


@pytest.mark.parametrize(("basis", "facts", "drawn"), CONTENT.values(), ids=CONTENT)
def test_counts_what_the_goods_contain(
    basis: str, facts: dict[str, Any], drawn: str | None
) -> None:
    found = judged({"quantity_basis": basis}, facts)

    if drawn is None:
        assert isinstance(found, Refusal)
        assert found.reason is R.UNIT_MISMATCH
    else:
        assert isinstance(found, Draw)
        assert found.quantity == Decimal(drawn)


@pytest.mark.parametrize(
    ("conversions", "value"),
    [
        ((rate("EUR", "USD", "1.10"),), "1100"),
        ((rate("USD", "EUR", "0.9"),), "1111.111111111112"),
        ((rate("EUR", "USD", "1.2", days=-9), rate("EUR", "USD", "1.1", days=-1)), "1100"),
        ((rate("USD", "EUR", "0.5", days=-1), rate("EUR", "USD", "1.3", days=-1)), "1300"),
    ],
)
def test_money_is_exchanged_at_the_newest_rate_and_rounded_up(
    conversions: tuple[Rate, ...], value: str
) -> None:
    drawn = judged(MONEY, {"currency": "EUR", "conversions": conversions})

    assert isinstance(drawn, Draw)
    assert (drawn.value, drawn.currency) == (Decimal(value), "USD")


@pytest.mark.parametrize(
    ("license_", "facts", "words"),
    [
        (EUC, {}, "the order carries no euc"),
        (EUC, euc(end_user="Army"), "euc 1 names the end user Army"),
        (EUC, euc(items=("Tb",)), "euc 1 does not name the item"),
        (EUC, euc(quantity=Decimal(9), unit="kg"), "euc 1 is for 9 kg, of which 0 is drawn"),
        ({"conditions": ("port=Ningbo",)}, {"port": "Dalian"}, "leaves by Ningbo, not by Dalian"),
        ({"quantity_basis": "element:Dy"}, {}, "the line states no composition"),
    ],
)
def test_a_refusal_says_what_would_have_to_change(
    license_: dict[str, Any], facts: dict[str, Any], words: str
) -> None:
    found = judged(license_, facts)

    assert isinstance(found, Refusal)
    assert words in found.change
