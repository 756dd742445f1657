"""A line that already holds a license, and wants more or less of it: adjusted, not asked anew.

Up at once. Down at once only where nothing can have left on it; else when the recall is over.
"""

from datetime import datetime
from decimal import Decimal
from typing import Literal

from schemas.checks import Candidate, ReservationPosted
from schemas.envelope import derived_id
from schemas.orders import Weight
from services.hold_release import entries, requests
from services.hold_release.requests import ANSWER_WITHIN, totals_of
from services.hold_release.settlement import Need
from services.hold_release.state import ZERO, Reservation, Totals
from services.hold_release.turn import Turn

Use = Literal["same", "adjust", "no"]


def serves(turn: Turn, need: Need, entry: Reservation) -> Use:
    """Tell whether a reservation still serves its line: as it is, adjusted, or not at all."""
    candidate = _candidate(turn, need, entry)
    if _all_left(turn, entry):
        return "same"
    if entry.state == "withdrawn" or candidate is None or came_back(turn, entry):
        return "no"
    if entry.shipped and entry.goods != requests.goods_digest(turn.state, need.line_id):
        return "no"  # other goods left on it, under the same license: so much less is set aside
    now = totals_of(turn.state, need.line_id)
    asked = requests.request(turn, need, candidate, entry.attempt, now)
    if requests.facts_digest(asked) != entry.facts:
        return "no"
    if _as_much(now, entry.line):
        return "same"
    # A question is open, or others cover some of the line: what was asked no longer adds up.
    alone = not entry.partial and entry.covers == entry.line.quantity
    able = entry.state == "granted" and alone and _comparable(now, entry.held or entry.line)
    return "adjust" if able else "no"


def came_back(turn: Turn, entry: Reservation) -> bool:
    """Tell whether goods of it are back, so that no further release may rest on it.

    The license sets them aside no more, credited or not: to leave again they are asked for anew.
    """
    return bool(entry.returned) and turn.state.phase != "released"


def _all_left(turn: Turn, entry: Reservation) -> bool:
    """Tell whether all of a line, as released in this revision, left on a grant: no more can."""
    state = turn.state
    if entry.state != "granted" or not entry.ever_released or not entry.shipped:
        return False
    if state.release is None or state.release.revision != state.revision:
        return False
    whole = totals_of(state, entry.line_id).quantity
    told = state.left_of(entry.line_id, requests.unit_of(state, entry.line_id))
    return min(told, entry.shipped - entry.returned) >= whole


def _as_much(now: Totals, before: Totals) -> bool:
    """Compare totals; that the other lines of the order became cheaper asks for nothing."""
    if now == before:
        return True
    cheaper = (
        now.order_value is not None
        and before.order_value is not None
        and now.order_value < before.order_value
    )
    return cheaper and now == before.model_copy(update={"order_value": now.order_value})


def _candidate(turn: Turn, need: Need, entry: Reservation) -> Candidate | None:
    able = entries.candidates(turn.state, need)
    return next((each for each in able if each.license_id == entry.license_id), None)


def adjust(turn: Turn, need: Need, entry: Reservation, recall_at: datetime) -> None:
    """Bring a reservation to the line's new totals; what may have left stays set aside."""
    now = totals_of(turn.state, need.line_id)
    before = entry.held or entry.line
    least = _larger(before, now) if entry.ever_released else now
    kept = None if least == now else least
    fields = {
        "line": now,
        "covers": now.quantity,
        "covers_value": now.value,
        "held": kept,
        "recall_at": None if kept is None else recall_at,
    }
    if least == before:
        entries.replace_entry(turn, entry, **fields)
        return
    _send(turn, need, entries.replace_entry(turn, entry, **fields), least)


def _send(turn: Turn, need: Need, entry: Reservation, totals: Totals) -> None:
    question = derived_id(entry.reservation_id, "adjust", turn.record.id)
    _say(turn, need, entry, totals, question)
    entries.replace_entry(turn, entry, state="adjusting", question=question)
    turn.update(answer_by=turn.now + ANSWER_WITHIN)


def _say(turn: Turn, need: Need, entry: Reservation, totals: Totals, question: str) -> None:
    candidate = _candidate(turn, need, entry)
    rates = () if candidate is None else requests.conversions(turn.state, need.line_id, candidate)
    requests.say_adjust(turn, entry, totals, rates, question)


def again(turn: Turn, need: Need, entry: Reservation) -> None:
    """Repeat an adjustment that was not answered; the ledger answers `exists` to what it knows."""
    _say(turn, need, entry, entry.held or entry.line, entry.question)


def _comparable(one: Totals, other: Totals) -> bool:
    """Tell whether weights are in one unit; which of a pound and a kilogram is more, none tells."""
    pairs = ((one.net_weight, other.net_weight), (one.gross_weight, other.gross_weight))
    return all(a is None or b is None or a.unit == b.unit for a, b in pairs)


def _larger(one: Totals, other: Totals) -> Totals:
    """Take the larger of each total: what covers either. As many pieces may weigh more."""
    return Totals(
        quantity=max(one.quantity, other.quantity),
        net_weight=_heavier(one.net_weight, other.net_weight),
        gross_weight=_heavier(one.gross_weight, other.gross_weight),
        value=_most(one.value, other.value),
        order_value=_most(one.order_value, other.order_value),
    )


def _heavier(one: Weight | None, other: Weight | None) -> Weight | None:
    stated = (each for each in (one, other) if each is not None)
    return max(stated, key=lambda each: each.value, default=None)


def _most(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return max((each for each in (one, other) if each is not None), default=None)


def shrink(turn: Turn, entry: Reservation) -> None:
    """The recall is over: nothing left on what is held beyond the line, so it is given back."""
    question = derived_id(entry.reservation_id, "adjust", turn.record.id)
    requests.say_adjust(turn, entry, entry.line, (), question)
    entries.replace_entry(turn, entry, held=None, recall_at=None, question=question)


def posted(turn: Turn, event: ReservationPosted) -> bool:
    """Take the answer to an adjustment; tell whether an order waited for it."""
    entry = entries.find(turn.state, event.reservation_id)
    if entry is None or entry.question != event.request_id:
        return False
    waits = entry.state == "adjusting"
    if event.result not in ("adjusted", "exists"):
        if waits:
            _refused(turn, entry, event)
        return waits
    changes: dict[str, object] = {}
    if event.drawn is not None:
        drawn = event.drawn
        changes = {"quantity": drawn.quantity, "unit": drawn.unit, "value": drawn.value}
        changes |= {"currency": drawn.currency}
    if waits:
        changes |= {"state": "granted", "granted_at": turn.record.logged_at}
    if waits or entry.state == "granted":
        changes |= {
            "ledger_partition": event.ledger_partition,
            "ledger_offset": event.ledger_offset,
        }
        entries.replace_entry(turn, entry, **changes)
    return waits


def _refused(turn: Turn, entry: Reservation, event: ReservationPosted) -> None:
    """The license has no room for the new totals: the old ones go, and the next is asked."""
    marker = entry.model_copy(
        update={
            "reservation_id": event.request_id,
            "state": "refused",
            "reason": event.result,
            "text": event.text or event.result,
            "ever_released": False,
            "recall_at": None,
            # Nothing left on the question: what did, counts with the reservation.
            "shipped": ZERO,
            "returned": ZERO,
            "shipments": (),
        }
    )
    # It holds the old total: what is let go now must never be taken back for the new one.
    entries.replace_entry(turn, entry, reason=event.result)
    entries.let_go(turn, entry, "the license has no room for the new total")
    turn.update(reservations=(*turn.state.reservations, marker))
