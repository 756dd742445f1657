"""The gate: folds all that is known of an order into decisions. Pure, total, deterministic.

An order is released only when every line × every regime is settled on its own; whatever else
happens, it is held, with reasons. Only this fold releases, and only it asks the ledger.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal, TypeVar

from schemas.base import Model, built
from schemas.checks import (
    DeadlineDue,
    OfficerDecided,
    OrderAssessed,
    RecheckWanted,
    ReleaseStale,
    ReservationGranted,
    ReservationPosted,
    ReservationRefused,
    ReservationWithdrawn,
    Unreadable,
)
from schemas.decisions import DecisionReason, HoldReason
from schemas.envelope import Recorded
from schemas.fold import Partition, Step, count_exactly
from schemas.orders import OrderCancelled, OrderReturned, OrderShipped
from services.hold_release import adjust, answers, cancel, entries, officers, reserve, ship
from services.hold_release.progress import conflict, progress, reason, silent_reason
from services.hold_release.settlement import needs as needs_of
from services.hold_release.state import ORDER, OrderState, as_written
from services.hold_release.turn import Turn

KEPT: Final = timedelta(days=30)
"""How long an order that ended is remembered, by log time."""
AHEAD_MAX: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Gate:
    """The gate's settings; calling it folds one record (`schemas.fold.Fold`)."""

    time_basis: Literal["log", "event"] = "log"
    max_event_age: timedelta = timedelta(hours=72)

    def __call__(
        self, aggregate: Mapping[str, Model], record: Recorded[Any], partition: Partition
    ) -> Step:
        """Apply one record of `orders.checks` to the order it concerns."""
        handler = HANDLERS.get(type(record.event))
        if handler is None:
            return Step(partition)
        count_exactly()
        known = aggregate.get(ORDER)
        state = known if isinstance(known, OrderState) else _unknown(record.key)
        turn = Turn(state, record, partition, self.time_basis)
        handler(turn, self)
        changes = {} if turn.state is state else {ORDER: turn.state}
        return Step(turn.partition, changes, tuple(turn.outputs))


def _unknown(key: str) -> OrderState:
    source, _, order_id = key.rpartition("/")
    return built(OrderState, order_source=source, order_id=order_id)


T = TypeVar("T")


def _distinct(values: list[T]) -> tuple[T, ...]:
    """Drop repetitions, in order. Events are few, and not all can be hashed."""
    return tuple(value for at, value in enumerate(values) if value not in values[:at])


# Events


def _assessed(turn: Turn, gate: Gate) -> None:
    """Take a determination, if it is of a higher (revision, check)."""
    event: OrderAssessed = turn.record.event
    state = turn.state
    if state.terminal:
        return
    if turn.record.id == state.assessment_id and state.assessed is not None:
        if event.order_digest != state.assessed.order_digest:
            conflict(turn, f"one event id was used twice, also for {event.order_digest[:12]}")
        return
    if (event.revision, event.check) <= (state.revision, state.check) and state.assessed:
        _not_higher(turn, event)
        return
    faults = _arrival_faults(state, event, turn, gate)
    left = cancel.without_cancelled(state, event)
    newer = event.revision > state.revision
    if newer and state.phase == "released":
        turn.hold([reason(HoldReason.AMENDED, f"revision {event.revision} replaces the order")])
    # Unreadable records stay in the way: one of them may have been a cancellation.
    kept = [
        fault for fault in state.faults if not newer or fault.code is HoldReason.EVENT_UNREADABLE
    ]
    turn.update(
        revision=event.revision,
        check=event.check,
        asked_check=event.check if newer else max(turn.state.asked_check, event.check),
        assessment=as_written(turn.record, left or event),
        assessment_id=turn.record.id,
        revision_digest=event.order_digest if newer else state.revision_digest,
        faults=_distinct([*kept, *faults]),
        findings=event.findings if newer else _distinct([*state.findings, *event.findings]),
        unassigned=() if newer else state.unassigned,
        recheck_by=state.recheck_by if newer or event.check < state.asked_check else None,
        cancelled_revision=state.cancelled_revision if left else event.revision,
    )
    if newer and state.recheck_by is not None:
        # Of the revision before: this one may have been classified before there was cause for it.
        officers.ask_for_recheck(turn, "amended", turn.record.id)
    elif left is not None and left is not event and turn.state.asked_check == event.check:
        officers.ask_for_recheck(turn, "lines_cancelled", turn.record.id)
    reserve.drop_useless(turn, list(needs_of(turn.state)))
    _forget_refusals(turn)
    progress(turn)


def _forget_refusals(turn: Turn) -> None:
    """A new assessment starts over: a license that refused may be asked again."""
    turn.update(
        reservations=tuple(entry for entry in turn.state.reservations if entry.state != "refused")
    )


def _not_higher(turn: Turn, event: OrderAssessed) -> None:
    """Equal revision with other content is a conflict; anything else is a duplicate or late."""
    state = turn.state
    assert state.assessed is not None, "checked by the caller"
    same = event.revision == state.revision and event.check == 0
    if not same or event.order_digest == state.revision_digest:
        return
    conflict(turn, f"revision {event.revision} was also said as {event.order_digest[:12]}")


