"""How far an order can go now: held with reasons, asking for licenses, or released."""

from datetime import timedelta
from typing import Final

from schemas.decisions import DecisionReason, HoldReason
from services.hold_release import cancel, entries, requests, reserve
from services.hold_release.settlement import needs as needs_of
from services.hold_release.settlement import open_reasons, valid_until
from services.hold_release.turn import Turn

SHIP_AFTER_RELEASE: Final = timedelta(days=30)


def progress(turn: Turn) -> None:
    """Bring an order as far as it can go: held with reasons, asking for licenses, or released."""
    state = turn.state
    if state.terminal:
        return
    if state.assessed is not None and state.shipped_finally:
        # It left before it was known, so nothing was reserved for it.
        turn.end("CLOSED", cause="shipped")
        return
    if state.assessed is not None and state.cancelled_revision >= state.revision:
        cancel.close(turn)
        return
    reasons = open_reasons(state)
    if any(found.code is HoldReason.EMBARGO for found in reasons):
        entries.let_go_all(turn, "embargo")
        turn.end("REJECTED", reasons=tuple(reasons))
        return
    if reasons:
        turn.hold(reasons)
        entries.let_go_all(turn, "the order is held")
        return
    if state.assessed is not None:
        _reserve_and_release(turn)


def conflict(turn: Turn, text: str) -> None:
    """Hold an order of which one thing was said in two ways."""
    fault = reason(HoldReason.EVENT_CONFLICT, text)
    if fault in turn.state.faults:
        return
    turn.update(faults=(*turn.state.faults, fault))
    progress(turn)


def _reserve_and_release(turn: Turn) -> None:
    needs = list(needs_of(turn.state))
    reached = reserve.pursue(turn, needs)
    if reached == "failed":
        turn.hold(reserve.refusals(turn.state, needs) or [silent_reason("no license answered")])
        entries.let_go_all(turn, "another line was refused")
        return
    if reached == "waiting":
        if turn.state.phase == "released":
            turn.hold([reason(HoldReason.AMENDED, "a license is needed that is not reserved")])
        else:
            _wait(turn)
        return
    if turn.state.phase != "released" and turn.state.asked_check > turn.state.check:
        # About to be determined again: nothing new is released on what was known before.
        _wait(turn)
        return
    _release(turn)


def _wait(turn: Turn) -> None:
    """Wait for an answer; a hold that stands goes on standing."""
    if turn.state.phase != "held":
        turn.update(phase="reserving")


def _release(turn: Turn) -> None:
    until = valid_until(turn.state, turn.clock, SHIP_AFTER_RELEASE)
    standing = turn.state.release if turn.state.phase == "released" else None
    if standing is not None and standing.valid_until <= until and not turn.state.stale:
        turn.update(answer_by=None)
        return
    if until <= turn.clock:
        turn.hold([reason(HoldReason.RELEASE_EXPIRED, f"a release would end {until}")])
        entries.let_go_all(turn, "nothing may be released")
        return
    if standing is not None:
        turn.hold([reason(HoldReason.RELEASE_EXPIRED, f"the release now ends {until}")])
        # A new release rests on what the ledger says now, not on what it said to the old one.
        _reserve_and_release(turn)
        return
    fresh = [e for e in turn.state.reservations if e.state == "granted" and not e.ever_released]
    turn.release(until)
    # Of an order that waits for one reservation alone the ledger knows it from the request.
    if fresh and not (len(fresh) == 1 and requests.alone(turn.state)):
        for entry in fresh:
            requests.say_released(turn, entry, str(turn.state.decision_id))


def reason(code: HoldReason, text: str) -> DecisionReason:
    """Make a reason that concerns the whole order."""
    return DecisionReason(code=code, text=text)


def silent_reason(text: str) -> DecisionReason:
    """Say that the ledger did not answer."""
    return reason(HoldReason.LEDGER_SILENT, text)
