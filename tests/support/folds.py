"""Folds run by hand: one simulated partition, its log time, its entities, all it ever said."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from schemas.base import Model
from schemas.checks import (
    ReservationConfirmRequested,
    ReservationRequested,
    ReservationSettled,
    ReservationVoided,
)
from schemas.decisions import Decided
from schemas.envelope import Output, Recorded
from schemas.events import encode
from schemas.fold import Fold, Partition
from schemas.licenses import LicenseEventRefused
from schemas.orders import RecheckRequested
from schemas.topics import CHECKS, DECISIONS, LICENSES
from services.hold_release.gate import Gate
from services.hold_release.state import ORDER, OrderState
from services.license_check import ledger
from services.license_check.book import LICENSE, License, Reservation
from tests.support.builders import KEY, SECOND, T0, recorded

E = TypeVar("E", bound=Model)


@dataclass
class FoldRun:
    """One partition of a fold. `say` appends an event and folds it."""

    fold: Fold
    topic: str
    key: str
    now: datetime = T0
    partition: Partition = field(default_factory=lambda: Partition(0))
    aggregates: dict[str, dict[str, Model]] = field(default_factory=dict)
    log: list[Recorded[Any]] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)

    def say(
        self,
        event: Model,
        *,
        after: timedelta = SECOND,
        event_id: str | None = None,
        key: str | None = None,
    ) -> tuple[Output, ...]:
        """Append an event some time after the last, and fold it."""
        self.now += after
        record = recorded(
            event,
            key or self.key,
            topic=self.topic,
            offset=len(self.log),
            at=self.now,
            event_id=event_id,
        )
        return self.take(record)

    def take(self, record: Recorded[Any]) -> tuple[Output, ...]:
        """Fold a record as it stands."""
        self.log.append(record)
        aggregate = shuffled(self.aggregates.get(record.key, {}))
        before = {name: entity.model_dump_json() for name, entity in aggregate.items()}
        step = self.fold(aggregate, record, self.partition.at(record.logged_at))
        assert before == {n: e.model_dump_json() for n, e in aggregate.items()}, "fold is not pure"
        self.partition = step.partition
        for name, entity in step.changes.items():
            kept = self.aggregates.setdefault(record.key, {})
            if entity is None:
                kept.pop(name, None)
            else:
                kept[name] = again(entity)
        self.outputs += step.outputs
        return tuple(step.outputs)

    def repeat(self, at: int = -1) -> tuple[Output, ...]:
        """Append a record again, as a producer that did not hear the acknowledgement does."""
        old = self.log[at]
        return self.say(old.event, event_id=old.id, key=old.key)

    @property
    def values(self) -> list[bytes]:
        """All that was said, as bytes."""
        return [encode(each.event) if each.value is None else each.value for each in self.outputs]

    def values_of(self, topic: str) -> list[bytes]:
        """All that was written to one topic, as bytes."""
        return [
            encode(each.event) if each.value is None else each.value
            for each in self.outputs
            if each.topic == topic
        ]


def shuffled(aggregate: dict[str, Model]) -> dict[str, Model]:
    """Give entities in an order of no meaning, as Redis does: a fold may not rest on it."""
    return dict(
        sorted(aggregate.items(), key=lambda item: hashlib.sha256(item[0].encode()).digest())
    )


def again(entity: Model) -> Model:
    """Remember an entity and load it: it must come back the same."""
    loaded = type(entity).model_validate_json(entity.model_dump_json(exclude_none=True))
    assert loaded == entity, "an entity does not survive being remembered"
    return loaded


class GateRun(FoldRun):
    """The gate on one partition of `orders.checks`."""

    def __init__(self, gate: Gate | None = None) -> None:
        super().__init__(gate or Gate(), CHECKS.name, KEY)

    @property
    def state(self) -> OrderState:
        """The usual order."""
        found = self.aggregates[KEY][ORDER]
        assert isinstance(found, OrderState)
        return found

    @property
    def decisions(self) -> list[Decided]:
        """What was decided, once each, in the order of the log."""
        return decisions(self.outputs)

    @property
    def last(self) -> Decided:
        """The decision that stands."""
        return max(self.decisions, key=lambda decided: decided.seq)

    @property
    def decision(self) -> str:
        """Its word."""
        return self.last.decision

    @property
    def reasons(self) -> list[str]:
        """Codes of the decision that stands."""
        return [reason.code.value for reason in self.last.reasons]

    def sent(self, kind: type[E]) -> list[E]:
        """All events of a kind it ever wrote, in order."""
        return [each.event for each in self.outputs if isinstance(each.event, kind)]

    def sent_rechecks(self) -> list[RecheckRequested]:
        """The re-checks it numbered."""
        return self.sent(RecheckRequested)

    def draws(self) -> list[tuple[str, str]]:
        """What it asked of which license: `request`, `confirm`, `settle`, `void`."""
        return [
            (_DRAWS[type(each.event)], each.key)
            for each in self.outputs
            if type(each.event) in _DRAWS
        ]


_DRAWS: Final = {
    ReservationRequested: "request",
    ReservationConfirmRequested: "confirm",
    ReservationSettled: "settle",
    ReservationVoided: "void",
}


class LedgerRun(FoldRun):
    """The ledger on one partition of `licenses`."""

    def __init__(self) -> None:
        super().__init__(ledger.fold, LICENSES.name, "cn-1")
        self.notes: list[Any] = []
        """What it said of licenses: warnings, and events it did not apply."""

    def take(self, record: Recorded[Any]) -> tuple[Output, ...]:
        """Fold a record; return the answers to the gate, and keep the notes on licenses apart."""
        outputs = super().take(record)
        notes = [each for each in outputs if each.topic == LICENSES.name]
        self.notes += [each.event for each in notes]
        self.outputs = [each for each in self.outputs if each.topic != LICENSES.name]
        return tuple(each for each in outputs if each.topic != LICENSES.name)

    @property
    def not_applied(self) -> list[str]:
        """Results of the events on licenses that were not applied."""
        return [each.result for each in self.notes if isinstance(each, LicenseEventRefused)]

    @property
    def license(self) -> License:
        """The usual license."""
        found = self.aggregates["cn-1"][LICENSE]
        assert isinstance(found, License)
        return found

    def reservation(self, reservation_id: str) -> Reservation:
        """One reservation on it."""
        found = self.aggregates["cn-1"][reservation_id]
        assert isinstance(found, Reservation)
        return found

    def reservations(self) -> Iterable[Reservation]:
        """All of them."""
        return [e for e in self.aggregates.get("cn-1", {}).values() if isinstance(e, Reservation)]

    def balances(self) -> tuple[str, str, str]:
        """Used, reserved and remaining quantity."""
        own = self.license
        return tuple(
            f"{amount:f}" if amount is not None else "-"
            for amount in (own.used_quantity, own.reserved_quantity, own.remaining_quantity)
        )  # type: ignore[return-value]


def decisions(outputs: Iterable[Output]) -> list[Decided]:
    """Pick the decisions, once each."""
    found = {
        each.id: each.event
        for each in outputs
        if each.topic == DECISIONS.name and isinstance(each.event, Decided)
    }
    return list(found.values())


def said(outputs: Iterable[Output]) -> list[str]:
    """Name what was said, for tables: decisions by their word, answers by kind and result."""
    return [_word(each.event) for each in outputs]


def _word(event: Model) -> str:
    if isinstance(event, Decided):
        return event.decision
    name = type(event).__name__.removeprefix("Reservation")
    for attribute in ("operation", "kind"):
        name += f" {getattr(event, attribute)}" if hasattr(event, attribute) else ""
    result = getattr(event, "result", None) or getattr(event, "reason", None)
    return f"{name}: {result}" if result and isinstance(result, str) else name
