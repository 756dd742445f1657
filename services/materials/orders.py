"""The lines of standing orders by material: what they are worth, and what of it is held. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from schemas.decisions import Decided
from schemas.orders import Order, OrderLine
from services.classification.facts import gather
from services.classification.item import Item
from services.classification.lexicon import Lexicon
from services.materials.catalog import OTHER, material_of

LIVE: Final = ("HELD", "RELEASED")
"""Decisions of an order whose goods are still to leave."""
_NO_DAY: Final = date.min
"""What a line is made of does not depend on the day."""
UNSTATED: Final = "?"
_SHARE: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class MaterialLine:
    """One line of a standing order, and which material it is."""

    order: Order
    line: OrderLine
    material: str
    held: bool


def material_lines(
    decisions: Mapping[str, Decided], orders: Mapping[tuple[str, int], Order], lexicon: Lexicon
) -> list[MaterialLine]:
    """List the lines of every order that is held or released, in its decided revision.

    `orders` is by key and revision. An order nobody could read has a decision and no lines.
    """
    found = []
    for key, decided in sorted(decisions.items()):
        order = orders.get((key, decided.revision))
        if order is None or decided.decision not in LIVE:
            continue
        held = decided.decision == "HELD"
        found += [
            MaterialLine(order, line, material_of(_facts(line, order, lexicon)), held)
            for line in order.lines
        ]
    return found


def _facts(line: OrderLine, order: Order, lexicon: Lexicon) -> frozenset[str]:
    composed = tuple((each.element, each.mass_percent) for each in line.composition or ())
    item = Item(
        description=line.description,
        exporter_country=order.exporter.country,
        destination=order.destination,
        as_of=_NO_DAY,
        language=line.language,
        hs_code=line.hs_code,
        end_use=line.end_use,
        cas=line.cas,
        composition=composed,
    )
    return frozenset(gather(item, lexicon).said)


def stated_value(lines: Iterable[MaterialLine]) -> dict[str, Decimal]:
    """Add up stated values by currency; a line without one is unknown, not 0."""
    sums: dict[str, Decimal] = {}
    for each in lines:
        if each.line.value is not None and each.line.currency is not None:
            currency = each.line.currency
            sums[currency] = sums.get(currency, Decimal(0)) + each.line.value
    return dict(sorted(sums.items()))


class Way(NamedTuple):
    """From whom and where, to where and whom."""

    material: str
    supplier: str
    origin: str
    destination: str
    end_user: str


@dataclass(frozen=True, slots=True)
class Route:
    """One way of a material, and what goes along it."""

    way: Way
    orders: int
    value: Mapping[str, Decimal]
    """As the orders state it, by currency."""
    held_share: Mapping[str, Decimal]
    """Part of the value that is held, 0 to 1, by currency."""


def routes(lines: Iterable[MaterialLine]) -> list[Route]:
    """Map materials: supplier and origin → destination → end user, the most orders first.

    Goods that are no material come last.
    """
    grouped: dict[Way, list[MaterialLine]] = {}
    for each in lines:
        users = [party.name for party in each.order.parties if party.role == "end_user"]
        way = Way(each.material, each.line.supplier or UNSTATED, each.line.origin or UNSTATED,
                   each.order.destination, ", ".join(users) or UNSTATED)  # fmt: skip
        grouped.setdefault(way, []).append(each)
    found = [_route(way, members) for way, members in grouped.items()]
    return sorted(found, key=lambda r: (r.way.material == OTHER, -r.orders, *r.way))


def _route(way: Way, members: list[MaterialLine]) -> Route:
    value = stated_value(members)
    held = stated_value(each for each in members if each.held)
    share = {
        currency: (held.get(currency, Decimal(0)) / amount).quantize(_SHARE)
        if amount
        else Decimal(0)
        for currency, amount in value.items()
    }
    return Route(way, len({each.order.key for each in members}), value, share)
