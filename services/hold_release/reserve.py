"""Reservation traffic: what the gate asks of the ledger, and what it makes of the answers.

The gate is the only sender, so request, settle and void of one reservation keep their order.
"""

import hashlib
from datetime import timedelta
from typing import Final, Literal

from schemas.checks import (
    Answer,
    Candidate,
    RequestedItem,
    RequestedParty,
    ReservationConfirmRequested,
    ReservationGranted,
    ReservationRequested,
    ReservationVoided,
)
from schemas.classification import Verdict
from schemas.decisions import DecisionReason, HoldReason
from schemas.envelope import derived_id
from schemas.events import encode
from schemas.fold import EPOCH
from schemas.orders import OrderLine
from services.hold_release.settlement import Need, reason_of
from services.hold_release.state import OrderState, Reservation
from services.hold_release.turn import Turn

ANSWER_WITHIN: Final = timedelta(seconds=10)
CONFIRM_AFTER: Final = timedelta(seconds=30)
"""A grant older than this is confirmed before a release rests on it."""
RECALL_WINDOW: Final = timedelta(hours=24)
"""How long a withdrawn release keeps its goods set aside: they may be on a truck."""

_NOT_FACTS: Final = {
    "revision": 0,
    "check": 0,
    "attempt": 0,
    "reservation_id": "",
    "request_id": "",
    "as_of": EPOCH,
    "answer_by": EPOCH,
}
_USELESS: Final = ("refused", "withdrawn", "leaving")
Progress = Literal["waiting", "complete", "failed"]


def pursue(turn: Turn, needs: list[Need]) -> Progress:
    """Ask for what is missing, one candidate at a time per line; say how far it got."""
    outcomes = [_pursue_one(turn, need) for need in needs]
    if "failed" in outcomes:
        return "failed"
    return "waiting" if "waiting" in outcomes else "complete"


def _pursue_one(turn: Turn, need: Need) -> Progress:
    current = _current(turn.state, need)
    if current is not None and current.state in ("asked", "confirming"):
        return "waiting"
    if current is not None and current.state == "granted":
        return _confirmed(turn, current)
    if _revived(turn, need):
        return "waiting"
    tried = _tried(turn.state, need)
    for candidate in need.assessed.candidates:
        if candidate.license_id not in tried:
            _ask(turn, need, candidate)
            return "waiting"
    return "failed"


def _revived(turn: Turn, need: Need) -> bool:
    """Take back a reservation that waits for its recall, if the ledger confirms it."""
    for entry in turn.state.reservations:
        same = (entry.line_id, entry.regime) == (need.line_id, need.regime)
        usable = entry.state == "leaving" and entry.reason is None
        if same and usable and _serves(turn, need, entry):
            confirm(turn, entry)
            return True
    return False


def _current(state: OrderState, need: Need) -> Reservation | None:
    for entry in state.reservations:
        same = (entry.line_id, entry.regime) == (need.line_id, need.regime)
        if same and entry.state not in _USELESS:
            return entry
    return None


def _tried(state: OrderState, need: Need) -> set[str]:
    """List the licenses that refused this line in this assessment."""
    return {
        entry.license_id
        for entry in state.reservations
        if (entry.line_id, entry.regime) == (need.line_id, need.regime)
        and entry.state in ("refused", "withdrawn")
    }


def _confirmed(turn: Turn, entry: Reservation) -> Progress:
    assert entry.granted_at is not None, "a grant has its time"
    if turn.state.phase == "released" or turn.now - entry.granted_at <= CONFIRM_AFTER:
        return "complete"
    confirm(turn, entry)
    return "waiting"


def confirm(turn: Turn, entry: Reservation) -> None:
    """Ask the ledger whether a grant still stands."""
    request_id = derived_id(entry.reservation_id, "confirm", turn.record.id)
    state = turn.state
    event = ReservationConfirmRequested(
        order_source=state.order_source,
        order_id=state.order_id,
        revision=state.revision,
        check=state.check,
        reservation_id=entry.reservation_id,
        request_id=request_id,
        license_id=entry.license_id,
    )
    turn.to_ledger(entry.license_id, "confirm", event, entry.reservation_id)
    replace_entry(turn, entry, state="confirming", question=request_id)
    turn.update(answer_by=turn.now + ANSWER_WITHIN)


