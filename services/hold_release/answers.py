"""What the gate makes of the ledger's answers, asked for or not."""

from typing import Literal

from schemas.checks import (
    ReservationGranted,
    ReservationPosted,
    ReservationRefused,
    ReservationWithdrawn,
)
from schemas.decisions import DecisionReason, HoldReason
from services.hold_release import adjust, entries, officers, reserve, ship
from services.hold_release.progress import progress
from services.hold_release.settlement import reason_of
from services.hold_release.state import ZERO, Reservation
from services.hold_release.turn import Turn


def granted(turn: Turn) -> None:
    """The ledger holds a quantity for a line, or goes on holding it."""
    event: ReservationGranted = turn.record.event
    entry = entries.answered(turn.state, event)
    if entry is None:
        if not _shortened(turn, event):
            reserve.give_back(turn, event)
        return
    if _holds_less(entry, event):
        text = f"{entry.license_id} holds less than the line wants"
        short = HoldReason.LICENSE_EXHAUSTED
        entries.replace_entry(turn, entry, state="withdrawn", reason=short, text=text)
        if turn.state.phase == "released":
            withdraw_release(turn, short, text, entry.line_id)
        progress(turn)
        return
    entries.replace_entry(
        turn,
        entry,
        state="granted",
        quantity=event.quantity,
        unit=event.unit,
        value=event.value,
        currency=event.currency,
        valid_to=event.valid_to.isoformat(),
        granted_at=turn.record.logged_at,
        over_percent=event.over_percent,
        under_percent=event.under_percent,
        ledger_partition=event.ledger_partition,
        ledger_offset=event.ledger_offset,
        **_covered(entry, event),
    )
    _after_answer(turn)


def _shortened(turn: Turn, event: ReservationGranted) -> bool:
    """Take note that a license ends earlier than a reservation was told; a release is renewed."""
    entry = entries.find(turn.state, event.reservation_id)
    told = event.valid_to.isoformat()
    if entry is None or event.result != "confirmed":
        return False
    if entry.state not in ("granted", "adjusting"):
        return False  # it is confirmed before a release rests on it
    if entry.valid_to is None or told >= entry.valid_to:
        return False
    entries.replace_entry(turn, entry, valid_to=told)
    if turn.state.phase == "released" and not turn.state.stale:
        progress(turn)
    return True


def _holds_less(entry: Reservation, event: ReservationGranted) -> bool:
    """Tell whether what stands in the ledger is not what the order rests on."""
    if entry.partial or event.stated is None:
        return False
    return event.stated.quantity < entry.covers or (
        entry.covers_value is not None and (event.stated.value or ZERO) < entry.covers_value
    )


def _covered(entry: Reservation, event: ReservationGranted) -> dict[str, object]:
    """Read how much of the line a grant covers, where the ledger might grant a part."""
    if not entry.partial or event.stated is None:
        return {}
    return {"covers": event.stated.quantity, "covers_value": event.stated.value}


def _after_answer(turn: Turn) -> None:
    if turn.state.stale and turn.state.phase == "released":
        send_stale(turn)
        return
    progress(turn)


def send_stale(turn: Turn) -> None:
    """Send a release that was held back, once every reservation under it is confirmed.

    If it ended meanwhile it fills its place in the chain, under the hold that replaces it.
    """
    waiting = [e for e in turn.state.reservations if e.state in entries.WAITING]
    release = turn.state.release
    if waiting or release is None:
        return
    if release.valid_until <= turn.clock:
        expire(turn, "valid_until passed before it was sent")
        return
    turn.send_again(release)
    turn.update(stale=False, answer_by=None)
    progress(turn)  # what it rests on may end earlier now


def expire(turn: Turn, text: str) -> None:
    """Withdraw a release that is over, and have the order determined again."""
    turn.hold([DecisionReason(code=HoldReason.RELEASE_EXPIRED, text=text)])
    officers.ask_for_recheck(turn, "release_expired", turn.record.id)


def refused(turn: Turn) -> None:
    """The ledger does not, or no longer."""
    event: ReservationRefused = turn.record.event
    entry = entries.answered(turn.state, event)
    if entry is None:
        return
    # A grant that is not confirmed still sets its quantity aside, so it is let go, not forgotten.
    state: Literal["refused", "withdrawn"] = "refused" if entry.state == "asked" else "withdrawn"
    # What left while it was asked for, left on no license.
    never = {"shipped": ZERO, "shipments": ()} if state == "refused" else {}
    entries.replace_entry(turn, entry, state=state, reason=event.reason, text=event.text, **never)
    if turn.state.phase == "released":
        withdraw_release(turn, event.reason, event.text, event.line_id)
    progress(turn)


def withdrawn(turn: Turn) -> None:
    """A reservation no longer stands: the release that rests on it is withdrawn at once."""
    event: ReservationWithdrawn = turn.record.event
    entry = entries.find(turn.state, event.reservation_id)
    if entry is None or entry.state in ("refused", "withdrawn", "leaving", "settled"):
        return
    if turn.state.terminal:
        return
    entries.replace_entry(turn, entry, state="withdrawn", reason=event.reason, text=event.text)
    if turn.state.phase == "released":
        withdraw_release(turn, event.reason, event.text, entry.line_id)
    progress(turn)


def withdraw_release(turn: Turn, reason: str, text: str, line_id: str) -> None:
    turn.hold([DecisionReason(line_id=line_id, code=reason_of(reason), text=text)])


def posted(turn: Turn) -> None:
    """The ledger answers an adjustment, or what it makes of a shipment."""
    event: ReservationPosted = turn.record.event
    if event.operation == "adjust":
        if adjust.posted(turn, event):
            _after_answer(turn)
    elif event.operation == "settle":
        ship.posted(turn, event)