def _arrival_faults(
    state: OrderState, event: OrderAssessed, turn: Turn, gate: Gate
) -> list[DecisionReason]:
    faults = []
    if state.assessed is not None and event.revision > state.revision + 1:
        text = f"revision {event.revision} follows {state.revision}: one is missing"
        faults.append(reason(HoldReason.EVENT_CONFLICT, text))
    if gate.time_basis == "log":
        ahead = event.as_of > turn.now + AHEAD_MAX
        if ahead or event.as_of < turn.now - gate.max_event_age:
            text = f"the event says {event.as_of.isoformat()}, the log {turn.now.isoformat()}"
            faults.append(reason(HoldReason.TIME_IMPLAUSIBLE, text))
    return faults


def _unreadable(turn: Turn, gate: Gate) -> None:
    del gate
    event: Unreadable = turn.record.event
    if turn.state.terminal:
        return
    text = f"{event.topic}/{event.partition}/{event.offset}: {event.reason}"
    fault = reason(HoldReason.EVENT_UNREADABLE, text[:500])
    if fault in turn.state.faults:
        return  # told before: a duplicate decides nothing
    turn.update(faults=(*turn.state.faults, fault))
    progress(turn)


def _recheck_wanted(turn: Turn, gate: Gate) -> None:
    del gate
    event: RecheckWanted = turn.record.event
    if event.cause_id in turn.state.wanted:
        return
    turn.update(wanted=(*turn.state.wanted, event.cause_id)[-8:])
    if event.recheck_by is not None and turn.state.assessed is not None:
        earlier = turn.state.recheck_by or event.recheck_by
        turn.update(recheck_by=min(earlier, event.recheck_by))
    officers.ask_for_recheck(turn, event.cause, event.cause_id)


def _stale(turn: Turn, gate: Gate) -> None:
    """The runtime held a release back because it was old: confirm it, then send it."""
    del gate
    event: ReleaseStale = turn.record.event
    state = turn.state
    release = next((r for r in state.releases if r.decision_id == event.decision_id), None)
    if release is None:
        return
    if state.phase != "released" or release is not state.release:
        # Superseded: it fills its place in the chain, and a lower seq changes nothing.
        turn.send_again(release)
        return
    turn.update(stale=True)
    for entry in turn.state.reservations:
        if entry.state == "granted":
            reserve.confirm(turn, entry)
    answers.send_stale(turn)


def _deadline(turn: Turn, gate: Gate) -> None:
    """A deadline passed, by log time; one that is not due or not ours changes nothing."""
    del gate
    event: DeadlineDue = turn.record.event
    handler = DEADLINES.get(event.deadline)
    due = dict(deadlines(turn.state)).get(event.deadline)
    if handler is None or due != event.due or due > turn.now:
        return
    handler(turn)


def _answer_due(turn: Turn) -> None:
    silent = [silent_reason("the ledger has not answered; asked again")]
    if turn.state.phase == "released":
        answers.withdraw_release(turn, HoldReason.LEDGER_SILENT, silent[0].text, "-")
    else:
        turn.hold(silent)
    reserve.ask_again(turn, list(needs_of(turn.state)))


def _release_due(turn: Turn) -> None:
    answers.expire(turn, "valid_until has passed")


def _recheck_due(turn: Turn) -> None:
    turn.update(recheck_by=None)
    turn.hold([reason(HoldReason.LIST_STALE, "not determined again in time")])


def _recall_due(turn: Turn) -> None:
    for entry in turn.state.reservations:
        over = entry.recall_at is not None and entry.recall_at <= turn.now
        if entry.state == "leaving" and over:
            entries.void(turn, entry, "the recall window is over")
        elif entry.state == "granted" and over:
            adjust.shrink(turn, entry)


DEADLINES: Final[dict[str, Callable[[Turn], None]]] = {
    "answer": _answer_due,
    "release": _release_due,
    "recheck": _recheck_due,
    "recall": _recall_due,
}


def deadlines(state: OrderState) -> list[tuple[str, datetime]]:
    """List the deadlines an order waits for."""
    found: list[tuple[str, datetime]] = []
    waiting = any(entry.state in entries.WAITING for entry in state.reservations)
    if state.answer_by is not None and waiting and not state.terminal:
        found.append(("answer", state.answer_by))
    if state.recheck_by is not None and not state.terminal:
        found.append(("recheck", state.recheck_by))
    if state.recall_at is not None:
        found.append(("recall", state.recall_at))
    release = state.release
    if state.phase == "released" and release is not None and release.time_basis == "log":
        found.append(("release", release.valid_until))
    return found


def forget(entity: Model) -> datetime | None:
    """An order that ended 30 days ago is forgotten; a late event of it is too old to be decided."""
    if not isinstance(entity, OrderState) or not entity.terminal or entity.closed_at is None:
        return None
    if any(entry.state == "leaving" for entry in entity.reservations):
        return None
    return entity.closed_at + KEPT


Handler = Callable[[Turn, Gate], None]

HANDLERS: Final[dict[type, Handler]] = {
    OrderAssessed: _assessed,
    Unreadable: _unreadable,
    ReservationGranted: lambda turn, _: answers.granted(turn),
    ReservationRefused: lambda turn, _: answers.refused(turn),
    ReservationWithdrawn: lambda turn, _: answers.withdrawn(turn),
    ReservationPosted: lambda turn, _: answers.posted(turn),
    OfficerDecided: lambda turn, _: officers.decided(turn, progress),
    RecheckWanted: _recheck_wanted,
    ReleaseStale: _stale,
    DeadlineDue: _deadline,
    OrderCancelled: lambda turn, _: cancel.cancelled(turn),
    OrderShipped: lambda turn, _: ship.shipped(turn),
    OrderReturned: lambda turn, _: ship.returned(turn),
}
