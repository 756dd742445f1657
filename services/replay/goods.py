"""What orders are about: where they go, to whom, what of, worth what."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from schemas.orders import Order, OrderLine
from services.classification.facts import gather
from services.classification.item import Item
from services.classification.lexicon import Lexicon
from services.materials.catalog import material_of

UNSTATED: Final = "?"
Money = dict[str, Decimal]
"""By currency."""


def add_money(to: Money, amounts: Iterable[tuple[str, Decimal]]) -> None:
    """Add amounts, each to those of its currency."""
    for currency, amount in amounts:
        to[currency] = to.get(currency, Decimal(0)) + amount


@dataclass(frozen=True, slots=True)
class Goods:
    """What matters of an order, in its last revision: where it goes, to whom, worth what."""

    destination: str
    customer: str
    value: tuple[tuple[str, Decimal], ...]
    """By currency; lines without a value are not in it."""
    materials: tuple[tuple[str, tuple[tuple[str, Decimal], ...]], ...]
    unvalued: int = 0


class GoodsReader:
    """Reads orders as they pass, keeping the last revision of each."""

    def __init__(self, lexicon: Lexicon) -> None:
        """Materials are told by the words of classification's lexicon."""
        self._lexicon = lexicon
        self._material: dict[Any, str] = {}
        self.goods: dict[str, Goods] = {}

    def take(self, key: str, order: Order) -> None:
        """Read an order."""
        value: Counter[str] = Counter()
        materials: dict[str, Counter[str]] = defaultdict(Counter)
        unvalued = 0
        for line in order.lines:
            amounts = materials[self._material_of(line)]
            if line.value is None or line.currency is None:
                unvalued += 1
                continue
            value[line.currency] += line.value  # type: ignore[assignment]
            amounts[line.currency] += line.value  # type: ignore[assignment]
        self.goods[key] = Goods(
            order.destination, _customer(order), _money(value),
            tuple((name, _money(found)) for name, found in sorted(materials.items())), unvalued,
        )  # fmt: skip

    def _material_of(self, line: OrderLine) -> str:
        """The material of a line; lines that say the same are read once."""
        composed = tuple((each.element, each.mass_percent) for each in line.composition or ())
        key = (line.description, line.hs_code, line.cas, composed)
        found = self._material.get(key)
        if found is None:
            item = Item(
                description=line.description, exporter_country=None, destination=None,
                as_of=date.min, language=line.language, hs_code=line.hs_code, cas=line.cas,
                composition=composed, unit=line.unit,
            )  # fmt: skip
            facts = gather(item, self._lexicon)
            found = self._material[key] = material_of(facts.known)
        return found


def _money(found: Mapping[str, Any]) -> tuple[tuple[str, Decimal], ...]:
    return tuple((name, Decimal(amount)) for name, amount in sorted(found.items()))


def _customer(order: Order) -> str:
    """Whom the goods are for: the end user, else the consignee, else the buyer."""
    names = {party.role: party.name for party in order.parties}
    return next((names[role] for role in ("end_user", "consignee", "buyer") if role in names),
                UNSTATED)  # fmt: skip
