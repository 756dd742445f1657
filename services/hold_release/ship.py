"""Shipments and returns: what left is settled, and what was not released is a breach."""

from decimal import Decimal

from schemas.checks import ReservationSettled
from schemas.envelope import derived_id
from schemas.orders import OrderReturned, OrderShipped, ShippedLine
from services.hold_release import reserve
from services.hold_release.state import OrderState, Reservation
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
    named = kind not in ("not_released", "wrong_revision")
    settled = _settle(turn, event, released=named)
    if kind is not None:
        turn.breach(kind, event.shipment_id, tuple(line.line_id for line in event.lines))
    if event.final and turn.state.phase == "released":
        turn.end("CLOSED", cause="shipped")
        _finish_reservations(turn, settled)


def _shipped_so_far(turn: Turn, event: OrderShipped) -> dict[str, Decimal]:
    shipped = dict(turn.state.shipped)
    for line in event.lines:
        shipped[line.line_id] = shipped.get(line.line_id, Decimal(0)) + line.quantity
    return shipped


def _settle(turn: Turn, event: OrderShipped, *, released: bool) -> set[str]:
    """Turn what left into used, once for each line × regime; return the reservations settled.

    `released`: the shipment names the release that stands.
    """
    settled = set()
    for line in event.lines:
        regimes = dict.fromkeys(e.regime for e in _open_entries(turn, line.line_id))
        for regime in regimes:
            entries = [e for e in _open_entries(turn, line.line_id) if e.regime == regime]
            drawn = max(reversed(entries), key=lambda e: _likely(e, released=released))
            _settle_one(turn, event, line, drawn)
            settled.add(drawn.reservation_id)
    return settled


def _open_entries(turn: Turn, line_id: str) -> list[Reservation]:
    return [
        entry
        for entry in turn.state.reservations
        if entry.line_id == line_id and entry.state not in ("refused", "asked")
    ]


def _likely(entry: Reservation, *, released: bool) -> tuple[bool, bool]:
    """Rank what goods left on: the release that stands, else one that stood before."""
    stands = entry.state in ("granted", "confirming")
    return (stands, False) if released else (entry.ever_released and not stands, stands)


def _settle_one(turn: Turn, shipped: OrderShipped, line: ShippedLine, entry: Reservation) -> None:
    state = turn.state
    event = ReservationSettled(
        order_source=state.order_source,
        order_id=state.order_id,
        revision=state.revision,
        check=state.check,
        reservation_id=entry.reservation_id,
        request_id=_settlement(entry.reservation_id, shipped.shipment_id),
        license_id=entry.license_id,
        shipment_id=shipped.shipment_id,
        shipped_at=shipped.shipped_at,
        quantity=line.quantity,
        unit=line.unit,
        net_weight=line.net_weight,
        value=line.value,
        currency=entry.currency,
        final=shipped.final,
    )
    turn.to_ledger(entry.license_id, "settle", event, entry.reservation_id, shipped.shipment_id)


def _settlement(reservation_id: str, shipment_id: str) -> str:
    return derived_id(reservation_id, "settle", shipment_id)


def shipment_of(state: OrderState, reservation_id: str, request_id: str) -> str:
    """Tell the shipment that a settlement was for."""
    for shipment_id in state.shipments:
        if _settlement(reservation_id, shipment_id) == request_id:
            return shipment_id
    return "-"


def _finish_reservations(turn: Turn, settled: set[str]) -> None:
    """The final settlement closed what shipped; nothing else will leave, so it is given back."""
    for entry in turn.state.reservations:
        if entry.reservation_id not in settled and entry.state != "refused":
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
    assert state.assessed is not None, "what is released was assessed"
    ordered = {line.line_id: line for line in state.assessed.order.lines}
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