def replace_entry(turn: Turn, entry: Reservation, **changes: object) -> None:
    """Change one reservation of the state."""
    changed = entry.model_copy(update=changes)
    turn.update(
        reservations=tuple(
            changed if other.reservation_id == entry.reservation_id else other
            for other in turn.state.reservations
        )
    )


def find(state: OrderState, reservation_id: str) -> Reservation | None:
    """Find a reservation by id."""
    for entry in state.reservations:
        if entry.reservation_id == reservation_id:
            return entry
    return None


def answered(state: OrderState, answer: Answer) -> Reservation | None:
    """Find the reservation whose open question this is the answer to."""
    entry = find(state, answer.reservation_id)
    if entry is None or entry.state not in ("asked", "confirming"):
        return None
    return entry if entry.question == answer.request_id else None


def _line(state: OrderState, line_id: str) -> OrderLine:
    assert state.assessed is not None, "only an assessed order asks"
    return next(line for line in state.assessed.order.lines if line.line_id == line_id)


def _parties(state: OrderState) -> tuple[RequestedParty, ...] | None:
    assert state.assessed is not None, "only an assessed order asks"
    return (
        tuple(
            RequestedParty(role=party.role, name=party.name, country=party.country)
            for party in state.assessed.order.parties
        )
        or None
    )


def _request(turn: Turn, need: Need, candidate: Candidate, attempt: int) -> ReservationRequested:
    state = turn.state
    assert state.assessed is not None, "only an assessed order asks"
    order, line = state.assessed.order, _line(state, need.line_id)
    reservation_id = derived_id(
        state.key,
        str(state.revision),
        str(state.check),
        need.line_id,
        need.regime,
        candidate.license_id,
        str(attempt),
    )
    return ReservationRequested(
        order_source=state.order_source,
        order_id=state.order_id,
        revision=state.revision,
        check=state.check,
        reservation_id=reservation_id,
        request_id=derived_id(reservation_id, "request"),
        license_id=candidate.license_id,
        line_id=need.line_id,
        regime=licensed_by(need),
        attempt=attempt,
        as_of=turn.as_of,
        time_basis=turn.time_basis,
        requested_ship_date=order.requested_ship_date,
        exporter=order.exporter.id,
        exporter_name=order.exporter.name,
        item=need.assessed.item or RequestedItem(codes=()),
        parties=_parties(state),
        destination=order.destination,
        port=order.port,
        purpose=order.purpose,
        quantity=line.quantity,
        unit=line.unit,
        net_weight=line.net_weight,
        value=line.value,
        currency=line.currency,
        documents=order.documents,
        names_end_user=need.assessed.verdict.decision is Verdict.DENY_PRESUMED,
        answer_by=turn.now + ANSWER_WITHIN,
    )


def licensed_by(need: Need) -> str:
    """Name the regime whose license is drawn: an overlap draws on the one it is routed to."""
    verdict = need.assessed.verdict
    overlaps = verdict.decision is Verdict.OVERLAP_EXCLUDED and verdict.routed_to
    return verdict.routed_to[0] if overlaps else need.regime


def _facts_digest(request: ReservationRequested) -> str:
    """Digest what a reservation rests on; ids and times of asking are not part of it."""
    return hashlib.sha256(encode(request.model_copy(update=_NOT_FACTS))).hexdigest()


def _ask(turn: Turn, need: Need, candidate: Candidate) -> None:
    """Ask for a reservation of its own: what was voided is never asked for again."""
    attempt = turn.state.attempts
    request = _request(turn, need, candidate, attempt)
    turn.to_ledger(candidate.license_id, "request", request, request.reservation_id)
    entry = Reservation(
        reservation_id=request.reservation_id,
        license_id=candidate.license_id,
        line_id=need.line_id,
        regime=need.regime,
        facts=_facts_digest(request),
        time_basis=turn.time_basis,
        state="asked",
        attempt=attempt,
        question=request.request_id,
    )
    turn.update(
        reservations=(*turn.state.reservations, entry),
        answer_by=request.answer_by,
        attempts=attempt + 1,
    )


