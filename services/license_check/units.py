"""Units of quantity, converted exactly. What cannot be converted is None, never a guess."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

from pint import UnitRegistry
from pint.errors import PintError

from schemas.orders import Weight

_REGISTRY: Final = UnitRegistry(non_int_type=Decimal, cache_folder=None)
_MASS: Final = {
    "kg": "kilogram", "kgs": "kilogram", "kilogram": "kilogram", "公斤": "kilogram",
    "千克": "kilogram", "g": "gram", "gram": "gram", "克": "gram", "mg": "milligram",
    "t": "metric_ton", "mt": "metric_ton", "ton": "metric_ton", "tonne": "metric_ton",
    "吨": "metric_ton", "噸": "metric_ton", "lb": "pound", "lbs": "pound", "oz": "ounce",
}  # fmt: skip
"""What order systems write → pint's name. A bare "ton" is read as metric: it draws the more."""
_EXACTLY: Final = {"Mg": "metric_ton"}
"""Read with their case: a megagram is a tonne, and a milligram of it would draw next to nothing."""
_COUNT: Final = {
    "pc": "pc", "pcs": "pc", "piece": "pc", "ea": "pc", "unit": "pc", "units": "pc", "件": "pc",
    "个": "pc", "只": "pc", "支": "pc", "台": "pc", "条": "pc", "set": "set", "sets": "set",
    "套": "set", "lot": "lot", "vial": "vial", "seat": "seat", "seats": "seat",
    "license": "seat", "licenses": "seat",
}  # fmt: skip
_PLACES: Final = Decimal("0.000000000001")
_EXACT: Final = Context(prec=80)
_TOO_MUCH: Final = Decimal(10) ** 18
"""What an event can carry has 18 digits before the point and 12 behind it."""


@lru_cache(maxsize=1024)
def kilograms_per(unit: str) -> Decimal | None:
    """Tell how many kilograms one of a unit of mass is; None for anything else."""
    word = unit.strip()
    name = _EXACTLY.get(word) or _MASS.get(word.casefold())
    if name is None:
        return None
    try:
        return Decimal(_REGISTRY.Quantity(Decimal(1), name).to("kilogram").magnitude)
    except PintError:
        return None


def in_kilograms(quantity: Decimal, unit: str) -> Decimal | None:
    """Convert a mass to kilograms."""
    factor = kilograms_per(unit)
    return None if factor is None else _EXACT.multiply(quantity, factor)


@lru_cache(maxsize=1024)
def sort_of(unit: str) -> str | None:
    """Tell what a unit measures: mass, or what it counts; None for a unit nobody knows."""
    word = unit.strip().casefold()
    return "mass" if word in _MASS else _COUNT.get(word)


def convert(
    quantity: Decimal, unit: str, net_weight: Weight | None, to_unit: str
) -> Decimal | None:
    """Express a line's quantity in a license's unit, by its net weight where it is counted.

    Returns None where no exact conversion exists.
    """
    if unit == to_unit:
        return quantity if sort_of(unit) else None
    target = kilograms_per(to_unit)
    if target is not None:
        mass = in_kilograms(quantity, unit)
        if mass is None and net_weight is not None:
            mass = in_kilograms(net_weight.value, net_weight.unit)
        return None if mass is None else written(_EXACT.divide(mass, target))
    counted = sort_of(unit)
    return quantity if counted is not None and counted == sort_of(to_unit) else None


def rounded_up(exact: Fraction) -> Decimal | None:
    """Write an exact amount as an event can carry it, never less than it is."""
    return written(_EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator)))


def rounded_down(exact: Fraction, step: Decimal = _PLACES) -> Decimal:
    """Write an exact amount in whole steps, never more than it is."""
    decimal = _EXACT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return decimal.quantize(step, rounding=ROUND_FLOOR, context=_EXACT)


def written(quantity: Decimal) -> Decimal | None:
    """Round up to what an event can carry, so that nothing is drawn short; None beyond that."""
    if quantity >= _TOO_MUCH:
        return None
    return quantity.quantize(_PLACES, rounding=ROUND_CEILING, context=_EXACT)
