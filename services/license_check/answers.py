"""The ledger's answers to the gate, addressed to the order they concern."""

from datetime import date
from typing import Any, Final, Literal

from schemas.base import Model, assembled, built, changed
from schemas.checks import (
    Measured,
    OfReservation,
    ReservationGranted,
    ReservationPosted,
    ReservationRefused,
    ReservationWithdrawn,
)
from schemas.decisions import HoldReason
from schemas.envelope import Output, Recorded, derived_id, output_id
from schemas.fold import Saying, later
from schemas.licenses import LicenseEventRefused
from schemas.topics import CHECKS, LICENSES
from services.license_check.book import License, Reservation

ALL_BACK: Final = "all that was set aside left, came back and was credited"
"""A grant of nothing is none; its readers would not take it for one."""
Operation = Literal["adjust", "settle", "void", "return"]


def _output(record: Recorded[Any], kind: str, event: Model) -> Output:
    own = event.__dict__
    answer_id = derived_id(record.source, record.id, kind, own["reservation_id"])
    return Output(CHECKS.name, f"{own['order_source']}/{own['order_id']}", answer_id, event)


def _head(
    asked: OfReservation, record: Recorded[Any], line_id: str = "-", regime: str = "-"
) -> dict[str, Any]:
    """Fill what every answer carries: ids, and where in the ledger it was given.

    A request names its line and regime itself; of the others only the reservation knows them.
    """
    own = asked.__dict__
    return {
        "order_source": own["order_source"],
        "order_id": own["order_id"],
        "revision": own["revision"],
        "check": own["check"],
        "reservation_id": own["reservation_id"],
        "request_id": own["request_id"],
        "license_id": own["license_id"],
        "line_id": own.get("line_id", line_id),
        "regime": own.get("regime", regime),
        "ledger_partition": record.partition,
        "ledger_offset": record.offset,
    }


@later
def granted(
    record: Recorded[Any],
    reservation: Reservation,
    result: Literal["granted", "exists", "confirmed"],
    before: License,
    after: License,
) -> Output:
    """Say that a reservation stands, and what it left on the license."""
    return _granted(record, record.event, reservation, result, before, after)


@later
def shortened(
    record: Recorded[Any], reservation: Reservation, before: License, after: License
) -> Output:
    """Say, unasked, that a reservation stands, and no longer until when it was granted."""
    request = reservation.request
    assert request is not None, "only a request is granted"
    return _granted(record, request, reservation, "confirmed", before, after)


def _granted(
    record: Recorded[Any],
    asked: OfReservation,
    reservation: Reservation,
    result: str,
    before: License,
    after: License,
) -> Output:
    request = reservation.request
    assert request is not None, "only a request is granted"
    assert reservation.valid_to is not None, "a grant has a validity"
    fields = {
        **_head(asked, record, request.line_id, request.regime),
        "result": result,
        "quantity": reservation.quantity,
        "unit": reservation.unit,
        "value": reservation.value,
        "currency": reservation.currency,
        "stated": _other_side(reservation),
        "over_percent": after.terms.over_percent if after.terms else None,
        "under_percent": after.terms.under_percent if after.terms else None,
        "valid_to": reservation.valid_to,
        "balance_before": before.left().balance,
        "balance_after": after.left().balance,
    }
    event = assembled(ReservationGranted, fields)
    return _output(record, "granted", event)


def _other_side(reservation: Reservation) -> Measured | None:
    """Say what a grant is in the line's own measure, where that is not what was first asked."""
    asked = reservation.request
    assert asked is not None, "only a request is granted"
    same = (asked.unit, asked.currency) == (reservation.unit, reservation.currency)
    as_asked = reservation.stated_quantity is None and not reservation.adjusted
    return None if same and as_asked else reservation.stated()


@later
def refused(
    record: Recorded[Any],
    asked: OfReservation,
    reason: HoldReason,
    text: str,
    result: str | None = None,
) -> Output:
    """Say that nothing was reserved, and why."""
    event = built(
        ReservationRefused, **_head(asked, record), result=result, reason=reason, text=text
    )
    return _output(record, "refused", event)


def repeated(record: Recorded[Any], known: Reservation, license_: License) -> Saying:
    """Answer a request that was seen before: it exists, was let go, or says something else."""
    if known.request is None or known.state == "closed":
        return refused(record, record.event, HoldReason.NO_LICENSE, "voided before", "voided")
    if known.state == "withdrawn":
        return refused(record, record.event, HoldReason.LICENSE_REVOKED, "withdrawn", "withdrawn")
    if not known.quantity:
        return refused(record, record.event, HoldReason.LICENSE_EXHAUSTED, ALL_BACK, "returned")
    if not _same_facts(known, record.event):
        return refused(
            record,
            record.event,
            HoldReason.EVENT_CONFLICT,
            "the same reservation with other facts",
            "exists_with_different_facts",
        )
    return granted(record, known, "exists", license_, license_)


def _same_facts(known: Reservation, request: Any) -> bool:
    """Compare all but the time of asking; once adjusted, the totals have moved on."""
    assert known.request is not None, "checked by the caller"
    ignored = {"request_id": request.request_id, "answer_by": request.answer_by}
    if known.adjusted:
        moved = (
            "quantity", "net_weight", "gross_weight", "value", "order_value", "conversions",
        )  # fmt: skip
        ignored |= {name: getattr(request, name) for name in moved}
    return bool(changed(known.request, **ignored) == request)


@later
def withdrawn(
    record: Recorded[Any],
    reservation_id: str,
    reservation: Reservation,
    reason: HoldReason,
    text: str = "",
) -> Output:
    """Say that a reservation no longer stands."""
    request = reservation.request
    assert request is not None, "only an open reservation is withdrawn"
    assert request.reservation_id == reservation_id, "reservations are filed under their id"
    words = f"{request.license_id}: {text or reason}"
    event = built(ReservationWithdrawn, **_head(request, record), reason=reason, text=words)
    return _output(record, "withdrawn", event)


@later
def posted(  # noqa: PLR0913 - what a posting says, each by name
    record: Recorded[Any],
    asked: OfReservation,
    operation: Operation,
    result: str,
    before: License,
    after: License | None = None,
    *,
    text: str | None = None,
    sides: tuple[Measured, Measured] | None = None,
    breaches: tuple[str, ...] = (),
    report_by: date | None = None,
) -> Output:
    """Answer an adjust, settle, void or return, with an overdraft where there is one.

    `sides`: what the order states, and what the license counts; none where they are one measure.
    """
    now = before if after is None else after
    left = now.left()
    fields = {
        **_head(asked, record),
        "operation": operation,
        "result": result,
        "text": text,
        "stated": sides[0] if sides else None,
        "drawn": sides[1] if sides else None,
        "breaches": breaches or None,
        "report_by": report_by,
        "overdrawn": left.overdraft(),
        "balance_before": before.left().balance,
        "balance_after": left.balance,
    }
    event = assembled(ReservationPosted, fields)
    return _output(record, "posted", event)


@later
def not_applied(record: Recorded[Model], license_id: str, result: str, text: str) -> Output:
    """Say that an event on a license was not applied, and why."""
    event = built(
        LicenseEventRefused,
        license_id=license_id,
        event=type(record.event).__name__,
        event_id=record.id,
        result=result,
        text=text,
        ledger_partition=record.partition,
        ledger_offset=record.offset,
    )
    return Output(LICENSES.name, record.key, output_id(record, "not-applied"), event)
