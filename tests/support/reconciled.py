"""What the checker cannot see in the topics: whether gate and ledger remember the same."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction

from schemas.orders import OrderLine
from services.hold_release.state import ORDER, OrderState
from services.license_check.book import LICENSE, License, Reservation
from services.license_check.conditions import shipments_max
from tests.support.duo import Duo

ZERO = Decimal(0)
ROUNDING = Fraction(999, 1000)
"""Shipments of the simulation weigh a little more than their share of the line."""


def unreconciled(duo: Duo) -> Iterator[str]:
    """Name what does not fit together, once all is at rest."""
    for name, aggregate in duo.ledger.aggregates.items():
        license_ = aggregate[LICENSE]
        assert isinstance(license_, License)
        entries = {k: e for k, e in aggregate.items() if isinstance(e, Reservation)}
        yield from _sums(license_, list(entries.values()))
        for reservation_id, entry in entries.items():
            if entry.state != "closed" and entry.request is not None:
                state = _order(duo, entry.request.key)
                yield from _known(name, entry, reservation_id, state)
    for key in duo.gate.aggregates:
        yield from _at_rest(duo, _order(duo, key))


def _order(duo: Duo, key: str) -> OrderState:
    found = duo.gate.aggregates[key][ORDER]
    assert isinstance(found, OrderState)
    return found


def _sums(license_: License, entries: list[Reservation]) -> Iterator[str]:
    reserved = sum((e.open_quantity for e in entries), ZERO)
    value = sum((e.open_value for e in entries), ZERO)
    if (reserved, value) != (license_.reserved_quantity, license_.reserved_value):
        yield f"{license_.license_id}: {reserved} worth {value} are open, not as it says"
    papers: dict[str, Decimal] = {}
    for each in entries:
        for paper in each.documents:
            drawn = each.open_quantity + each.used_quantity
            papers[paper] = papers.get(paper, ZERO) + drawn
    if {k: v for k, v in papers.items() if v} != license_.documents:
        yield f"{license_.license_id}: {papers} are drawn under documents, not as it says"
    limited = license_.terms is not None and shipments_max(license_.terms) is not None
    orders = Counter(e.request.key for e in entries if e.request and e.open_quantity)
    if limited and orders != license_.open_orders:
        yield f"{license_.license_id}: {orders} wait for shipments, not as it says"


def _known(name: str, entry: Reservation, own: str, state: OrderState) -> Iterator[str]:
    """What is set aside, somebody will give back."""
    known = next((each for each in state.reservations if each.reservation_id == own), None)
    if known is None or known.state in ("refused", "settled"):
        yield f"{name}: {own} is {entry.state}, and {state.phase} {state.key} knows nothing of it"
    elif entry.state == "withdrawn" and known.state not in ("withdrawn", "leaving"):
        yield f"{name}: {own} is withdrawn, and {state.key} thinks it {known.state}"
    elif known.state == "withdrawn" and state.phase == "released":
        yield f"{name}: {own} is withdrawn, and nothing gives it back"


def _at_rest(duo: Duo, state: OrderState) -> Iterator[str]:
    waiting = {"asked", "confirming", "adjusting"} & {e.state for e in state.reservations}
    if waiting or (state.phase in ("unknown", "reserving") and state.assessed is not None):
        yield f"{state.key} is {state.phase} and waits: {waiting}"
    if state.phase == "released" and state.assessed is not None:
        for line in state.assessed.order.lines:
            yield from _set_aside(duo, state, line)


def _set_aside(duo: Duo, state: OrderState, line: OrderLine) -> Iterator[str]:
    """All that may yet leave on a release is set aside, unless goods came back while it stood."""
    told = state.shipped.get(line.line_id, {})
    rest = line.quantity - told.get(line.unit, ZERO)
    own = [e for e in state.reservations if e.line_id == line.line_id and e.state == "granted"]
    if rest <= ZERO or told.keys() - {line.unit} or any(each.returned for each in own):
        return
    for regime in {each.regime for each in own}:
        aside = sum(_open(duo, e.license_id, e.reservation_id) for e in own if e.regime == regime)
        if aside < Fraction(rest) * ROUNDING:
            yield f"{state.key} {line.line_id} {regime}: {rest} may leave, {float(aside)} set aside"


def _open(duo: Duo, license_id: str, reservation_id: str) -> Fraction:
    entry = duo.ledger.aggregates[license_id][reservation_id]
    assert isinstance(entry, Reservation)
    stated = entry.stated()
    if stated is None or not entry.quantity:
        return Fraction(0)
    return Fraction(stated.quantity) * Fraction(entry.open_quantity) / Fraction(entry.quantity)
