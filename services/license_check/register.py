"""The license's own events: entered, amended, suspended, revoked, corrected, over.

Each answers with ReservationWithdrawn for every open reservation that no longer stands. What is
withdrawn stays set aside until it is voided: a release rests on it, the goods may be on a truck.
An event that cannot be applied is not applied in any part, and says so (LicenseEventRefused).
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from schemas.base import Model, changed, plain
from schemas.checks import DeadlineDue
from schemas.decisions import HoldReason
from schemas.envelope import Recorded
from schemas.fold import Partition, Saying
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
from services.license_check import alerts, answers
from services.license_check.book import (
    LICENSE,
    ZERO,
    Aggregate,
    Change,
    Disputed,
    Effect,
    License,
    Reservation,
    clock_of,
    days_of,
)
from services.license_check.conditions import shipments_max
from services.license_check.coverage import coverage
from services.license_check.documents import Usage
from services.license_check.excess import Excess
from services.license_check.facts import Refusal
from services.license_check.posting import recounted
from services.license_check.terms import fault_of

Fault = tuple[str, str]


def granted(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Enter a license. The same number with other content is a fault: nothing is granted on it."""
    event: LicenseGranted = record.event
    terms = _terms(event)
    if license_.terms is None:
        fault = fault_of(license_, terms)
        if fault is not None:
            return {}, [answers.not_applied(record, license_.license_id, *fault)]
        entered = changed(
            license_,
            terms=terms,
            amendment=max(license_.amendment, event.amendment),
            terms_amendment=event.amendment,
        )
        return {LICENSE: entered}, []
    if license_.terms == terms or license_.amendment > event.amendment:
        return {}, []
    return _conflicting(license_, aggregate, record, partition)


