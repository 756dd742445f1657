"""The materials that `exportgate status` tells of, and which of them a line of an order is."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

Composition = tuple[tuple[str, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Material:
    """A material: its name, and the goods it is classified by (`probe`)."""

    id: str
    name: str
    probe: str
    category: int
    """Of the reported rule (`cn-reported`)."""
    composition: Composition = ()
    aliases: tuple[str, ...] = ()


_ELEMENTS: Final = (
    ("La", "lanthanum"), ("Ce", "cerium"), ("Pr", "praseodymium"), ("Nd", "neodymium"),
    ("Sm", "samarium"), ("Eu", "europium"), ("Gd", "gadolinium"), ("Tb", "terbium"),
    ("Dy", "dysprosium"), ("Ho", "holmium"), ("Er", "erbium"), ("Tm", "thulium"),
    ("Yb", "ytterbium"), ("Lu", "lutetium"), ("Y", "yttrium"), ("Sc", "scandium"),
)  # fmt: skip
ORES: Final = "ores"
MIXTURES: Final = "mixtures"
MAGNETS: Final = "magnets-ndfeb"
MAGNETS_DY_TB: Final = "magnets-ndfeb-dy-tb"
MAGNETS_SMCO: Final = "magnets-smco"
ALLOYS: Final = "alloys"
EQUIPMENT: Final = "equipment"
SOFTWARE: Final = "software"
OTHER: Final = "other"
"""Goods of an order that are none of these: bolts, headphones, what nobody can tell."""
_NEITHER: Final = (("Dy", Decimal(0)), ("Tb", Decimal(0)))

MATERIALS: Final = (
    *(
        Material(symbol, name, f"{name.capitalize()} oxide 99.9 %, powder", 1,
                 aliases=(name, f"{name} oxide"))
        for symbol, name in _ELEMENTS
    ),
    Material(ORES, "ores and concentrates", "Rare earth ore concentrate, bastnaesite", 1),
    Material(MIXTURES, "mixtures, PrNd", "Praseodymium-neodymium oxide, powder", 1,
             aliases=("PrNd", "didymium")),
    Material(MAGNETS, "NdFeB magnets without Dy, Tb", "Sintered NdFeB magnets N35", 2,
             composition=_NEITHER, aliases=("NdFeB", "magnets")),
    Material(MAGNETS_DY_TB, "NdFeB magnets with Dy or Tb",
             "Sintered NdFeB permanent magnets containing dysprosium", 2),
    Material(MAGNETS_SMCO, "SmCo magnets", "Samarium-cobalt permanent magnets Sm2Co17", 2,
             aliases=("SmCo",)),
    Material(ALLOYS, "rare-earth alloys", "Dysprosium-iron alloy DyFe80", 2),
    Material(EQUIPMENT, "separation equipment", "Rare earth solvent extraction mixer-settler", 3),
    Material(SOFTWARE, "process software", "Rare earth separation process automation software", 4),
)  # fmt: skip
BY_ID: Final = {material.id: material for material in MATERIALS}
_BY_NAME: Final = {
    name.casefold(): material.id
    for material in MATERIALS
    for name in (material.id, material.name, *material.aliases)
}
_CERTAIN: Final = frozenset(("st:strong", "st:loose", "st:works"))
"""States of a reading that say: these goods are the substance, not a thing that contains it."""
_KINDS: Final = (
    (SOFTWARE, frozenset(("software", "technology"))),
    (EQUIPMENT, frozenset(("equip", "re_equip", "equipment"))),
    (MAGNETS_SMCO, frozenset(("smco",))),
    (MAGNETS, frozenset(("re_magnet", "ndfeb"))),
    (ALLOYS, frozenset(("alloy", "magnetostrictive_alloy"))),
    (ORES, frozenset(("ore",))),
)
"""What makes a line more than its elements; the first that is said counts."""
_HEAVY: Final = frozenset(("dy", "tb"))


def material_named(name: str) -> str | None:
    """Find a material by symbol, name or alias, in any letter case; None for an unknown one."""
    return _BY_NAME.get(" ".join(name.split()).casefold())


def material_of(facts: Collection[str]) -> str:
    """Tell which material a line is, by what classification reads in it.

    Every line is exactly one material, so that sums over materials are sums over lines.
    """
    said = frozenset(facts)
    if not said & _CERTAIN:
        return OTHER
    kind = next((material for material, words in _KINDS if said & words), None)
    if kind is None and "re" not in said:
        return OTHER
    if kind == MAGNETS and said & _HEAVY:
        return MAGNETS_DY_TB
    elements = [symbol for symbol, _ in _ELEMENTS if symbol.lower() in said]
    return kind or (elements[0] if len(elements) == 1 else MIXTURES)
