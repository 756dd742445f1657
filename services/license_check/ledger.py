"""The ledger: one owner per license applies reservations in log order. Pure and total.

Conservation holds at every offset, in quantity and in value:
authorized = used + reserved + remaining - overdrawn, and nothing is granted beyond authorized.
"""

from collections.abc import Callable
from typing import Any, Final

from schemas.checks import (
    DeadlineDue,
    ReservationAdjusted,
    ReservationConfirmRequested,
    ReservationRequested,
    ReservationSettled,
    ReservationVoided,
    Unreadable,
)
from schemas.decisions import HoldReason
from schemas.envelope import Recorded
from schemas.fold import Partition, Step
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseGranted,
    LicenseReinstated,
    LicenseResolved,
    LicenseRevoked,
    LicenseSuspended,
)
from services.license_check import answers, register
from services.license_check.book import (
    LICENSE,
    ZERO,
    Aggregate,
    Effect,
    License,
    Reservation,
    clock_of,
    days_of,
)
from services.license_check.coverage import Draw, Refusal, coverage, facts_of
from services.license_check.units import convert


def fold(aggregate: Aggregate, record: Recorded[Any], partition: Partition) -> Step:
    """Apply one record of `licenses` to the license it concerns."""
    handler = HANDLERS.get(type(record.event))
    if handler is None:
        return Step(partition)
    known = aggregate.get(LICENSE)
    license_ = known if isinstance(known, License) else License(license_id=record.key, terms=None)
    changes, outputs = handler(license_, aggregate, record, partition)
    for entity in changes.values():
        if isinstance(entity, License):
            _assert_conserved(entity, alone=len(aggregate) + len(changes) <= 1)
    return Step(partition, changes, tuple(outputs))


def _reservation(aggregate: Aggregate, reservation_id: str) -> Reservation | None:
    found = aggregate.get(reservation_id)
    return found if isinstance(found, Reservation) else None


def _assert_conserved(license_: License, *, alone: bool) -> None:
    """Reserved never falls below zero; a license without reservations has nothing reserved."""
    assert license_.reserved_quantity >= ZERO, "reserved quantity below zero"
    assert license_.reserved_value >= ZERO, "reserved value below zero"
    assert license_.reserved_quantity == ZERO or not alone, "reserved without a reservation"


# Reservations


