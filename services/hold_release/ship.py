"""Shipments and returns: what left is settled, and what was not released is a breach."""

import hashlib
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from schemas.checks import ReservationPosted, ReservationReturned, ReservationSettled
from schemas.decisions import Overdraft
from schemas.envelope import derived_id
from schemas.events import encode
from schemas.orders import OrderLine, OrderReturned, OrderShipped, ShippedLine, Weight
from services.hold_release import entries
from services.hold_release.divide import divided
from services.hold_release.progress import conflict
from services.hold_release.state import ZERO, OrderState, Reservation
from services.hold_release.turn import Turn


def shipped(turn: Turn) -> None:
    """Settle a shipment. The goods are gone, so a breach is settled too, and told."""
    told: OrderShipped = turn.record.event
    state = turn.state
    before = state.shipments.get(told.shipment_id, ())
    digest = _digest(told)
    if digest in before:
        return
    turn.update(shipments=state.shipments | {told.shipment_id: (*before, digest)})
    if before:
        conflict(turn, f"shipment {told.shipment_id} was also said as {digest[:12]}")
        return
    event = told.model_copy(update={"lines": _summed(told.lines)})
    kind = _breach_kind(turn, event)
    so_far = _shipped_so_far(state, event)
    last = event.final or (kind is None and _all_delivered(turn, so_far))
    final = last and _is_of_this_order(state, event, kind)
    turn.update(
        shipped=so_far,
        shipped_finally=state.shipped_finally or final,
    )
    named = kind not in ("not_released", "wrong_revision")
    closed = _settle(turn, event.model_copy(update={"final": final}), released=named)
    if kind is not None:
        turn.breach(kind, event.shipment_id, tuple(line.line_id for line in event.lines))
    if final and turn.state.assessed is not None:
        turn.end("CLOSED", cause="shipped")
        _finish_reservations(turn, event, closed)


def _digest(told: OrderShipped) -> str:
    """Digest what was said of a shipment, but for its declaration, which may be filed later."""
    return hashlib.sha256(encode(told.model_copy(update={"declaration_no": None}))).hexdigest()


def _summed(lines: tuple[ShippedLine, ...]) -> tuple[ShippedLine, ...]:
    """Add up a line that is told in parts, by lot or pallet."""
    found: dict[tuple[str, str], ShippedLine] = {}
    for line in lines:
        place = (line.line_id, line.unit)
        found[place] = _sum(found[place], line) if place in found else line
    return tuple(found.values())


def _sum(one: ShippedLine, other: ShippedLine) -> ShippedLine:
    """Add two parts. What one of them does not state, or in another unit, is not known of both."""
    known = one.value is not None and other.value is not None
    return one.model_copy(
        update={
            "quantity": one.quantity + other.quantity,
            "value": (one.value or ZERO) + (other.value or ZERO) if known else None,
            "net_weight": _weights(one.net_weight, other.net_weight),
            "gross_weight": _weights(one.gross_weight, other.gross_weight),
        }
    )


def _weights(one: Weight | None, other: Weight | None) -> Weight | None:
    if one is None or other is None or one.unit != other.unit:
        return None
    return Weight(value=one.value + other.value, unit=one.unit)


def _is_of_this_order(state: OrderState, event: OrderShipped, kind: str | None) -> bool:
    """Tell whether a shipment can end the order: what names something else may be a mistake."""
    if kind in ("wrong_revision", "unknown_line"):
        return False
    if state.assessed is None:
        return True
    return {line.line_id for line in event.lines} <= set(_ordered(state))


def _shipped_so_far(state: OrderState, event: OrderShipped) -> dict[str, dict[str, Decimal]]:
    shipped = dict(state.shipped)
    for line in event.lines:
        total = state.shipped_of(line.line_id, line.unit) + line.quantity
        shipped[line.line_id] = shipped.get(line.line_id, {}) | {line.unit: total}
    return shipped


def _settle(turn: Turn, event: OrderShipped, *, released: bool) -> set[str]:
    """Turn what left into used, once for each line × regime; return the reservations closed by it.

    `released`: the shipment names the release that stands. Of a line told in several units the last
    part alone is the shipment, and final: what cannot be measured uses up what is open, and there
    nothing would be.
    """
    closed: set[str] = set()
    last = {line.line_id: line for line in event.lines}
    for line in event.lines:
        whole = line is last[line.line_id]
        final = event.final and whole
        name = event.shipment_id if whole else _part(event.shipment_id, line.unit)
        part = event.model_copy(update={"shipment_id": name, "final": final})
        regimes = dict.fromkeys(e.regime for e in _entries(turn, line.line_id))
        for regime in regimes:
            opened = _opened(e for e in _entries(turn, line.line_id) if e.regime == regime)
            drawn = _drawn(opened, _named(turn.state, event), released=released)
            for entry, own in divided(drawn, line, _unit(turn.state, line)):
                _settle_one(turn, part, own, entry, whole=event.shipment_id)
                closed.update([entry.reservation_id] if final else [])
    return closed


