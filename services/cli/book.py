"""What the command line knows of licenses and orders: the logs read to their end and folded."""

from dataclasses import dataclass
from typing import Any

from schemas.base import Model
from schemas.decisions import Decided
from schemas.fold import Partition
from schemas.topics import DECISIONS, LICENSES
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
