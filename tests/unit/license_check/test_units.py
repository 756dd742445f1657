"""Units are converted exactly or not at all."""

from decimal import Decimal

import pytest

from schemas.orders import Weight
from services.license_check.units import convert, in_kilograms, kilograms_per

EXACT = [
    ("kg", "1"), ("KG", "1"), (" kgs ", "1"), ("公斤", "1"), ("千克", "1"), ("克", "0.001"),
    ("g", "0.001"), ("mg", "0.000001"), ("t", "1000"), ("MT", "1000"), ("ton", "1000"),
    ("吨", "1000"), ("噸", "1000"), ("lb", "0.45359237"), ("lbs", "0.45359237"),
    ("oz", "0.028349523125"), ("Mg", "1000"), (" Mg", "1000"),
]  # fmt: skip


@pytest.mark.parametrize(("unit", "kilograms"), EXACT)
def test_masses_are_exact(unit: str, kilograms: str) -> None:
    assert kilograms_per(unit) == Decimal(kilograms)
    assert in_kilograms(Decimal(3), unit) == 3 * Decimal(kilograms)


@pytest.mark.parametrize("unit", ["", "k g", "kilo", "pc", "m", "litre", "carboy", "kg/m", "1kg"])
def test_what_is_no_mass_is_none(unit: str) -> None:
    assert kilograms_per(unit) is None
    assert in_kilograms(Decimal(1), unit) is None


@pytest.mark.parametrize(
    ("quantity", "unit", "weight", "to_unit", "expected"),
    [
        ("1", "lb", None, "kg", "0.45359237"),
        ("0.45359237", "kg", None, "lb", "1"),
        ("2", "t", None, "g", "2000000"),
        ("4", "pcs", ("3", "kg"), "g", "3000"),
        ("4", "carboy", ("3", "kg"), "kg", "3"),
        ("4", "kg", ("3", "kg"), "kg", "4"),  # a line in a mass is that mass
        ("4", "pcs", ("3", "boxes"), "kg", None),
        ("4", "pcs", None, "kg", None),
        ("4", "kg", None, "pc", None),
        ("4", "件", None, "pc", "4"),
        ("4", "EA", None, "units", "4"),
        ("4", "set", None, "pc", None),
        ("4", "sets", None, "套", "4"),
        ("4", "seats", None, "license", "4"),
        ("4", "carboy", None, "carboy", None),  # unknown even to itself: nobody says it is a count
        ("4", "kg", None, "", None),
        ("1", "mg", None, "t", "0.000000001"),
    ],
)
def test_conversion(
    quantity: str, unit: str, weight: tuple[str, str] | None, to_unit: str, expected: str | None
) -> None:
    net = Weight(value=Decimal(weight[0]), unit=weight[1]) if weight else None

    found = convert(Decimal(quantity), unit, net, to_unit)

    assert found == (None if expected is None else Decimal(expected))


def test_what_is_too_small_to_write_is_drawn_in_full() -> None:
    """Rounded up: a draw is never nothing, and never less than what leaves."""
    assert convert(Decimal("0.0001"), "mg", None, "t") == Decimal("0.000000000001")
    assert convert(Decimal("0.000000000001"), "oz", None, "kg") == Decimal("0.000000000001")


@pytest.mark.parametrize("digits", [16, 17, 18])
def test_a_huge_quantity_is_no_poison(digits: int) -> None:
    """What order systems may write is converted exactly, or not at all where no field holds it."""
    huge = Decimal("9" * digits)

    assert convert(huge, "kg", None, "kg") == huge
    assert convert(huge, "t", None, "mg") is None