def _part(shipment_id: str, unit: str) -> str:
    """Name what a shipment has of a line in one of several units, as no system names another.

    The ledger takes each name once, and is told the whole shipment beside it.
    """
    return derived_id(shipment_id, unit)


def _entries(turn: Turn, line_id: str) -> list[Reservation]:
    return [
        entry
        for entry in turn.state.reservations
        if entry.line_id == line_id and entry.state != "refused"
    ]


def _opened(entries_: Iterable[Reservation]) -> list[Reservation]:
    """List what goods can have left on: what was granted, else what is asked for.

    The ledger hears of them behind the request, and uses up what it grants.
    """
    found = list(entries_)
    return [entry for entry in found if entry.state != "asked"] or found


def _named(state: OrderState, event: OrderShipped) -> tuple[str, ...]:
    """List what the release rested on that a shipment names, if it is known."""
    named = (each for each in state.releases if each.decision_id == event.decision_id)
    return next((each.reservations for each in named), ())


def _drawn(
    opened: list[Reservation], named: tuple[str, ...], *, released: bool
) -> list[Reservation]:
    """Choose what goods left on: all that the release that stands rests on, or the one named.

    Else the likeliest.
    """
    standing = [entry for entry in opened if entry.state in ("granted", "confirming")]
    if released and standing:
        return standing
    rested = [entry for entry in opened if entry.reservation_id in named]
    if rested:
        return rested
    return [max(reversed(opened), key=lambda e: _likely(e, released=released))]


def _likely(entry: Reservation, *, released: bool) -> tuple[bool, bool]:
    """Rank what goods left on: the release that stands, else one that stood before."""
    stands = entry.state in ("granted", "confirming")
    return (stands, False) if released else (entry.ever_released and not stands, stands)


def _unit(state: OrderState, line: ShippedLine) -> str:
    """Tell the unit that a shipped line is ordered in; of an order that ended, the one it names."""
    ordered = {} if state.assessed is None else _ordered(state)
    return ordered[line.line_id].unit if line.line_id in ordered else line.unit


def _head(turn: Turn, entry: Reservation, request_id: str, line: ShippedLine) -> dict[str, Any]:
    """Fill what a settlement and a return both say. The value is in the currency of the line."""
    state = turn.state
    return {
        "order_source": state.order_source,
        "order_id": state.order_id,
        "revision": state.revision,
        "check": state.check,
        "reservation_id": entry.reservation_id,
        "request_id": request_id,
        "license_id": entry.license_id,
        "quantity": line.quantity,
        "unit": line.unit,
        "net_weight": line.net_weight,
        "gross_weight": line.gross_weight,
        "value": line.value,
    }


def _settle_one(
    turn: Turn, shipped: OrderShipped, line: ShippedLine, entry: Reservation, *, whole: str
) -> None:
    request_id = _settlement(entry.reservation_id, shipped.shipment_id)
    event = ReservationSettled(
        **_head(turn, entry, request_id, line),
        shipment_id=shipped.shipment_id,
        of_shipment=None if whole == shipped.shipment_id else whole,
        shipped_at=shipped.shipped_at,
        final=shipped.final,
    )
    turn.to_ledger(entry.license_id, "settle", event, entry.reservation_id, shipped.shipment_id)
    names = (*entry.shipments, *([] if whole in entry.shipments else [whole]))
    entries.replace_entry(turn, entry, shipped=entry.shipped + line.quantity, shipments=names)


def _settlement(reservation_id: str, shipment_id: str) -> str:
    return derived_id(reservation_id, "settle", shipment_id)


def _shipment_of(state: OrderState, reservation_id: str, request_id: str) -> str:
    """Tell the shipment that a settlement was for."""
    units = {unit for told in state.shipped.values() for unit in told}
    for shipment_id in state.shipments:
        names = (shipment_id, *(_part(shipment_id, unit) for unit in units))
        if request_id in {_settlement(reservation_id, name) for name in names}:
            return shipment_id
    return "-"


def _finish_reservations(turn: Turn, event: OrderShipped, closed: set[str]) -> None:
    """The final settlement closed what shipped; the rest of those lines is given back.

    Lines that it does not name may be on a truck as after any release: the recall window holds.
    """
    named = {line.line_id for line in event.lines}
    for entry in turn.state.reservations:
        if entry.state == "settled":
            continue
        if entry.reservation_id in closed:
            entries.settle(turn, entry)
        elif entry.state == "refused":
            entries.forget(turn, entry)
        elif entry.line_id in named:
            entries.void(turn, entry, "not in the final shipment")
        else:
            entries.let_go(turn, entry, "not in the final shipment")


