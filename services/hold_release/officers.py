"""What officers do to a held order, within the reason table; and re-checks, numbered here."""

from collections.abc import Callable
from typing import Final

from schemas.checks import OfficerDecided
from schemas.decisions import DecisionReason, HoldReason
from schemas.orders import Finding, Order, RecheckRequested
from services.hold_release import entries
from services.hold_release.reasons import ACKNOWLEDGED, by_release
from services.hold_release.state import Unassigned
from services.hold_release.turn import Turn

_OF_A_VOTE: Final = (
    "action", "revision", "seq", "line_id", "regime", "code", "fact", "value",
)  # fmt: skip
Progress = Callable[[Turn], None]


def decided(turn: Turn, progress: Progress) -> None:
    """Apply an officer's act, if it names the revision and seq that stand and the order is held.

    Anything else stays on record without effect: a double click, a stale view, a second tab.
    """
    event: OfficerDecided = turn.record.event
    state = turn.state
    current = (event.revision, event.seq) == (state.revision, state.seq)
    if current and event.action == "unassign" and not state.terminal:
        _unassigned(turn, event, progress)
    if not current or state.phase != "held":
        return
    if event.action == "reject":
        note = f"rejected by {event.officer}: {event.note}"
        code = state.reasons[0].code if state.reasons else HoldReason.CLASSIFICATION_UNCERTAIN
        turn.end("REJECTED", reasons=(DecisionReason(code=code, text=note),))
        entries.let_go_all(turn, "rejected")
    elif event.action == "release":
        _released_by(turn, event, progress)
    elif event.action in ("classify", "state_fact") and event.citation:
        _stated(turn, event)


def _unassigned(turn: Turn, event: OfficerDecided, progress: Progress) -> None:
    """Take a license off the order, or off one line of it, for this revision."""
    if event.fact != "license" or event.value is None:
        return
    text = f"unassigned by {event.officer}: {event.note}"
    off = Unassigned(license_id=event.value, line_id=event.line_id, text=text)
    state = turn.state
    drawn = [
        entry
        for entry in state.reservations
        if entry.license_id == off.license_id
        and off.line_id in (None, entry.line_id)
        and entry.state not in ("refused", "leaving", "settled")
    ]
    turn.update(unassigned=(*state.unassigned, off))
    if drawn and state.phase == "released":
        reason = HoldReason.NO_LICENSE
        turn.hold([DecisionReason(line_id=off.line_id, code=reason, text=f"{event.value}: {text}")])
    for entry in drawn:
        entries.let_go(turn, entry, text)
    progress(turn)


def _stated(turn: Turn, event: OfficerDecided) -> None:
    """Record a classification or fact; the order is determined again with it."""
    finding = Finding(
        action="classify" if event.action == "classify" else "state_fact",
        line_id=event.line_id,
        regime=event.regime,
        code=event.code,
        fact=event.fact,
        value=event.value,
        citation=event.citation or event.note,
        officers=(event.officer,),
        valid_until=event.valid_until,
        decided_at=event.decided_at,
    )
    turn.update(findings=(*turn.state.findings, finding))
    ask_for_recheck(turn, "officer", turn.record.id)


def _released_by(turn: Turn, event: OfficerDecided, progress: Progress) -> None:
    """Settle what a release may settle: facts by one officer, the graver by two different ones."""
    votes = [vote for vote in turn.state.votes if _same_vote(vote, event)]
    officers = tuple(dict.fromkeys([*(vote.officer for vote in votes), event.officer]))
    settled = [
        reason
        for reason in turn.state.reasons
        if 0 < by_release(reason.code) <= len(officers) and _is_meant(reason, event)
    ]
    if not any(vote.officer == event.officer for vote in votes):
        turn.update(votes=(*turn.state.votes, event))
    findings = tuple(_finding(reason, event, officers) for reason in settled)
    if not findings:
        return
    turn.update(findings=(*turn.state.findings, *findings))
    votes_now = turn.state.votes
    progress(turn)
    if turn.state.phase == "held" and turn.state.seq == event.seq:
        turn.update(votes=votes_now)


def _same_vote(vote: OfficerDecided, event: OfficerDecided) -> bool:
    """Four-eyes: equal action and finding on equal revision and seq; the second confirms."""
    return all(getattr(vote, name) == getattr(event, name) for name in _OF_A_VOTE)


def _is_meant(reason: DecisionReason, event: OfficerDecided) -> bool:
    """Tell whether an act speaks of a reason; what it does not name it leaves open."""
    named = (
        (event.line_id, reason.line_id),
        (event.regime, reason.regime),
        (event.fact, reason.code.value),
        (event.value, reason.text),
    )
    return all(said is None or said == own for said, own in named)


def _finding(reason: DecisionReason, event: OfficerDecided, officers: tuple[str, ...]) -> Finding:
    whole = reason.code in ACKNOWLEDGED or reason.code is HoldReason.PARTY_HIT
    return Finding(
        action="release",
        line_id=None if whole else reason.line_id,
        regime=None if whole else reason.regime,
        fact=reason.code.value,
        value=reason.text,
        citation=event.note,
        officers=officers if by_release(reason.code) > 1 else (event.officer,),
        valid_until=event.valid_until,
        decided_at=event.decided_at,
    )


def ask_for_recheck(turn: Turn, cause: str, cause_id: str) -> None:
    """Number a re-check and send the whole order round again, with the officers' findings."""
    state = turn.state
    if state.terminal or state.assessed is None:
        return
    check = max(state.check, state.asked_check) + 1
    order = state.assessed.order
    event = RecheckRequested(
        **{name: getattr(order, name) for name in Order.model_fields},
        check=check,
        findings=state.findings,
        cause=cause,
        cause_id=cause_id,
    )
    turn.update(asked_check=check)
    turn.to_orders("recheck", event, str(check))