def _request(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    request: ReservationRequested = record.event
    known = _reservation(aggregate, request.reservation_id)
    if known is not None:
        return {}, [answers.repeated(record, known, license_)]
    judged = judge(license_, request, partition)
    if isinstance(judged, Refusal):
        return {}, [answers.refused(record, request, judged.reason, judged.change)]
    granted = license_.model_copy(
        update={
            "reserved_quantity": license_.reserved_quantity + judged.quantity,
            "reserved_value": license_.reserved_value + (judged.value or ZERO),
        }
    )
    assert license_.terms is not None, "judged above"
    reservation = Reservation(
        request=request,
        state="open",
        quantity=judged.quantity,
        unit=judged.unit,
        value=judged.value,
        currency=judged.currency,
        valid_to=license_.terms.valid_to,
        granted_offset=record.offset,
    )
    answer = answers.granted(record, reservation, "granted", license_, granted)
    return {LICENSE: granted, request.reservation_id: reservation}, [answer]


def judge(license_: License, request: ReservationRequested, partition: Partition) -> Draw | Refusal:
    """Decide a request on the license as it stands at this offset."""
    state = license_.refusal_at(clock_of(request, partition))
    if state is not None or license_.terms is None:
        return Refusal(state or HoldReason.LICENSE_UNKNOWN, f"the license is {state}")
    covered = coverage(license_.terms, facts_of(request, days_of(request, partition.log_time)))
    if isinstance(covered, Refusal):
        return covered
    left, left_value = license_.remaining_quantity, license_.remaining_value
    if left is not None and left < covered.quantity:
        return Refusal(HoldReason.LICENSE_EXHAUSTED, f"{max(left, ZERO)} {covered.unit} remain")
    if left_value is not None and left_value < (covered.value or ZERO):
        return Refusal(
            HoldReason.LICENSE_EXHAUSTED, f"{max(left_value, ZERO)} {covered.currency} remain"
        )
    return covered


def _confirm(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    asked: ReservationConfirmRequested = record.event
    known = _reservation(aggregate, asked.reservation_id)
    if known is None or known.request is None or known.state != "open":
        return {}, [answers.refused(record, asked, HoldReason.NO_LICENSE, "no such reservation")]
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
    request = known.request.model_copy(update={"quantity": asked.quantity, "value": asked.value})
    others = _less(license_, known)
    judged = judge(_unused(others, known), request, partition)
    if isinstance(judged, Refusal):
        return {}, [answers.posted(record, asked, "adjust", judged.reason, license_)]
    changed = known.model_copy(
        update={"request": request, "quantity": judged.quantity, "value": judged.value}
    )
    after = _more(others, changed)
    answer = answers.posted(record, asked, "adjust", "adjusted", license_, after)
    return {LICENSE: after, asked.reservation_id: changed}, [answer]


def _less(license_: License, reservation: Reservation) -> License:
    """Take a reservation's open part off what is reserved."""
    return license_.model_copy(
        update={
            "reserved_quantity": license_.reserved_quantity - reservation.open_quantity,
            "reserved_value": license_.reserved_value - reservation.open_value,
        }
    )


def _unused(license_: License, reservation: Reservation) -> License:
    """Take off what has shipped of a reservation: new totals include it."""
    return license_.model_copy(
        update={
            "used_quantity": license_.used_quantity - reservation.used_quantity,
            "used_value": license_.used_value - reservation.used_value,
        }
    )


def _more(license_: License, reservation: Reservation) -> License:
    return license_.model_copy(
        update={
            "reserved_quantity": license_.reserved_quantity + reservation.open_quantity,
            "reserved_value": license_.reserved_value + reservation.open_value,
        }
    )


def _settle(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Goods left: used rises by what left, even beyond the reservation; that is an overdraft."""
    told: ReservationSettled = record.event
    known = _reservation(aggregate, told.reservation_id)
    if known is None or told.shipment_id in known.shipments:
        result = "no_such_reservation" if known is None else "exists"
        return {}, [answers.posted(record, told, "settle", result, license_)]
    shipped = convert(told.quantity, told.unit, told.net_weight, known.unit)
    result = "settled" if shipped is not None else "unit_unknown_settled_in_full"
    quantity = known.open_quantity if shipped is None else shipped
    value = told.value if told.value is not None else known.open_value
    closes = told.final and known.state != "closed"
    after = known.model_copy(
        update={
            "used_quantity": known.used_quantity + quantity,
            "used_value": known.used_value + value,
            "shipments": (*known.shipments, told.shipment_id),
            "state": "closed" if closes else known.state,
            "closed_at": partition.log_time if closes else known.closed_at,
        }
    )
    used = license_.model_copy(
        update={
            "used_quantity": license_.used_quantity + quantity,
            "used_value": license_.used_value + value,
        }
    )
    posted = _more(_less(used, known), after)
    answer = answers.posted(record, told, "settle", result, license_, posted)
    return {LICENSE: posted, told.reservation_id: after}, [answer]


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
    after = known.model_copy(update={"state": "closed", "closed_at": partition.log_time})
    freed = _less(license_, known)
    answer = answers.posted(record, told, "void", "voided", license_, freed)
    return {LICENSE: freed, told.reservation_id: after}, [answer]


Handler = Callable[[License, Aggregate, Recorded[Any], Partition], Effect]

HANDLERS: Final[dict[type, Handler]] = {
    ReservationRequested: _request,
    ReservationConfirmRequested: _confirm,
    ReservationAdjusted: _adjust,
    ReservationSettled: _settle,
    ReservationVoided: _void,
    LicenseGranted: register.granted,
    LicenseAmended: register.amended,
    LicenseSuspended: register.changed,
    LicenseReinstated: register.changed,
    LicenseRevoked: register.changed,
    LicenseResolved: register.resolved,
    BalanceAdjusted: register.balance_adjusted,
    DeadlineDue: register.deadline,
    Unreadable: register.unreadable,
}
