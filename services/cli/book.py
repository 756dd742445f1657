"""What the command line knows of licenses and orders: the logs read to their end and folded."""

from dataclasses import dataclass
from typing import Any

from schemas.base import Model, plain
from schemas.checks import OfReservation, OrderAssessed
from schemas.decisions import Decided
from schemas.envelope import Recorded
from schemas.fold import Partition, Step
from schemas.topics import CHECKS, DECISIONS, LICENSES
from services.license_check import ledger
from services.license_check.book import LICENSE, License, Reservation
from services.runtime.client import Client, events


@dataclass(frozen=True, slots=True)
class Held:
    """A license with what is reserved on it."""

    license: License
    reservations: dict[str, Reservation]


def licenses(client: Client) -> dict[str, Held]:
    """Fold the ledger from its log: the same fold, so the same balances."""
    aggregates: dict[str, dict[str, Model]] = {}
    partitions: dict[int, Partition] = {}
    for one in client.read_all(LICENSES):
        record = one.record
        if not record.key:
            continue
        known = partitions.get(record.partition, Partition(record.partition))
        aggregate = aggregates.setdefault(record.key, {})
        step = ledger.fold(aggregate, record, known.at(record.logged_at))
        partitions[record.partition] = step.partition
        aggregate.update({name: e for name, e in step.changes.items() if e is not None})
    return {
        key: Held(root, {n: e for n, e in entities.items() if isinstance(e, Reservation)})
        for key, entities in sorted(aggregates.items())
        if isinstance(root := entities.get(LICENSE), License)
    }


def usage(client: Client, license_id: str) -> tuple[Held | None, list[dict[str, Any]]]:
    """Fold one license, and tell what each record of its log did to it."""
    aggregate: dict[str, Model] = {}
    partition = Partition(0)
    history: list[dict[str, Any]] = []
    for one in client.read_key(LICENSES, license_id):
        record = one.record
        step = ledger.fold(aggregate, record, partition.at(record.logged_at))
        partition = step.partition
        aggregate.update({name: e for name, e in step.changes.items() if e is not None})
        history.append(_did(record, step, aggregate.get(LICENSE)))
    root = aggregate.get(LICENSE)
    if not isinstance(root, License):
        return None, history
    return Held(root, {n: e for n, e in aggregate.items() if isinstance(e, Reservation)}), history


def _did(record: Recorded[Any], step: Step, after: Model | None) -> dict[str, Any]:
    """Put one record of a license's log in a row."""
    event = record.event
    answer = step.outputs[0].event if step.outputs else None
    left = after.balance() if isinstance(after, License) else None
    order = f"{event.order_source}/{event.order_id}" if isinstance(event, OfReservation) else None
    said = getattr(answer, "result", None) or getattr(answer, "reason", None)
    return {
        "offset": record.offset,
        "time": record.logged_at.isoformat(timespec="seconds"),
        "event": type(event).__name__,
        "order": order,
        "quantity": _plain(getattr(event, "quantity", None)),
        "unit": getattr(event, "unit", None),
        "value": _plain(getattr(event, "value", None)),
        "currency": getattr(event, "currency", None),
        "officer": getattr(event, "officer", None),
        "document": getattr(event, "document", None),
        "result": said,
        "remaining": _plain(left.quantity if left else None),
        "remaining_value": _plain(left.value if left else None),
    }


def _plain(amount: Any) -> str | None:
    return None if amount is None else plain(amount)


def unfit(client: Client, decision: Decided) -> list[dict[str, str]]:
    """List each license that does not fit a decided order, why, and what would make it fit."""
    determined = {
        (event.revision, event.check): event
        for one in client.read_key(CHECKS, decision.key)
        if isinstance(event := one.record.event, OrderAssessed)
    }
    found = determined.get((decision.revision, decision.check))
    return [
        {"line_id": line.line_id, "regime": regime, **miss.model_dump()}
        for line in (found.lines if found else ())
        for regime, assessed in line.regimes.items()
        for miss in assessed.unfit
    ]


def decisions(client: Client) -> dict[str, Any]:
    """The standing decision of every order: the highest `seq` wins."""
    latest: dict[str, Any] = {}
    for record in events(client.read_all(DECISIONS)):
        event = record.event
        if not isinstance(event, Decided):
            continue
        known = latest.get(record.key)
        if known is None or event.seq > known.seq:
            latest[record.key] = event
    return latest