def ask_again(turn: Turn, needs: list[Need]) -> None:
    """Repeat requests the ledger did not answer; it answers `exists` to what it knows."""
    for need in needs:
        entry = _current(turn.state, need)
        if entry is None or entry.state not in ("asked", "confirming"):
            continue
        if entry.state == "confirming":
            confirm(turn, entry)
            continue
        for candidate in need.assessed.candidates:
            if candidate.license_id == entry.license_id:
                request = _request(turn, need, candidate, entry.attempt)
                if request.reservation_id == entry.reservation_id:
                    turn.to_ledger(entry.license_id, "request", request, entry.reservation_id)
    turn.update(answer_by=turn.now + ANSWER_WITHIN)


def drop_useless(turn: Turn, needs: list[Need]) -> None:
    """Let go of reservations that no line needs, or that were made on other facts."""
    wanted = {(need.line_id, need.regime): need for need in needs}
    for entry in turn.state.reservations:
        if entry.state in ("refused", "leaving"):
            continue
        # What was withdrawn serves nobody: a license that stands again is asked anew.
        need = wanted.get((entry.line_id, entry.regime))
        if need is None or not _serves(turn, need, entry):
            let_go(turn, entry, "not needed any more")


def _serves(turn: Turn, need: Need, entry: Reservation) -> bool:
    if entry.state == "withdrawn":
        return False
    for candidate in need.assessed.candidates:
        if candidate.license_id == entry.license_id:
            return _facts_digest(_request(turn, need, candidate, entry.attempt)) == entry.facts
    return False


def let_go_all(turn: Turn, cause: str, *, not_shipped: bool = False) -> None:
    """Let go of every reservation."""
    for entry in turn.state.reservations:
        if entry.state != "refused":
            let_go(turn, entry, cause, not_shipped=not_shipped)


def let_go(turn: Turn, entry: Reservation, cause: str, *, not_shipped: bool = False) -> None:
    """Void a reservation, or keep it for the recall window if its release may have been used."""
    if entry.ever_released and not not_shipped:
        if entry.state != "leaving":
            replace_entry(turn, entry, state="leaving", recall_at=turn.now + RECALL_WINDOW)
        return
    void(turn, entry, cause)


def void(turn: Turn, entry: Reservation, cause: str) -> None:
    """Give a reservation back and forget it."""
    _say_void(turn, entry, cause)
    turn.update(
        reservations=tuple(
            other
            for other in turn.state.reservations
            if other.reservation_id != entry.reservation_id
        )
    )


def give_back(turn: Turn, answer: ReservationGranted) -> None:
    """Void what was granted to nobody: a request that came twice, refused first and granted then.

    A new assessment forgets refusals. If it was a reservation let go that is answered so late, it
    is voided twice, and the ledger answers `exists`.
    """
    state = turn.state
    known = find(state, answer.reservation_id)
    forgotten = (answer.revision, answer.check) < (state.revision, state.check)
    if answer.result == "granted" and (known.state == "refused" if known else forgotten):
        _say_void(turn, answer, "it was refused before")


def _say_void(turn: Turn, entry: Reservation | ReservationGranted, cause: str) -> None:
    state = turn.state
    event = ReservationVoided(
        order_source=state.order_source,
        order_id=state.order_id,
        revision=state.revision,
        check=state.check,
        reservation_id=entry.reservation_id,
        request_id=derived_id(entry.reservation_id, "void"),
        license_id=entry.license_id,
        cause=cause,
    )
    turn.to_ledger(entry.license_id, "void", event, entry.reservation_id)


def refusals(state: OrderState, needs: list[Need]) -> list[DecisionReason]:
    """Say why lines could not be covered: each refusal of each line without a grant."""
    reasons = []
    for need in needs:
        if _current(state, need) is not None:
            continue
        for entry in state.reservations:
            refused = entry.state in ("refused", "withdrawn")
            if refused and (entry.line_id, entry.regime) == (need.line_id, need.regime):
                reasons.append(
                    DecisionReason(
                        line_id=need.line_id,
                        regime=need.regime,
                        code=reason_of(entry.reason or HoldReason.NO_LICENSE),
                        text=f"{entry.license_id}: {entry.text}",
                    )
                )
    return reasons
