"""The ledger's answers to the gate, addressed to the order they concern."""

from typing import Any, Literal

from schemas.base import Model
from schemas.checks import (
    OfReservation,
    ReservationGranted,
    ReservationPosted,
    ReservationRefused,
    ReservationWithdrawn,
)
from schemas.decisions import HoldReason
from schemas.envelope import Output, Recorded, output_id
from schemas.topics import CHECKS
from services.license_check.book import License, Reservation


def _output(record: Recorded[Model], kind: str, event: Any) -> Output:
    return Output(CHECKS.name, event.key, output_id(record, kind, event.reservation_id), event)


def _head(asked: OfReservation, record: Recorded[Model]) -> dict[str, Any]:
    """Fill what every answer carries: ids, and where in the ledger it was given."""
    return {
        "order_source": asked.order_source,
        "order_id": asked.order_id,
        "revision": asked.revision,
        "check": asked.check,
        "reservation_id": asked.reservation_id,
        "request_id": asked.request_id,
        "license_id": asked.license_id,
        "line_id": getattr(asked, "line_id", None) or "-",
        "regime": getattr(asked, "regime", None) or "-",
        "ledger_partition": record.partition,
        "ledger_offset": record.offset,
    }


def granted(
    record: Recorded[Any],
    reservation: Reservation,
    result: Literal["granted", "exists", "confirmed"],
    before: License,
    after: License,
) -> Output:
    """Say that a reservation stands, and what it left on the license."""
    request = reservation.request
    assert request is not None, "only a request is granted"
    assert reservation.valid_to is not None, "a grant has a validity"
    head = _head(record.event, record) | {"line_id": request.line_id, "regime": request.regime}
    event = ReservationGranted(
        **head,
        result=result,
        quantity=reservation.quantity,
        unit=reservation.unit,
        value=reservation.value,
        currency=reservation.currency,
        valid_to=reservation.valid_to,
        balance_before=before.balance(),
        balance_after=after.balance(),
    )
    return _output(record, "granted", event)


def refused(
    record: Recorded[Any],
    asked: OfReservation,
    reason: HoldReason,
    text: str,
    result: str | None = None,
) -> Output:
    """Say that nothing was reserved, and why."""
    head = _head(asked, record)
    return _output(
        record, "refused", ReservationRefused(**head, result=result, reason=reason, text=text)
    )


def repeated(record: Recorded[Any], known: Reservation, license_: License) -> Output:
    """Answer a request that was seen before: it exists, was let go, or says something else."""
    if known.request is None or known.state == "closed":
        return refused(record, record.event, HoldReason.NO_LICENSE, "voided before", "voided")
    if known.state == "withdrawn":
        return refused(record, record.event, HoldReason.LICENSE_REVOKED, "withdrawn", "withdrawn")
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
    assert known.request is not None, "checked by the caller"
    ignored = {"request_id": request.request_id, "answer_by": request.answer_by}
    return bool(known.request.model_copy(update=ignored) == request)


def withdrawn(
    record: Recorded[Any], reservation_id: str, reservation: Reservation, reason: HoldReason
) -> Output:
    """Say that a reservation no longer stands."""
    request = reservation.request
    assert request is not None, "only an open reservation is withdrawn"
    assert request.reservation_id == reservation_id, "reservations are filed under their id"
    event = ReservationWithdrawn(
        **_head(request, record), reason=reason, text=f"{request.license_id}: {reason}"
    )
    return _output(record, "withdrawn", event)


def posted(
    record: Recorded[Any],
    asked: OfReservation,
    operation: Literal["adjust", "settle", "void"],
    result: str,
    before: License,
    after: License | None = None,
) -> Output:
    """Answer an adjust, settle or void, with an overdraft where there is one."""
    now = before if after is None else after
    event = ReservationPosted(
        **_head(asked, record),
        operation=operation,
        result=result,
        overdrawn=now.overdraft(),
        balance_before=before.balance(),
        balance_after=now.balance(),
    )
    return _output(record, "posted", event)