def _conflicting(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Two contents under one number: neither is believed until an amendment states it whole."""
    text = "stated before, with other content"
    said = answers.not_applied(record, license_.license_id, "exists_with_other_content", text)
    if license_.conflict:
        return {}, [said]
    changes, outputs = withdraw(changed(license_, conflict=True), aggregate, record, partition)
    return changes, [said, *outputs]


def _terms(event: LicenseTerms) -> LicenseTerms:
    return LicenseTerms.model_validate(
        {name: getattr(event, name) for name in LicenseTerms.model_fields}
    )


def amended(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Take the whole license again, under a higher amendment; or, where it does not fit, nothing.

    An amendment that the books cannot take leaves the license unknown: its authority allows
    something else than was drawn, and nothing more is granted before that is cleared up.
    """
    event: LicenseAmended = record.event
    terms = _terms(event)
    if event.amendment < license_.amendment:
        text = f"amendment {event.amendment} comes after {license_.amendment}"
        return {}, [answers.not_applied(record, license_.license_id, "out_of_order", text)]
    if any(each.amendment == event.amendment for each in license_.disputed):
        return {}, []
    if event.amendment == license_.amendment and license_.terms is not None:
        if license_.terms == terms:
            return {}, []
        return _conflicting(license_, aggregate, record, partition)
    fault = fault_of(license_, terms)
    if fault is not None:
        return _dispute(license_, aggregate, record, partition, fault)
    taken = changed(
        license_,
        terms=terms,
        amendment=event.amendment,
        terms_amendment=event.amendment,
        conflict=False,
        disputed=(),
        expired=False,
        alerted_quantity=0,
        alerted_value=0,
        alerted_days=None,
    )
    before = None if license_.terms is None else shipments_max(license_.terms)
    if before is None and shipments_max(terms) is not None:
        taken = recounted(taken, _reservations(aggregate))
    why = f"amendment {event.amendment}"
    changes, outputs = withdraw(taken, aggregate, record, partition, why=why)
    return _shortened(license_, taken, aggregate, record, changes, outputs)


def _shortened(
    before: License,
    license_: License,
    aggregate: Aggregate,
    record: Recorded[Any],
    changes: dict[str, Model | None],
    outputs: list[Saying],
) -> Effect:
    """Tell every reservation that stands when the license now ends: no release may outlast it."""
    terms = license_.terms
    assert terms is not None, "an amendment has terms"
    standing = sorted(
        (
            (each.granted_offset, name, each)
            for name, each in aggregate.items()
            if isinstance(each, Reservation) and each.state == "open" and name not in changes
        ),
        key=lambda found: found[:2],
    )
    for _, name, reservation in standing:
        if reservation.valid_to is None or reservation.valid_to <= terms.valid_to:
            continue
        if not reservation.quantity:
            changes[name] = changed(reservation, state="withdrawn")
            exhausted = HoldReason.LICENSE_EXHAUSTED
            told = answers.withdrawn(record, name, reservation, exhausted, answers.ALL_BACK)
            outputs.append(told)
            continue
        shorter = changed(reservation, valid_to=terms.valid_to)
        changes[name] = shorter
        outputs.append(answers.shortened(record, shorter, before, license_))
    return changes, outputs


def _dispute(
    license_: License,
    aggregate: Aggregate,
    record: Recorded[Any],
    partition: Partition,
    fault: Fault,
) -> Effect:
    event: LicenseAmended = record.event
    said = answers.not_applied(record, license_.license_id, *fault)
    entry = Disputed(offset=record.offset, amendment=event.amendment, result=fault[0])
    doubted = changed(license_, disputed=(*license_.disputed, entry))
    changes, outputs = withdraw(doubted, aggregate, record, partition)
    return changes, [said, *outputs]


def _reservations(aggregate: Aggregate) -> Iterator[Reservation]:
    return (entity for entity in aggregate.values() if isinstance(entity, Reservation))


_CHANGES: Final = {
    LicenseSuspended: "suspended",
    LicenseReinstated: "active",
    LicenseRevoked: "revoked",
}


def changed_state(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Suspend, reinstate or revoke from a moment on; whatever its order, the record stays."""
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
    after = changed(
        license_,
        changes=tuple(ordered),
        amendment=max(license_.amendment, event.amendment),
    )
    return withdraw(after, aggregate, record, partition)


def unreadable(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """A record of this license could not be read: it may have been a revocation."""
    offsets = (*license_.unreadable_offsets, record.offset)
    unknown = changed(license_, unreadable_offsets=offsets)
    return withdraw(unknown, aggregate, record, partition)


def resolved(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """An officer's word on one record: it could not be read, or it was not applied."""
    del aggregate, partition
    event: LicenseResolved = record.event
    at = event.unreadable_offset
    unread = tuple(offset for offset in license_.unreadable_offsets if offset != at)
    disputed = tuple(each for each in license_.disputed if each.offset != at)
    if (unread, disputed) == (license_.unreadable_offsets, license_.disputed):
        text = f"nothing at offset {at} waits for an officer"
        return {}, [answers.not_applied(record, license_.license_id, "nothing_to_resolve", text)]
    return {LICENSE: changed(license_, unreadable_offsets=unread, disputed=disputed)}, []


def balance_adjusted(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """An officer corrects what is used (negative: credit), naming the authority's document."""
    event: BalanceAdjusted = record.event
    if event.adjustment_id in license_.adjustments:
        return {}, []
    fault = _adjustment_fault(license_, event)
    if fault is not None:
        return {}, [answers.not_applied(record, license_.license_id, *fault)]
    after = changed(
        license_,
        used_quantity=license_.used_quantity + (event.quantity or ZERO),
        used_value=license_.used_value + (event.value or ZERO),
        adjustments=(*license_.adjustments, event.adjustment_id),
    )
    why = f"corrected by {event.officer}: {event.document}"
    return withdraw(after, aggregate, record, partition, why=why)


def _adjustment_fault(license_: License, event: BalanceAdjusted) -> Fault | None:
    terms = license_.terms
    if event.quantity is not None and event.unit not in (None, terms.unit if terms else None):
        return "unit_mismatch", f"the license counts in {terms.unit if terms else 'nothing known'}"
    own = terms.currency if terms else None
    if event.value is not None and event.currency not in (None, own):
        return "currency_mismatch", f"the license is limited in {own or 'no currency'}"
    if license_.used_quantity + (event.quantity or ZERO) < ZERO:
        return "credit_beyond_used", f"{plain(license_.used_quantity)} is used"
    if license_.used_value + (event.value or ZERO) < ZERO:
        return "credit_beyond_used", f"{plain(license_.used_value)} {own} is used"
    return None


def deadline(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """A change took effect, the end is near, or it is over: log time tells, not the event."""
    event: DeadlineDue = record.event
    if event.due > partition.log_time:
        return {}, []
    changes = tuple(
        changed(change, applied=True) if change.effective_at <= partition.log_time else change
        for change in license_.changes
    )
    over = alerts.over_at(license_)
    marked = changed(
        license_,
        changes=changes,
        expired=over is not None and over <= partition.log_time,
    )
    marked, warnings = alerts.expiring(marked, record, partition.log_time)
    found, outputs = withdraw(marked, aggregate, record, partition)
    return found, [*outputs, *warnings]


def withdraw(
    license_: License,
    aggregate: Aggregate,
    record: Recorded[Any],
    partition: Partition,
    *,
    why: str = "",
) -> Effect:
    """Answer every open reservation that no longer stands; its quantity stays set aside.

    A license that shrank below what is reserved lets go first of what has not shipped in part and
    is not released, of those the newest first, and names in the answer what shrank it.
    """
    changes: dict[str, Model | None] = {LICENSE: license_}
    outputs: list[Saying] = []
    standing = [
        (name, entity)
        for name, entity in aggregate.items()
        if isinstance(entity, Reservation) and entity.state != "closed"
    ]
    excess = Excess(license_)
    for _, entity in standing:
        if entity.state == "withdrawn":
            excess.free(entity)
    # By offset, not as the aggregate lists them: Redis gives entities back in any order.
    for name, entity in sorted(standing, key=_last_to_keep):
        if entity.state != "open":
            continue
        reason, text = _no_longer(license_, entity, partition), ""
        if reason is None and (short := excess.short()):
            reason = HoldReason.LICENSE_EXHAUSTED
            text = f"{why or 'the license'} leaves {short} less than is reserved; newest goes first"
        if reason is not None:
            excess.free(entity)
            changes[name] = changed(entity, state="withdrawn")
            outputs.append(answers.withdrawn(record, name, entity, reason, text))
    return changes, outputs


def _last_to_keep(found: tuple[str, Reservation]) -> tuple[bool, bool, int]:
    """Sort what goes first to the front: what has not shipped, is not released, is the newest."""
    one = found[1]
    return bool(one.shipments), one.released, -one.granted_offset


def _no_longer(
    license_: License, reservation: Reservation, partition: Partition
) -> HoldReason | None:
    request = reservation.request
    if request is None or license_.terms is None:
        return HoldReason.LICENSE_UNKNOWN
    state = license_.refusal_at(clock_of(request, partition))
    if state is not None:
        return state
    days = days_of(request, partition.log_time)
    covered = coverage(license_.terms, request, days, license_.documents)
    if isinstance(covered, Refusal) and reservation.documents:
        covered = coverage(license_.terms, request, days, _of_others(license_, reservation, days))
    return covered.reason if isinstance(covered, Refusal) else None


def _of_others(license_: License, reservation: Reservation, days: tuple[date, ...]) -> Usage:
    """Tell what others drew under each document, so that its own draw is counted once more.

    Less than it asks for counts where a part was granted, or came back.
    """
    assert license_.terms is not None and reservation.request is not None, "checked by the caller"
    own = reservation.open_quantity + reservation.used_quantity
    asked = coverage(license_.terms, reservation.request, days)
    more = ZERO if isinstance(asked, Refusal) else max(asked.quantity - own, ZERO)
    others: dict[str, Decimal] = dict(license_.documents)
    for key in reservation.documents:
        others[key] = others.get(key, ZERO) - own - more
    return others


def deadlines(license_: License) -> list[tuple[str, datetime]]:
    """List when a change takes effect, when the end is near, and when the license is over."""
    over = alerts.over_at(license_)
    found = [] if over is None or license_.expired else [("license_expired", over)]
    warning = alerts.next_warning(license_)
    if warning is not None:
        found.append(("license_expiring", warning))
    ahead = [change.effective_at for change in license_.changes if not change.applied]
    return [*found, ("license_effective", min(ahead))] if ahead else found
