"""The ledger: one owner per license applies reservations in log order. Pure and total.

Conservation holds at every offset, in quantity and in value:
authorized = used + reserved + remaining - overdrawn, and nothing is granted beyond authorized.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any, Final

from schemas.base import Model, assembled, changed, plain
from schemas.checks import (
    DeadlineDue,
    ReservationAdjusted,
    ReservationConfirmRequested,
    ReservationReleased,
    ReservationRequested,
    ReservationReturned,
    ReservationSettled,
    ReservationVoided,
    Unreadable,
)
from schemas.decisions import HoldReason
from schemas.envelope import Recorded
from schemas.fold import Partition, Said, Step, count_exactly
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseGranted,
    LicenseReinstated,
    LicenseResolved,
    LicenseRevoked,
    LicenseSuspended,
)
from services.license_check import alerts, answers, register, settling
from services.license_check.book import (
    LICENSE,
    STATE_REASONS,
    ZERO,
    Aggregate,
    Effect,
    License,
    Reservation,
    clock_of,
    days_of,
)
from services.license_check.conditions import shipments_max
from services.license_check.coverage import coverage
from services.license_check.facts import Draw, Refusal
from services.license_check.parts import part_of
from services.license_check.posting import posted

ADJUSTED_KEPT: Final = 16
"""Requests to adjust one reservation that are remembered, so that a duplicate undoes nothing."""

_FRESH: Final = Reservation(state="open").__dict__
KEPT: Final = timedelta(days=7)
KEPT_SHIPPED: Final = timedelta(days=180)


def fold(aggregate: Aggregate, record: Recorded[Any], partition: Partition) -> Step:
    """Apply one record of `licenses` to the license it concerns."""
    handler = HANDLERS.get(type(record.event))
    if handler is None:
        return Step(partition)
    count_exactly()
    known = aggregate.get(LICENSE)
    license_ = known if isinstance(known, License) else License(license_id=record.key, terms=None)
    changes, outputs = handler(license_, aggregate, record, partition)
    after = changes.get(LICENSE)
    if isinstance(after, License):
        _assert_conserved(after, alone=len(aggregate) + len(changes) <= 1)
        watched, warnings = alerts.watched(after, record)
        if warnings:
            changes[LICENSE] = watched
            outputs += warnings
    return Step(partition, changes, Said(outputs))


def _reservation(aggregate: Aggregate, reservation_id: str) -> Reservation | None:
    found = aggregate.get(reservation_id)
    return found if isinstance(found, Reservation) else None


def _assert_conserved(license_: License, *, alone: bool) -> None:
    """Reserved never falls below zero; a license without reservations has nothing reserved."""
    own = license_.__dict__
    assert own["reserved_quantity"] >= ZERO, "reserved quantity below zero"
    assert own["reserved_value"] >= ZERO, "reserved value below zero"
    assert not (alone and own["reserved_quantity"]), "reserved without a reservation"


def _request(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    request: ReservationRequested = record.event
    name = request.reservation_id
    known = aggregate.get(name)
    if isinstance(known, Reservation):
        return {}, [answers.repeated(record, known, license_)]
    judged = judge(license_, request, partition)
    if isinstance(judged, Refusal):
        return {}, [answers.refused(record, request, judged.reason, judged.change)]
    part = part_of(license_, request, judged)
    if isinstance(part, Refusal):
        return {}, [answers.refused(record, request, part.reason, part.change)]
    assert license_.terms is not None, "judged above"
    drawn = part.draw
    fields = {
        "request": request,
        "state": "open",
        "quantity": drawn.quantity,
        "unit": drawn.unit,
        "value": drawn.value,
        "currency": drawn.currency,
        "stated_quantity": part.quantity,
        "stated_value": part.value,
        "documents": drawn.documents,
        "released": bool(request.alone) and part.quantity is None,
        "valid_to": _last_day(license_.terms.valid_to, drawn),
        "granted_offset": record.offset,
    }
    reservation = assembled(Reservation, {**_FRESH, **fields})
    after = posted(license_, None, reservation)
    answer = answers.granted(record, reservation, "granted", license_, after)
    return {LICENSE: after, name: reservation}, [answer]


def _last_day(valid_to: date, draw: Draw) -> date:
    """Tell when a grant ends: with the license, or with a document it was granted on."""
    return valid_to if draw.valid_until is None else min(valid_to, draw.valid_until)


def _released(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """A release rests on a reservation: it is among the last to go where the license shrinks."""
    del license_, partition
    known = _reservation(aggregate, record.event.reservation_id)
    if known is None or known.released or known.state != "open":
        return {}, []
    return {record.event.reservation_id: changed(known, released=True)}, []


def judge(license_: License, request: ReservationRequested, partition: Partition) -> Draw | Refusal:
    """Decide a request on the license as it stands at this offset, but for what remains of it."""
    state = license_.state_at(clock_of(request, partition))
    if state in STATE_REASONS:
        return Refusal(STATE_REASONS[state], f"the license is {state}")
    terms = license_.terms
    assert terms is not None, "a license without terms is unknown"
    days = days_of(request, partition.log_time)
    covered = coverage(terms, request, days, license_.documents)
    if isinstance(covered, Refusal):
        return covered
    limit = shipments_max(terms)
    if limit is not None:
        others = len(license_.open_orders.keys() - {request.key})
        if license_.shipments_made + others >= limit:
            text = f"{limit} shipments are allowed; {limit} are made or set aside"
            return Refusal(HoldReason.LICENSE_EXHAUSTED, text)
    return covered


def _confirm(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    asked: ReservationConfirmRequested = record.event
    known = _reservation(aggregate, asked.reservation_id)
    if known is None or known.request is None or known.state != "open":
        return {}, [answers.refused(record, asked, HoldReason.NO_LICENSE, "no such reservation")]
    if not known.quantity:
        return {}, [answers.refused(record, asked, HoldReason.LICENSE_EXHAUSTED, answers.ALL_BACK)]
    reason = license_.refusal_at(clock_of(known.request, partition))
    if reason is not None:
        return {}, [answers.refused(record, asked, reason, "the license no longer stands")]
    return {}, [answers.granted(record, known, "confirmed", license_, license_)]


def _adjust(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Set new totals. Upwards only within what remains; nothing is applied in part."""
    asked: ReservationAdjusted = record.event
    known = _reservation(aggregate, asked.reservation_id)
    if known is None or known.request is None or known.state != "open":
        return {}, [answers.posted(record, asked, "adjust", "no_such_reservation", license_)]
    if asked.request_id in known.adjusted:
        sides = settling.both_sides(known)
        return {}, [answers.posted(record, asked, "adjust", "exists", license_, sides=sides)]
    request = changed(
        known.request,
        quantity=asked.quantity,
        net_weight=asked.net_weight or known.request.net_weight,
        gross_weight=asked.gross_weight or known.request.gross_weight,
        value=asked.value,
        order_value=asked.order_value or known.request.order_value,
        conversions=asked.conversions or known.request.conversions,
        answer_by=partition.log_time if asked.conversions else known.request.answer_by,
    )
    judged = judge(_without(license_, known), request, partition)
    short = judged if isinstance(judged, Refusal) else _short(license_, known, judged)
    if short is not None:
        answer = answers.posted(record, asked, "adjust", short.reason, license_, text=short.change)
        return {}, [answer]
    assert isinstance(judged, Draw), "a refusal was answered"
    assert license_.terms is not None, "judged above"
    ends = _last_day(license_.terms.valid_to, judged)
    after = changed(
        known,
        request=request,
        quantity=judged.quantity,
        unit=judged.unit,
        value=judged.value,
        currency=judged.currency,
        stated_quantity=None,
        stated_value=None,
        documents=judged.documents,
        valid_to=min(ends, known.valid_to or ends),
        adjusted=(*known.adjusted, asked.request_id)[-ADJUSTED_KEPT:],
    )
    moved = posted(license_, known, after)
    sides = settling.both_sides(after)
    told = [answers.posted(record, asked, "adjust", "adjusted", license_, moved, sides=sides)]
    if after.valid_to != known.valid_to:
        # More than one certificate suffices for is drawn under another, which may end earlier.
        told.append(answers.shortened(record, after, license_, moved))
    return {LICENSE: moved, asked.reservation_id: after}, told


