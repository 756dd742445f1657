"""Units, content and money by the checker's own arithmetic: fractions, rounded once."""

import re
from datetime import timedelta
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from typing import Any, Final

from schemas.checks import RequestedItem
from schemas.licenses import LicenseTerms

GRAMS: Final = {
    "mg": Fraction(1, 1000), "g": Fraction(1), "gram": Fraction(1), "克": Fraction(1),
    "kg": Fraction(1000), "kgs": Fraction(1000), "kilogram": Fraction(1000),
    "公斤": Fraction(1000), "千克": Fraction(1000), "t": Fraction(10**6), "mt": Fraction(10**6),
    "ton": Fraction(10**6), "tonne": Fraction(10**6), "吨": Fraction(10**6), "噸": Fraction(10**6),
    "lb": Fraction("453.59237"), "lbs": Fraction("453.59237"), "oz": Fraction("28.349523125"),
}  # fmt: skip
COUNTED: Final = {
    "piece": "pc pcs piece ea unit units 件 个 只 支 台 条",
    "set": "set sets 套",
    "lot": "lot",
    "vial": "vial",
    "seat": "seat seats license licenses",
}
SORTS: Final = {word: sort for sort, words in COUNTED.items() for word in words.split()}
WEIGHTS: Final = {
    "O": Fraction("15.999"), "F": Fraction("18.998"), "Cl": Fraction("35.45"),
    "Sc": Fraction("44.956"), "Y": Fraction("88.906"), "La": Fraction("138.91"),
    "Ce": Fraction("140.12"), "Pr": Fraction("140.91"), "Nd": Fraction("144.24"),
    "Sm": Fraction("150.36"), "Eu": Fraction("151.96"), "Gd": Fraction("157.25"),
    "Tb": Fraction("158.93"), "Dy": Fraction("162.50"), "Ho": Fraction("164.93"),
    "Er": Fraction("167.26"), "Tm": Fraction("168.93"), "Yb": Fraction("173.05"),
    "Lu": Fraction("174.97"),
}  # fmt: skip
_OTHER: Final = {"Ce": Fraction(2), "Pr": Fraction(11, 6), "Tb": Fraction(7, 4)}
OXYGEN: Final = {
    metal: _OTHER.get(metal, Fraction(3, 2)) for metal in WEIGHTS if metal not in ("O", "F", "Cl")
}
"""Atoms of oxygen for one of metal, in the oxide the trade counts."""
PLACES: Final = Decimal("0.000000000001")
_CONTEXT: Final = Context(prec=80)


def name(text: str) -> str:
    """A name as it is compared."""
    return " ".join(text.split()).casefold()


def drawn(terms: LicenseTerms, asked: Any) -> Decimal:
    """What a line is in the license's unit and on its basis; ValueError where that is unknown.

    `asked` has quantity, unit, net_weight, gross_weight and item: a request, or one with a
    shipment's figures in it.
    """
    if terms.unit is None:
        return Decimal(asked.quantity)
    grams = GRAMS.get(name(terms.unit))
    if grams is None:
        sort = SORTS.get(name(asked.unit))
        if sort is None or sort != SORTS.get(name(terms.unit)) or terms.quantity_basis != "net":
            raise ValueError(f"{asked.unit} is not {terms.unit}")
        return Decimal(asked.quantity)
    weight = asked.gross_weight if terms.quantity_basis == "gross" else asked.net_weight
    if name(asked.unit) in GRAMS and terms.quantity_basis != "gross":
        mass = Fraction(asked.quantity) * GRAMS[name(asked.unit)]
    elif weight is not None and name(weight.unit) in GRAMS:
        mass = Fraction(weight.value) * GRAMS[name(weight.unit)]
    else:
        raise ValueError(f"{asked.unit} has no weight")
    return up(mass * content(terms.quantity_basis, asked.item) / grams)


def up(exact: Fraction) -> Decimal:
    """Twelve places, never less than exact."""
    quotient = _CONTEXT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return quotient.quantize(PLACES, rounding=ROUND_CEILING, context=_CONTEXT)


def content(basis: str, item: RequestedItem) -> Fraction:
    """Which part of the mass counts; ValueError where the item does not say."""
    if basis in ("net", "gross"):
        return Fraction(1)
    if item.composition:
        parts: dict[str, Fraction] = {}
        for each in item.composition:
            parts[each.element] = parts.get(each.element, Fraction(0)) + Fraction(each.mass_percent)
        parts = {element: percent / 100 for element, percent in parts.items() if percent}
    else:
        found = re.findall(r"([A-Z][a-z]?)(\d*)", item.formula or "")
        masses = {element: int(count or 1) * WEIGHTS[element] for element, count in found}
        parts = {element: mass / sum(masses.values()) for element, mass in masses.items()}
    if basis.startswith("element:") and basis[8:] in parts:
        return parts[basis[8:]]
    metals = [element for element in parts if element in OXYGEN]
    if basis != "oxide" or not metals or sum(parts.values()) > 1:
        raise ValueError(f"{basis} cannot be counted")
    return sum(
        (parts[metal] * (1 + OXYGEN[metal] * WEIGHTS["O"] / WEIGHTS[metal]) for metal in metals),
        Fraction(0),
    )


def worth(terms: LicenseTerms, asked: Any, value: Decimal | None) -> Decimal | None:
    """What an amount in the order's money is in the license's; ValueError without a rate."""
    if terms.currency is None or value is None or asked.currency == terms.currency:
        return value
    moment = asked.as_of if asked.time_basis == "event" else asked.answer_by
    fresh = [
        rate
        for rate in asked.conversions
        if {rate.from_, rate.to} == {asked.currency, terms.currency}
        and timedelta(0) <= moment - rate.at <= timedelta(days=31)
    ]
    if not fresh:
        raise ValueError(f"no rate from {asked.currency} to {terms.currency}")
    rate = max(fresh, key=lambda each: (each.at, each.to == terms.currency, each.rate_id))
    ratio = Fraction(rate.rate)
    return up(Fraction(value) * ratio if rate.to == terms.currency else Fraction(value) / ratio)


def unit_factor(unit: str, to: str) -> Fraction:
    if name(unit) in GRAMS:
        return GRAMS[name(unit)] / GRAMS[name(to)]
    if SORTS[name(unit)] != SORTS[name(to)]:
        raise ValueError(f"{unit} is not {to}")
    return Fraction(1)


def stops(code: str) -> list[int]:
    """Where a code or one of its parents ends: 1C905.b ends after 1C905 and after .b."""
    return [at for at, sign in enumerate(code) if sign == "."] + [len(code)]