def _breach_kind(turn: Turn, event: OrderShipped) -> str | None:
    """Tell in which respect a shipment was not released; None: it was."""
    state = turn.state
    release = state.release
    if state.phase != "released" or release is None:
        return "not_released"
    if event.revision != release.revision or event.decision_id != release.decision_id:
        return "wrong_revision"
    ordered = _ordered(state)
    for line in event.lines:
        if line.line_id not in ordered:
            return "unknown_line"
        own = ordered[line.line_id]
        total = line.quantity + state.shipped_of(line.line_id, own.unit)
        if line.unit != own.unit or total > _tolerated(turn, own.line_id, own.quantity):
            return "over_quantity"
    return "expired" if event.shipped_at >= release.valid_until else None


def _ordered(state: OrderState) -> dict[str, OrderLine]:
    assert state.assessed is not None, "asked of a known order only"
    return {line.line_id: line for line in state.assessed.order.lines}


def _standing(turn: Turn, line_id: str) -> list[Reservation]:
    return [
        entry
        for entry in turn.state.reservations
        if entry.line_id == line_id and entry.state in ("granted", "confirming")
    ]


def _tolerated(turn: Turn, line_id: str, quantity: Decimal) -> Decimal:
    """Tell how much of a line may be delivered: what each license it draws on tolerates."""
    over = [entry.over_percent or ZERO for entry in _standing(turn, line_id)]
    return quantity + quantity * min(over, default=ZERO) / 100


def _all_delivered(turn: Turn, shipped: dict[str, dict[str, Decimal]]) -> bool:
    """Tell whether every line left, short of what is ordered by no more than its licenses tolerate.

    The rest is not coming then. Where none tolerates less, the order system says which is the last.
    """
    ordered, short = _ordered(turn.state), {}
    for name, line in ordered.items():
        under = [entry.under_percent or ZERO for entry in _standing(turn, name)]
        short[name] = line.quantity * min(under, default=ZERO) / 100
    return any(short.values()) and all(
        shipped.get(name, {}).get(line.unit, ZERO) >= line.quantity - short[name]
        for name, line in ordered.items()
    )


def posted(turn: Turn, event: ReservationPosted) -> None:
    """Take the answer to a settlement: an overdraft, or terms not kept, is a breach; told once."""
    over = event.overdrawn if event.result != "settled_within_tolerance" else None
    # More than was reserved is told when it ships, against the order; the rest the ledger sees.
    broken = tuple(name for name in event.breaches or () if name != "over_quantity")
    if (over is None and not broken) or event.request_id in turn.state.overdrafts:
        return
    turn.update(overdrafts=(*turn.state.overdrafts, event.request_id))
    shipment = _shipment_of(turn.state, event.reservation_id, event.request_id)
    if over is not None:
        drawn = Overdraft(
            license_id=event.license_id,
            overdrawn=over.quantity,
            unit=over.unit,
            overdrawn_value=over.value,
            currency=over.currency,
        )
        turn.breach("overdrawn", shipment, (), (drawn,))
    if broken:
        named = Overdraft(license_id=event.license_id)
        turn.breach("condition", shipment, (), (named,), conditions=broken)


def returned(turn: Turn) -> None:
    """Goods came back: on record, and told to each license that their shipment left on.

    Whether it is credited the license says; none is for a shipment that nobody knows of.
    """
    event: OrderReturned = turn.record.event
    state = turn.state
    if event.return_id in state.returns or event.shipment_id not in state.shipments:
        return
    turn.update(returns=(*state.returns, event.return_id))
    for line in _summed(event.lines):
        left_on = [
            entry
            for entry in turn.state.reservations
            if entry.line_id == line.line_id and event.shipment_id in entry.shipments
        ]
        for regime in dict.fromkeys(entry.regime for entry in left_on):
            own = [entry for entry in left_on if entry.regime == regime]
            views = [_of_what_left(entry) for entry in own]
            for entry, part in divided(views, line, _unit(state, line)):
                _return_one(turn, event, part, entry)


def _of_what_left(entry: Reservation) -> Reservation:
    """See an entry by what of it may come back: what left on it, less what is back already."""
    return entry.model_copy(update={"covers": entry.shipped, "shipped": entry.returned})


def _return_one(turn: Turn, event: OrderReturned, line: ShippedLine, entry: Reservation) -> None:
    request_id = derived_id(entry.reservation_id, "return", event.return_id)
    told = ReservationReturned(
        **_head(turn, entry, request_id, line),
        shipment_id=event.shipment_id,
        return_id=event.return_id,
        returned_at=event.returned_at,
    )
    turn.to_ledger(entry.license_id, "return", told, entry.reservation_id, event.return_id)
    measured = line.unit in turn.state.shipped.get(line.line_id, {})
    back = entry.shipped + line.quantity if measured else entry.covers
    entries.replace_entry(turn, entry, returned=back)