def _without(license_: License, known: Reservation) -> License:
    """Take a reservation off the documents and orders it counts with: its new totals replace it."""
    if not (license_.documents or license_.open_orders):
        return license_
    gone = changed(known, state="closed", used_quantity=ZERO, used_value=ZERO)
    return posted(license_, known, gone)


def _short(license_: License, known: Reservation, judged: Draw) -> Refusal | None:
    """Tell whether more is wanted than remains. Less may always be had, however little is left."""
    value = judged.value or ZERO
    for wanted, used, held, left, unit in (
        (judged.quantity, known.used_quantity, known.open_quantity,
         license_.remaining_quantity, judged.unit),
        (value, known.used_value, known.open_value, license_.remaining_value, judged.currency),
    ):  # fmt: skip
        more = max(wanted - used, ZERO) - held
        if left is not None and more > max(left, ZERO):
            text = f"{plain(max(left, ZERO))} {unit} remain"
            return Refusal(HoldReason.LICENSE_EXHAUSTED, text)
    return None


def _void(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Give back what never left. An unknown one is remembered, and refuses the late request."""
    told: ReservationVoided = record.event
    known = _reservation(aggregate, told.reservation_id)
    if known is None:
        remembered = Reservation(request=None, state="closed", closed_at=partition.log_time)
        answer = answers.posted(record, told, "void", "remembered", license_)
        return {LICENSE: license_, told.reservation_id: remembered}, [answer]
    if known.state == "closed":
        return {}, [answers.posted(record, told, "void", "exists", license_)]
    after = changed(known, state="closed", closed_at=partition.log_time)
    freed = posted(license_, known, after)
    answer = answers.posted(record, told, "void", "voided", license_, freed)
    return {LICENSE: freed, told.reservation_id: after}, [answer]


def forget(entity: Model) -> datetime | None:
    """Tell when a closed reservation is forgotten: nothing more will be said of it by then.

    What shipped is kept longer, for the goods may come back.
    """
    if not isinstance(entity, Reservation) or entity.state != "closed" or entity.closed_at is None:
        return None
    return entity.closed_at + (KEPT_SHIPPED if entity.used_quantity else KEPT)


Handler = Callable[[License, Aggregate, Recorded[Any], Partition], Effect]

HANDLERS: Final[dict[type, Handler]] = {
    ReservationRequested: _request,
    ReservationReleased: _released,
    ReservationConfirmRequested: _confirm,
    ReservationAdjusted: _adjust,
    ReservationSettled: settling.settled,
    ReservationReturned: settling.returned,
    ReservationVoided: _void,
    LicenseGranted: register.granted,
    LicenseAmended: register.amended,
    LicenseSuspended: register.changed_state,
    LicenseReinstated: register.changed_state,
    LicenseRevoked: register.changed_state,
    LicenseResolved: register.resolved,
    BalanceAdjusted: register.balance_adjusted,
    DeadlineDue: register.deadline,
    Unreadable: register.unreadable,
}
