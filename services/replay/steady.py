"""Classification of years of orders: a line is classified once for all days that answer alike.

Between two days on which anything in the packs changes, every day gives the same answer; so a day
is replaced by the first of its stretch, and the classifier's memory does the rest. From the day a
list goes stale the answer names the day itself, and nothing is replaced.
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Final

from schemas.orders import Order, OrderLine
from schemas.regimes import ZONES
from services.classification.classify import Classified
from services.classification.item import Item
from services.classification.orders import Classifier, Context, Moments
from services.classification.pack_set import PackSet
from services.classification.products import Product

REMEMBERED_MAX: Final = 200_000
Moment = date | datetime


@dataclass(frozen=True, slots=True)
class SteadyClassifier(Classifier):
    """A classifier that takes the days between two changes for one."""

    edges: tuple[date, ...] = ()
    stale_from: date = date.max
    law_of: date | None = None
    """A day whose law is asked about, whatever the days of the orders."""
    _stands_for: dict[Any, Any] = field(default_factory=dict, repr=False)

    def context(self, order: Order, moments: Moments) -> Context:
        """Find what an order's lines have in common; days that answer alike are one."""
        return Classifier.context(self, order, tuple([self._steady(each) for each in moments]))

    def line(
        self,
        context: Context,
        line: OrderLine,
        product: Product | None,
        made: Callable[[], Item],
    ) -> Classified:
        """Classify one line for its own day and others, as `Classifier.line` does."""

        def steadily() -> Item:
            item = made()
            return replace(item, as_of=self._steady(item.as_of))

        found = Classifier.line(self, context, line, product, steadily)
        return found if self.law_of is None else self._unending(found)

    def _unending(self, found: Classified) -> Classified:
        """A law that holds for the whole stream does not change within it."""
        if all(verdict.next_change is None for verdict in found.regimes.values()):
            return found
        known = self._stands_for.get(id(found))
        if known is None or known[0] is not found:
            regimes = {
                name: verdict.model_copy(update={"next_change": None})
                for name, verdict in found.regimes.items()
            }
            known = self._stands_for[id(found)] = (found, replace(found, regimes=regimes))
        kept: Classified = known[1]
        return kept

    def _steady(self, moment: Moment) -> Moment:
        """The first day of a moment's stretch, where all zones agree on the stretch."""
        if self.law_of is not None:
            return self.law_of
        hour: Moment = moment
        if isinstance(moment, datetime):
            hour = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        found: Moment | None = self._stands_for.get(hour)
        if found is None:
            if len(self._stands_for) >= REMEMBERED_MAX:
                self._stands_for.clear()
            found = self._stands_for[hour] = self._first_alike(hour)
        return moment if found is hour else found

    def _first_alike(self, moment: Moment) -> Moment:
        days = (
            {moment.astimezone(zone).date() for zone in ZONES.values()}
            if isinstance(moment, datetime)
            else {moment}
        )
        stretches = {bisect_right(self.edges, day) for day in days}
        if len(stretches) > 1 or max(days) >= self.stale_from:
            return moment
        at = stretches.pop()
        return self.edges[at - 1] if at else date.min


def steady(packs: PackSet) -> SteadyClassifier:
    """A classifier under these packs."""
    chosen = [compiled.pack for key in packs.keys for compiled in packs.versions(key)]
    edges = sorted({day for days in packs.edges.values() for day in days})
    stale = [pack.verified_until for pack in chosen if pack.verified_until is not None]
    return SteadyClassifier(packs, edges=tuple(edges), stale_from=min(stale, default=date.max))
