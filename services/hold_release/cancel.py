"""Cancellation, whole or of lines, before and after a release."""

from schemas.decisions import DecisionReason, HoldReason
from schemas.events import encode
from schemas.orders import OrderCancelled
from services.hold_release import entries, officers
from services.hold_release.turn import Turn


def cancelled(turn: Turn) -> None:
    """Apply a cancellation to its own and lower revisions.

    Before the order is known it is remembered; after a terminal decision it is on record only.
    """
    event: OrderCancelled = turn.record.event
    state = turn.state
    if state.terminal:
        if event.not_shipped and state.phase == "closed":
            _give_back(turn)
        return
    left = _lines_left(turn, event)
    if left:
        _cancel_lines(turn, event, left)
        return
    turn.update(cancelled_revision=max(state.cancelled_revision, event.revision))
    if state.assessed is not None and event.revision >= state.revision:
        close(turn, not_shipped=event.not_shipped)


def _give_back(turn: Turn) -> None:
    """The order system vouches, late, that nothing left: nothing need wait for the recall."""
    for entry in turn.state.reservations:
        if entry.state == "leaving":
            entries.void(turn, entry, "not shipped")


def close(turn: Turn, *, not_shipped: bool) -> None:
    """End an order as cancelled. What was released once stays set aside for the recall window."""
    turn.end("CLOSED", cause="cancelled")
    entries.let_go_all(turn, "cancelled", not_shipped=not_shipped)


def _lines_left(turn: Turn, event: OrderCancelled) -> list[str]:
    """Name the lines that stay; none: the whole order is meant."""
    if event.lines is None or turn.state.assessed is None:
        return []
    gone = set(event.lines)
    return [line.line_id for line in turn.state.assessed.order.lines if line.line_id not in gone]


def _cancel_lines(turn: Turn, event: OrderCancelled, left: list[str]) -> None:
    """Treat a cancellation of lines as an amendment: the rest is determined again."""
    state = turn.state
    assert state.assessed is not None, "lines are left of it"
    if event.revision < state.revision:
        return
    order = state.assessed.order
    kept = tuple(line for line in order.lines if line.line_id in left)
    if len(kept) == len(order.lines):
        return
    text = "lines were cancelled"
    turn.hold([DecisionReason(code=HoldReason.AMENDED, text=text)])
    if event.not_shipped:
        for entry in state.reservations:
            if entry.line_id not in left and entry.state not in ("refused", "settled"):
                entries.void(turn, entry, "not shipped")
    shrunk = order.model_copy(update={"lines": kept})
    determined = tuple(line for line in state.assessed.lines if line.line_id in left)
    left_of_it = state.assessed.model_copy(update={"order": shrunk, "lines": determined})
    turn.update(assessment=encode(left_of_it).decode())
    officers.ask_for_recheck(turn, "lines_cancelled", turn.record.id)
