"""What a license counts in goods: gross or net mass, oxide, or the content of one element.

A license for dysprosium counts the metal in whatever is shipped; one for rare-earth oxide (REO, as
the trade counts quotas and concentrates) counts what the metal would weigh as its oxide.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Final

import chemparse
from chemparse.exceptions import ChemparseError

from schemas.checks import RequestedItem
from schemas.orders import Component, Weight
from services.license_check.units import convert, in_kilograms, kilograms_per, rounded_up

_WEIGHTS: Final = (
    "H 1.0080 B 10.81 C 12.011 N 14.007 O 15.999 F 18.998 Na 22.990 Mg 24.305 Al 26.982 Si 28.085 "
    "P 30.974 S 32.06 Cl 35.45 K 39.098 Ca 40.078 Sc 44.956 Ti 47.867 V 50.942 Cr 51.996 Mn 54.938 "
    "Fe 55.845 Co 58.933 Ni 58.693 Cu 63.546 Zn 65.38 Ga 69.723 Br 79.904 Sr 87.62 Y 88.906 "
    "Zr 91.224 Nb 92.906 Mo 95.95 I 126.90 Ba 137.33 La 138.91 Ce 140.12 Pr 140.91 Nd 144.24 "
    "Sm 150.36 Eu 151.96 Gd 157.25 Tb 158.93 Dy 162.50 Ho 164.93 Er 167.26 Tm 168.93 Yb 173.05 "
    "Lu 174.97 Hf 178.49 Ta 180.95 W 183.84"
)
ATOMIC_WEIGHTS: Final[Mapping[str, Fraction]] = dict(
    zip(_WEIGHTS.split()[::2], map(Fraction, _WEIGHTS.split()[1::2]), strict=True)
)
"""Standard atomic weights, abridged (IUPAC CIAAW 2021)."""
_RARE: Final = "Sc Y La Ce Pr Nd Sm Eu Gd Tb Dy Ho Er Tm Yb Lu"
RARE_EARTHS: Final = frozenset(_RARE.split())
_OXIDES: Final = {"Ce": (1, 2), "Pr": (6, 11), "Tb": (4, 7)}
"""Atoms of metal and oxygen in the oxide the trade counts in; the other rare earths are M2O3."""
_SESQUIOXIDE: Final = (2, 3)
_ANIONS: Final = frozenset({"O", "F", "Cl", "Br", "I", "S"})
_SUBSCRIPT_MAX: Final = 14
_FORMULA: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:[A-Z][a-z]?(?:\d+(?:\.\d+)?)?){2,}(?![A-Za-z0-9])"
)


def measured(
    basis: str,
    to_unit: str,
    item: RequestedItem,
    quantity: Decimal,
    unit: str,
    net: Weight | None,
    gross: Weight | None,
) -> Decimal | None:
    """Express goods in a license's unit on its basis; None where that cannot be computed."""
    if basis == "net":
        return convert(quantity, unit, net, to_unit)
    target = kilograms_per(to_unit)
    if target is None:
        return None
    if basis == "gross":
        return None if gross is None else convert(gross.value, gross.unit, None, to_unit)
    mass = in_kilograms(quantity, unit)
    if mass is None and net is not None:
        mass = in_kilograms(net.value, net.unit)
    part = content(basis, item.composition, item.formula)
    if mass is None or part is None:
        return None
    return rounded_up(Fraction(mass) * part / Fraction(target))


def content(
    basis: str, composition: tuple[Component, ...] | None, formula: str | None
) -> Fraction | None:
    """Tell which part of the net mass a license counts: `oxide`, or `element:Dy`."""
    parts = _stated(composition) if composition else mass_parts(formula or "")
    if not parts:
        return None
    if basis.startswith("element:"):
        return parts.get(basis.removeprefix("element:"))
    found = [parts[element] * _as_oxide(element) for element in parts if element in RARE_EARTHS]
    return sum(found, Fraction(0)) if basis == "oxide" and found else None


def _stated(composition: tuple[Component, ...]) -> dict[str, Fraction] | None:
    """Read a composition; one of more than the whole says nothing."""
    parts: dict[str, Fraction] = {}
    for component in composition:
        share = Fraction(component.mass_percent) / 100
        parts[component.element] = parts.get(component.element, Fraction(0)) + share
    whole = sum(parts.values(), Fraction(0))
    return {element: part for element, part in parts.items() if part} if whole <= 1 else None


def _as_oxide(element: str) -> Fraction:
    """Mass of the oxide of one unit of mass of a rare earth."""
    metal, oxygen = _OXIDES.get(element, _SESQUIOXIDE)
    own = metal * ATOMIC_WEIGHTS[element]
    return (own + oxygen * ATOMIC_WEIGHTS["O"]) / own


@lru_cache(maxsize=1024)
def mass_parts(formula: str) -> dict[str, Fraction]:
    """Give the part of each element in the mass of a compound; empty where it is none.

    Only compounds with an anion: in an alloy's name such as DyFe80 the number is no count of atoms.
    """
    try:
        counts = {name: Fraction(str(n)) for name, n in chemparse.parse_formula(formula).items()}
    except ChemparseError:
        return {}
    plausible = counts.keys() <= ATOMIC_WEIGHTS.keys() and _ANIONS & counts.keys()
    if not plausible or max(counts.values()) > _SUBSCRIPT_MAX:
        return {}
    masses = {name: count * ATOMIC_WEIGHTS[name] for name, count in counts.items()}
    whole = sum(masses.values(), Fraction(0))
    return {name: mass / whole for name, mass in masses.items()}


def formula_in(description: str | None) -> str | None:
    """Find the one rare-earth compound a description writes as a formula; None where not one."""
    found = {
        token
        for token in _FORMULA.findall(description or "")
        if RARE_EARTHS & mass_parts(token).keys()
    }
    return found.pop() if len(found) == 1 else None
