"""What of a line left already, by the checker's own count: those goods need no license again.

Counted is only what both logs say: a shipment that the gate was told of before the release, and
its settlement on a reservation of the same line and regime, in the line's own unit; less what came
back.
"""

from collections import defaultdict
from collections.abc import Iterable, Set
from decimal import Decimal
from typing import NamedTuple

from schemas.checks import ReservationRequested, ReservationReturned, ReservationSettled
from schemas.orders import OrderLine, OrderReturned, OrderShipped
from schemas.topics import LICENSES
from tests.chaos.logs import Entry, Logs


class _Moved(NamedTuple):
    """Goods that left on a reservation, or came back to it."""

    reservation: str
    name: str
    """Of the shipment, or of the return."""
    unit: str
    quantity: Decimal


class Told(NamedTuple):
    """The shipments and returns of an order that the gate knew of."""

    shipments: Set[str]
    returns: Set[str]

    @classmethod
    def by(cls, checks: Iterable[Entry]) -> "Told":
        """Read them from what came before a release."""
        events = [each.event for each in checks]
        return cls(
            {event.shipment_id for event in events if isinstance(event, OrderShipped)},
            {event.return_id for event in events if isinstance(event, OrderReturned)},
        )


class Gone:
    """What left on every reservation."""

    def __init__(self, logs: Logs) -> None:
        """Read `licenses`; what is told twice counts once."""
        self._of_line: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        self._left: dict[str, set[_Moved]] = defaultdict(set)
        self._back: dict[str, set[_Moved]] = defaultdict(set)
        for each in logs.of(LICENSES):
            event = each.event
            if isinstance(event, ReservationRequested):
                line = (event.key, event.line_id, event.regime)
                self._of_line[line].add(event.reservation_id)
            elif isinstance(event, ReservationSettled):
                self._left[event.reservation_id].add(_moved(event, event.shipment_id))
            elif isinstance(event, ReservationReturned):
                self._back[event.reservation_id].add(_moved(event, event.return_id))

    def elsewhere(self, asked: list[ReservationRequested], line: OrderLine, told: Told) -> Decimal:
        """Add up what left on other reservations than those that a release rests on."""
        names = (asked[0].key, line.line_id, asked[0].regime)
        others = self._of_line[names] - {each.reservation_id for each in asked}
        total = Decimal(0)
        for reservation in others:
            left = _sum(self._left[reservation], told.shipments, line.unit)
            total += max(left - _sum(self._back[reservation], told.returns, line.unit), Decimal(0))
        return total

    def came_back(self, asked: list[ReservationRequested], told: Told) -> list[str]:
        """Name the reservations of which goods came back: no later release may rest on one."""
        return [
            each.reservation_id
            for each in asked
            if any(back.name in told.returns for back in self._back[each.reservation_id])
        ]


def _moved(event: ReservationSettled | ReservationReturned, name: str) -> _Moved:
    return _Moved(event.reservation_id, name, event.unit, event.quantity)


def _sum(moved: set[_Moved], known: Set[str], unit: str) -> Decimal:
    return sum((each.quantity for each in moved if each.name in known and each.unit == unit),
               Decimal(0))  # fmt: skip
