"""Cancellation, whole or of lines, before and after a release."""

from schemas.checks import OrderAssessed
from schemas.decisions import DecisionReason, HoldReason
from schemas.events import encode
from schemas.orders import OrderCancelled
from services.hold_release import entries, officers
from services.hold_release.state import OrderState
from services.hold_release.turn import Turn


def cancelled(turn: Turn) -> None:
    """Apply a cancellation to its own and lower revisions.

    Before the order is known it is remembered; after a terminal decision, or once all is gone, it
    is on record only.
    """
    event: OrderCancelled = turn.record.event
    state = turn.state
    if state.shipped_finally:
        return
    if state.terminal:
        if state.phase == "closed":
            _give_back(turn, _unshipped(state, event))
        return
    if event.lines is not None:
        _remember_lines(turn, event.revision, event.lines)
        if state.assessed is None:
            return
        left = without_cancelled(turn.state, state.assessed)
        if left is not None:
            _cancel_lines(turn, event, left)
            return
    turn.update(cancelled_revision=max(state.cancelled_revision, event.revision))
    if state.assessed is not None and event.revision >= state.revision:
        close(turn, _unshipped(turn.state, event))


def _unshipped(state: OrderState, event: OrderCancelled) -> frozenset[str]:
    """Name the lines of which the order system vouches that nothing left, as they last stood.

    Nobody vouches for a line that is not named, nor for a revision that came later.
    """
    if not event.not_shipped or event.revision < state.revision:
        return frozenset()
    drawn = frozenset(entry.line_id for entry in state.reservations)
    return drawn if event.lines is None else drawn & set(event.lines)


def _give_back(turn: Turn, unshipped: frozenset[str]) -> None:
    """The order system vouches, late, that nothing left: nothing need wait for the recall."""
    for entry in turn.state.reservations:
        if entry.state == "leaving" and entry.line_id in unshipped:
            entries.void(turn, entry, "not shipped")


def close(turn: Turn, unshipped: frozenset[str] = frozenset()) -> None:
    """End an order as cancelled. What was released once stays set aside for the recall window."""
    turn.end("CLOSED", cause="cancelled")
    entries.let_go_all(turn, "cancelled", unshipped)


def _remember_lines(turn: Turn, revision: int, lines: tuple[str, ...]) -> None:
    before = turn.state.cancelled_lines
    now = {line_id: max(revision, before.get(line_id, 0)) for line_id in lines}
    turn.update(cancelled_lines=before | now)


def without_cancelled(state: OrderState, stated: OrderAssessed) -> OrderAssessed | None:
    """Leave out what was cancelled at the revision stated, or above; None: no line is left."""
    gone = {line for line, until in state.cancelled_lines.items() if until >= stated.revision}
    kept = tuple(line for line in stated.order.lines if line.line_id not in gone)
    if len(kept) == len(stated.order.lines):
        return stated
    if not kept:
        return None
    left = stated.order.model_copy(update={"lines": kept})
    determined = tuple(line for line in stated.lines if line.line_id not in gone)
    return stated.model_copy(update={"order": left, "lines": determined})


def _cancel_lines(turn: Turn, event: OrderCancelled, left: OrderAssessed) -> None:
    """Treat a cancellation of lines as an amendment: the rest is determined again."""
    state = turn.state
    if left is state.assessed:
        return
    turn.hold([DecisionReason(code=HoldReason.AMENDED, text="lines were cancelled")])
    unshipped = _unshipped(state, event)
    for entry in state.reservations:
        if entry.line_id in unshipped and entry.state not in ("refused", "settled"):
            entries.void(turn, entry, "not shipped")
    turn.update(assessment=encode(left).decode())
    officers.ask_for_recheck(turn, "lines_cancelled", turn.record.id)
