"""Shipments and returns: what left is settled, and what was not released is a breach."""

from decimal import Decimal

from schemas.orders import OrderReturned, OrderShipped
from services.hold_release import reserve
from services.hold_release.turn import Turn


def shipped(turn: Turn) -> None:
    """Settle a shipment. The goods are gone, so a breach is settled too, and told."""
    event: OrderShipped = turn.record.event
    state = turn.state
    if event.shipment_id in state.shipments:
        return
    kind = _breach_kind(turn, event)
    turn.update(
        shipments=(*state.shipments, event.shipment_id), shipped=_shipped_so_far(turn, event)
    )
    reserve.settle(turn, event)
    if kind is not None:
        turn.breach(kind, event.shipment_id, tuple(line.line_id for line in event.lines))
    if event.final and turn.state.phase == "released":
        turn.end("CLOSED", cause="shipped")
        _finish_reservations(turn, event)


def _shipped_so_far(turn: Turn, event: OrderShipped) -> dict[str, Decimal]:
    shipped = dict(turn.state.shipped)
    for line in event.lines:
        shipped[line.line_id] = shipped.get(line.line_id, Decimal(0)) + line.quantity
    return shipped


def _finish_reservations(turn: Turn, event: OrderShipped) -> None:
    """The final settlement closed what shipped; what no line of it names is given back."""
    shipped = {line.line_id for line in event.lines}
    for entry in turn.state.reservations:
        if entry.line_id not in shipped and entry.state != "refused":
            reserve.void(turn, entry, "not in the final shipment")
    turn.update(reservations=())


def _breach_kind(turn: Turn, event: OrderShipped) -> str | None:
    """Tell in which respect a shipment was not released; None: it was."""
    state = turn.state
    release = state.release
    if state.phase != "released" or release is None:
        return "not_released"
    if event.revision != release.revision or event.decision_id != release.decision_id:
        return "wrong_revision"
    ordered = {line.line_id: line for line in release.order.lines}
    for line in event.lines:
        if line.line_id not in ordered:
            return "unknown_line"
        own = ordered[line.line_id]
        total = line.quantity + state.shipped.get(line.line_id, Decimal(0))
        if line.unit != own.unit or total > own.quantity:
            return "over_quantity"
    return "expired" if event.shipped_at >= release.valid_until else None


def returned(turn: Turn) -> None:
    """Goods came back. On record; credit is an officer's act in the ledger."""
    event: OrderReturned = turn.record.event
    del event
