"""The reservations of an order as the gate remembers them: found, changed, let go."""

from datetime import timedelta
from typing import Final

from schemas.checks import Answer, Candidate
from schemas.decisions import HoldReason
from services.hold_release import requests
from services.hold_release.settlement import Need
from services.hold_release.state import OrderState, Reservation
from services.hold_release.turn import Turn

RECALL_WINDOW: Final = timedelta(hours=24)
"""How long a withdrawn release keeps its goods set aside: they may be on a truck."""
WAITING: Final = ("asked", "confirming", "adjusting")
"""The ledger owes an answer."""


def candidates(state: OrderState, need: Need) -> tuple[Candidate, ...]:
    """List the licenses to try, without those an officer took off the line."""
    if not state.unassigned:
        return need.assessed.candidates
    off = {each.license_id for each in state.unassigned if each.line_id in (None, need.line_id)}
    return tuple(each for each in need.assessed.candidates if each.license_id not in off)


def replace_entry(turn: Turn, entry: Reservation, **changes: object) -> Reservation:
    """Change one reservation of the state, as it now is."""
    current = find(turn.state, entry.reservation_id) or entry
    changed = current.model_copy(update=changes)
    turn.update(
        reservations=tuple(
            changed if other.reservation_id == entry.reservation_id else other
            for other in turn.state.reservations
        )
    )
    return changed


def find(state: OrderState, reservation_id: str) -> Reservation | None:
    """Find a reservation by id."""
    for entry in state.reservations:
        if entry.reservation_id == reservation_id:
            return entry
    return None


def answered(state: OrderState, answer: Answer) -> Reservation | None:
    """Find the reservation whose open question this is the answer to."""
    entry = find(state, answer.reservation_id)
    if entry is None or entry.state not in WAITING:
        return None
    return entry if entry.question == answer.request_id else None


def let_go_all(turn: Turn, cause: str, unshipped: frozenset[str] = frozenset()) -> None:
    """Let go of every reservation; of these lines it is known that nothing left."""
    for entry in turn.state.reservations:
        if entry.state not in ("refused", "settled"):
            let_go(turn, entry, cause, not_shipped=entry.line_id in unshipped)


def let_go(turn: Turn, entry: Reservation, cause: str, *, not_shipped: bool = False) -> None:
    """Void a reservation, or keep it for the recall window if its release may have been used."""
    if entry.ever_released and not not_shipped:
        if entry.state == "leaving":
            return
        changes: dict[str, object] = {"recall_at": turn.now + RECALL_WINDOW}
        if entry.state == "adjusting":
            # Whether it holds the old total or the new is not known: it is never taken back.
            changes["reason"] = HoldReason.LEDGER_SILENT
        replace_entry(turn, entry, state="leaving", **changes)
        return
    void(turn, entry, cause)


def void(turn: Turn, entry: Reservation, cause: str) -> None:
    """Give a reservation back and forget it, unless goods left on it, or may have.

    A shipment may be told when its recall is over, or though nothing was to have left.
    """
    requests.say_void(turn, entry, cause)
    if entry.shipped or entry.ever_released:
        settle(turn, entry)
    else:
        forget(turn, entry)


def settle(turn: Turn, entry: Reservation) -> None:
    """Keep what goods left on, or may have: what is told of them yet, its license hears of."""
    replace_entry(turn, entry, state="settled", held=None, recall_at=None)


def forget(turn: Turn, entry: Reservation) -> None:
    """Drop a reservation that nothing can have left on."""
    turn.update(
        reservations=tuple(
            other
            for other in turn.state.reservations
            if other.reservation_id != entry.reservation_id
        )
    )
