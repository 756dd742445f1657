"""What another set of packs would say of orders: the verdicts that change, line by line."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from schemas.classification import Verdict
from schemas.orders import Order
from services.classification.orders import Classifier, Products, classify_order


@dataclass(frozen=True, slots=True)
class Standing:
    """An order as it stands: its content, its own time, and the day it is looked at."""

    order: Order
    as_of: datetime
    own_day: datetime | None
    """None on the event basis, where `as_of` alone counts."""


@dataclass(frozen=True, slots=True)
class Change:
    """A line × regime that would be decided otherwise; None where no pack speaks for the regime."""

    key: str
    line_id: str
    regime: str
    before: Verdict | None
    after: Verdict | None


def impact(
    orders: Iterable[Standing], before: Classifier, after: Classifier, products: Products
) -> Iterator[Change]:
    """Classify orders under both sets of packs and yield what differs.

    An order that was checked again keeps its officers' findings under both.
    """
    for standing in orders:
        one, two = (_verdicts(standing, classifier, products) for classifier in (before, after))
        for place in dict.fromkeys((*one, *two)):
            if one.get(place) is not two.get(place):
                line_id, regime = place
                yield Change(standing.order.key, line_id, regime, one.get(place), two.get(place))


def _verdicts(
    standing: Standing, classifier: Classifier, products: Products
) -> dict[tuple[str, str], Verdict]:
    found = classify_order(
        standing.order,
        as_of=standing.as_of,
        own_day=standing.own_day,
        digest="",
        classifier=classifier,
        products=products,
    )
    return {
        (line.line_id, regime): verdict.decision
        for line in found.lines
        for regime, verdict in line.regimes.items()
    }
