"""Reservation traffic: what the gate asks of the ledger, and what it makes of the answers.

The gate is the only sender, so what is said of one reservation keeps its order.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Final, Literal

from schemas.base import built
from schemas.checks import Candidate, ReservationGranted
from schemas.decisions import DecisionReason, HoldReason
from services.hold_release import adjust, requests
from services.hold_release.entries import (
    RECALL_WINDOW,
    WAITING,
    candidates,
    find,
    let_go,
    replace_entry,
)
from services.hold_release.requests import ANSWER_WITHIN, part, share_of, totals_of
from services.hold_release.settlement import Need, reason_of
from services.hold_release.state import ZERO, OrderState, Reservation, Totals
from services.hold_release.turn import Turn

CONFIRM_AFTER: Final = timedelta(seconds=30)
"""A grant older than this is confirmed before a release rests on it."""
_USELESS: Final = ("refused", "withdrawn", "leaving", "settled")
Progress = Literal["waiting", "complete", "failed"]


def pursue(turn: Turn, needs: list[Need]) -> Progress:
    """Ask for what is missing, one candidate at a time per line; say how far it got."""
    for entry in turn.state.reservations:
        if entry.state == "granted" and adjust.came_back(turn, entry):
            let_go(turn, entry, "goods of it came back")
    outcomes = [_pursue_one(turn, need) for need in needs]
    if "failed" in outcomes:
        return "failed"
    if "waiting" in outcomes:
        return "waiting"
    for entry in turn.state.reservations:
        if entry.state == "withdrawn":
            let_go(turn, entry, "another license serves")
    return "complete"


def _pursue_one(turn: Turn, need: Need) -> Progress:
    serving = _serving(turn.state, need)
    if any(entry.state in WAITING for entry in serving):
        return "waiting"
    rest = _rest(turn.state, need, serving)
    if rest is None:
        return _confirmed(turn, serving)
    if not serving and _revived(turn, need, rest):
        return "waiting"
    return "waiting" if _ask_next(turn, need, serving, rest) else "failed"


def _ask_next(turn: Turn, need: Need, serving: list[Reservation], rest: Totals) -> bool:
    """Ask the next license: each for the whole line first; where none has room, each for a part."""
    able = candidates(turn.state, need)
    if not serving:
        tried = _tried(turn.state, need, partial=False)
        for candidate in able:
            if candidate.license_id not in tried:
                _ask(turn, need, candidate, rest, partial=False)
                return True
    in_part = _tried(turn.state, need, partial=True) | {entry.license_id for entry in serving}
    for candidate in _with_some_room(turn.state, need, able, split=bool(serving)):
        if candidate.license_id not in in_part:
            _ask(turn, need, candidate, rest, partial=True)
            return True
    return False


def _with_some_room(
    state: OrderState, need: Need, able: tuple[Candidate, ...], *, split: bool
) -> tuple[Candidate, ...]:
    """List the licenses worth asking for a part: once split any, else those that fell short."""
    if split:
        return able
    short = {
        entry.license_id
        for entry in _refused(state, need)
        if entry.reason == HoldReason.LICENSE_EXHAUSTED
    }
    found = tuple(each for each in able if each.license_id in short)
    return found if len(found) > 1 else ()


def _serving(state: OrderState, need: Need) -> list[Reservation]:
    """List the reservations of a line × regime that are, or may yet be, of use."""
    return [
        entry
        for entry in state.reservations
        if (entry.line_id, entry.regime) == (need.line_id, need.regime)
        and entry.state not in _USELESS
    ]


def _rest(state: OrderState, need: Need, serving: list[Reservation]) -> Totals | None:
    """Tell what no reservation covers yet, and did not leave before; None: nothing."""
    line = totals_of(state, need.line_id)
    before = _left_before(state, need, serving)
    covered = sum((entry.covers for entry in serving), ZERO) + before
    if covered >= line.quantity and serving:
        return None
    if not ZERO < covered < line.quantity:
        return line  # a release of the line rests on a license, also where all of it left before
    value = line.value
    if value is not None:
        gone = share_of(value, before, line.quantity)
        held = sum((entry.covers_value or ZERO for entry in serving), ZERO)
        value = max(value - held - gone, ZERO)
    return part(line, line.quantity - covered, value)


def _left_before(state: OrderState, need: Need, serving: list[Reservation]) -> Decimal:
    """Tell how much of a line left on reservations that serve it no more: it is not drawn again."""
    others = [
        entry
        for entry in state.reservations
        if (entry.line_id, entry.regime) == (need.line_id, need.regime)
        and entry.shipped
        and entry not in serving
    ]
    if not others:
        return ZERO
    goods, unit = requests.goods_digest(state, need.line_id), requests.unit_of(state, need.line_id)
    left = sum((each.shipped - each.returned for each in others if each.goods == goods), ZERO)
    told = state.left_of(need.line_id, unit) - sum((e.shipped for e in serving), ZERO)
    return max(min(left, told), ZERO)


def _revived(turn: Turn, need: Need, rest: Totals) -> bool:
    """Take back a reservation that waits for its recall, if it suffices and the ledger confirms."""
    for entry in turn.state.reservations:
        same = (entry.line_id, entry.regime) == (need.line_id, need.regime)
        whole = entry.covers >= rest.quantity and not entry.partial
        usable = entry.state == "leaving" and entry.reason is None and whole
        if same and usable and adjust.serves(turn, need, entry) == "same":
            replace_entry(turn, entry, recall_at=entry.recall_at if entry.held else None)
            confirm(turn, entry)
            return True
    return False


def _refused(state: OrderState, need: Need) -> list[Reservation]:
    return [
        entry
        for entry in state.reservations
        if (entry.line_id, entry.regime) == (need.line_id, need.regime)
        and entry.state in ("refused", "withdrawn")
    ]


def _tried(state: OrderState, need: Need, *, partial: bool) -> set[str]:
    """List the licenses that refused this line, or a part of it, in this assessment."""
    return {e.license_id for e in _refused(state, need) if e.partial == partial}


def _confirmed(turn: Turn, serving: list[Reservation]) -> Progress:
    """Have every grant confirmed that is too old to rest a release on."""
    if turn.state.phase == "released":
        return "complete"
    reached: Progress = "complete"
    for entry in serving:
        assert entry.granted_at is not None, "a grant has its time"
        if turn.now - entry.granted_at > CONFIRM_AFTER:
            confirm(turn, entry)
            reached = "waiting"
    return reached


def confirm(turn: Turn, entry: Reservation) -> None:
    """Ask the ledger whether a grant still stands."""
    question = requests.say_confirm(turn, entry)
    replace_entry(turn, entry, state="confirming", question=question)
    turn.update(answer_by=turn.now + ANSWER_WITHIN)


def _ask(turn: Turn, need: Need, candidate: Candidate, rest: Totals, *, partial: bool) -> None:
    """Ask for a reservation of its own: what was voided is never asked for again."""
    attempt = turn.state.attempts
    asked = requests.request(turn, need, candidate, attempt, rest, partial=partial)
    turn.to_ledger(candidate.license_id, "request", asked, asked.reservation_id)
    entry = built(
        Reservation,
        reservation_id=asked.reservation_id,
        license_id=candidate.license_id,
        line_id=need.line_id,
        regime=need.regime,
        facts=requests.facts_digest(asked),
        goods=requests.goods_digest(turn.state, need.line_id),
        line=totals_of(turn.state, need.line_id),
        covers=rest.quantity,
        covers_value=rest.value,
        partial=partial,
        time_basis=turn.time_basis,
        state="asked",
        attempt=attempt,
        question=asked.request_id,
    )
    turn.update(
        reservations=(*turn.state.reservations, entry),
        answer_by=asked.answer_by,
        attempts=attempt + 1,
    )


def ask_again(turn: Turn, needs: list[Need]) -> None:
    """Repeat what the ledger did not answer; it answers `exists` to what it knows."""
    for need in needs:
        for entry in _serving(turn.state, need):
            if entry.state == "confirming":
                confirm(turn, entry)
            elif entry.state == "adjusting":
                adjust.again(turn, need, entry)
            elif entry.state == "asked":
                _request_again(turn, need, entry)
    turn.update(answer_by=turn.now + ANSWER_WITHIN)


def _request_again(turn: Turn, need: Need, entry: Reservation) -> None:
    for candidate in need.assessed.candidates:
        if candidate.license_id != entry.license_id:
            continue
        totals = part(entry.line, entry.covers, entry.covers_value)
        asked = requests.request(
            turn, need, candidate, entry.attempt, totals, partial=entry.partial
        )
        if asked.reservation_id == entry.reservation_id:
            turn.to_ledger(entry.license_id, "request", asked, entry.reservation_id)


def drop_useless(turn: Turn, needs: list[Need]) -> None:
    """Let go of reservations that no line needs, or that were made on other facts.

    One whose line only wants more or less than before is adjusted instead.
    """
    wanted = {(need.line_id, need.regime): need for need in needs}
    for entry in turn.state.reservations:
        if entry.state in ("refused", "leaving", "settled"):
            continue
        # What was withdrawn serves nobody: a license that stands again is asked anew.
        need = wanted.get((entry.line_id, entry.regime))
        use = "no" if need is None else adjust.serves(turn, need, entry)
        if use == "adjust" and need is not None:
            adjust.adjust(turn, need, entry, turn.now + RECALL_WINDOW)
        elif use == "no":
            let_go(turn, entry, "not needed any more")


def give_back(turn: Turn, answer: ReservationGranted) -> None:
    """Void what was granted to nobody: a request that came twice, refused first and granted then.

    A new assessment forgets refusals. If it was a reservation let go that is answered so late, it
    is voided twice, and the ledger answers `exists`.
    """
    state = turn.state
    known = find(state, answer.reservation_id)
    forgotten = (answer.revision, answer.check) < (state.revision, state.check)
    if answer.result == "granted" and (known.state == "refused" if known else forgotten):
        requests.say_void(turn, answer, "it was refused before")


def refusals(state: OrderState, needs: list[Need]) -> list[DecisionReason]:
    """Say why lines could not be covered: each refusal of each line that is not covered."""
    reasons = []
    for need in needs:
        serving = _serving(state, need)
        if serving and _rest(state, need, serving) is None:
            continue
        told = [
            (reason_of(entry.reason or HoldReason.NO_LICENSE), f"{entry.license_id}: {entry.text}")
            for entry in _refused(state, need)
        ]
        told += [
            (HoldReason.NO_LICENSE, f"{each.license_id}: {each.text}")
            for each in state.unassigned
            if each.line_id in (None, need.line_id)
        ]
        for code, text in dict.fromkeys(told):
            reasons.append(
                DecisionReason(line_id=need.line_id, regime=need.regime, code=code, text=text)
            )
    return reasons
