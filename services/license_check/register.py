"""The license itself in the ledger: granted, amended, suspended, revoked, unreadable, expired.

Whatever ends a license's standing answers every open reservation that no longer stands.
"""

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.base import Model
from schemas.checks import DeadlineDue
from schemas.decisions import HoldReason
from schemas.envelope import Output, Recorded
from schemas.fold import Partition
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseGranted,
    LicenseReinstated,
    LicenseResolved,
    LicenseRevoked,
    LicenseSuspended,
    LicenseTerms,
)
from schemas.regimes import ZONES
from services.license_check import answers
from services.license_check.book import (
    LICENSE,
    ZERO,
    Aggregate,
    Change,
    Effect,
    License,
    Reservation,
    clock_of,
    days_of,
)
from services.license_check.coverage import Refusal, coverage, facts_of


def granted(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Enter a license. The same number with other content is a fault: nothing is granted on it."""
    event: LicenseGranted = record.event
    terms = _terms(event)
    if license_.terms is None:
        entered = license_.model_copy(
            update={"terms": terms, "amendment": max(license_.amendment, event.amendment)}
        )
        return {LICENSE: entered}, []
    if license_.terms == terms or license_.amendment > event.amendment:
        return {}, []
    conflicting = license_.model_copy(update={"conflict": True})
    return _withdraw(conflicting, aggregate, record, partition)


def _terms(event: LicenseTerms) -> LicenseTerms:
    return LicenseTerms.model_validate(
        {name: getattr(event, name) for name in LicenseTerms.model_fields}
    )


def amended(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    event: LicenseAmended = record.event
    terms = _terms(event)
    if event.amendment < license_.amendment:
        return {}, []
    if event.amendment == license_.amendment and license_.terms not in (None, terms):
        conflicting = license_.model_copy(update={"conflict": True})
        return _withdraw(conflicting, aggregate, record, partition)
    amended = license_.model_copy(
        update={"terms": terms, "amendment": event.amendment, "expired": False}
    )
    return _withdraw(amended, aggregate, record, partition)


_CHANGES: Final = {
    LicenseSuspended: "suspended",
    LicenseReinstated: "active",
    LicenseRevoked: "revoked",
}


def changed(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    event = record.event
    change = Change(
        state=_CHANGES[type(event)],
        effective_at=event.effective_at,
        amendment=event.amendment,
        applied=event.effective_at <= partition.log_time,
    )
    if any(
        (c.state, c.effective_at, c.amendment)
        == (change.state, change.effective_at, change.amendment)
        for c in license_.changes
    ):
        return {}, []
    ordered = sorted((*license_.changes, change), key=lambda c: (c.amendment, c.effective_at))
    changed = license_.model_copy(
        update={
            "changes": tuple(ordered),
            "amendment": max(license_.amendment, event.amendment),
        }
    )
    return _withdraw(changed, aggregate, record, partition)


def unreadable(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """A record of this license could not be read: it may have been a revocation."""
    offsets = (*license_.unreadable_offsets, record.offset)
    unknown = license_.model_copy(update={"unreadable_offsets": offsets})
    return _withdraw(unknown, aggregate, record, partition)


def resolved(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    del aggregate, partition
    event: LicenseResolved = record.event
    left = tuple(at for at in license_.unreadable_offsets if at != event.unreadable_offset)
    return {LICENSE: license_.model_copy(update={"unreadable_offsets": left})}, []


def balance_adjusted(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """An officer corrects what is used (negative: credit), naming the authority's document."""
    event: BalanceAdjusted = record.event
    terms = license_.terms
    same_unit = event.unit is None or (terms and event.unit == terms.unit)
    same_currency = event.currency is None or (terms and event.currency == terms.currency)
    if event.adjustment_id in license_.adjustments or not (same_unit and same_currency):
        return {}, []
    adjusted = license_.model_copy(
        update={
            "used_quantity": max(license_.used_quantity + (event.quantity or ZERO), ZERO),
            "used_value": max(license_.used_value + (event.value or ZERO), ZERO),
            "adjustments": (*license_.adjustments, event.adjustment_id),
        }
    )
    return _withdraw(adjusted, aggregate, record, partition)


def deadline(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """A change took effect, or the license expired: log time tells, not the event."""
    event: DeadlineDue = record.event
    if event.due > partition.log_time:
        return {}, []
    changes = tuple(
        change.model_copy(update={"applied": True})
        if change.effective_at <= partition.log_time
        else change
        for change in license_.changes
    )
    over = _expiry(license_)
    marked = license_.model_copy(
        update={
            "changes": changes,
            "expired": over is not None and over <= partition.log_time,
        }
    )
    return _withdraw(marked, aggregate, record, partition)


def _withdraw(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Answer every open reservation that no longer stands; its quantity stays set aside.

    A license that shrank below what is reserved lets go of the newest first.
    """
    changes: dict[str, Model | None] = {LICENSE: license_}
    outputs: list[Output] = []
    opened = [
        (name, entity)
        for name, entity in aggregate.items()
        if isinstance(entity, Reservation) and entity.state != "closed"
    ]
    excess, excess_value = license_.remaining_quantity, license_.remaining_value
    for _, entity in opened:
        if entity.state == "withdrawn":
            excess, excess_value = _freed(excess, excess_value, entity)
    # By offset, not as the aggregate lists them: Redis gives entities back in any order.
    for name, entity in sorted(opened, key=lambda found: -found[1].granted_offset):
        if entity.state != "open":
            continue
        reason = _no_longer(license_, entity, partition)
        if reason is None and _is_short(excess, excess_value):
            reason = HoldReason.LICENSE_EXHAUSTED
        if reason is not None:
            excess, excess_value = _freed(excess, excess_value, entity)
            changes[name] = entity.model_copy(update={"state": "withdrawn"})
            outputs.append(answers.withdrawn(record, name, entity, reason))
    return changes, outputs


def _freed(
    quantity: Decimal | None, value: Decimal | None, reservation: Reservation
) -> tuple[Decimal | None, Decimal | None]:
    """Count a withdrawn reservation as given back, for it will be: nobody else need go for it."""
    return (
        None if quantity is None else quantity + reservation.open_quantity,
        None if value is None else value + reservation.open_value,
    )


def _is_short(quantity: Any, value: Any) -> bool:
    return (quantity is not None and quantity < ZERO) or (value is not None and value < ZERO)


def _no_longer(
    license_: License, reservation: Reservation, partition: Partition
) -> HoldReason | None:
    request = reservation.request
    if request is None or license_.terms is None:
        return HoldReason.LICENSE_UNKNOWN
    state = license_.refusal_at(clock_of(request, partition))
    if state is not None:
        return state
    facts = facts_of(request, days_of(request, partition.log_time))
    covered = coverage(license_.terms, facts)
    return covered.reason if isinstance(covered, Refusal) else None


def deadlines(license_: License) -> list[tuple[str, datetime]]:
    """List when a change takes effect, and when the license expires."""
    over = _expiry(license_)
    found = [] if over is None or license_.expired else [("license_expired", over)]
    ahead = [change.effective_at for change in license_.changes if not change.applied]
    return [*found, ("license_effective", min(ahead))] if ahead else found


def _expiry(license_: License) -> datetime | None:
    """End of the license's last day, in its regime's zone."""
    if license_.terms is None:
        return None
    after = license_.terms.valid_to + timedelta(days=1)
    return datetime.combine(after, time(), ZONES.get(license_.terms.regime, ZONES["CN"]))
