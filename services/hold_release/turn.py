"""One record's turn at one order: the state as it becomes, and what is said on the way."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Literal

from schemas.base import Model, built
from schemas.classification import Verdict
from schemas.decisions import (
    BreachRaised,
    ChainLink,
    DecidedLine,
    DecidedRegime,
    DecisionReason,
    DrawnLicense,
    OrderClosed,
    OrderHeld,
    OrderRejected,
    OrderReleased,
    Overdraft,
)
from schemas.envelope import Output, Recorded, output_id
from schemas.events import encode
from schemas.fold import Partition
from schemas.topics import DECISIONS, LICENSES, ORDERS
from services.hold_release.settlement import drawn_under, settled_by
from services.hold_release.state import OrderState, Release

ENGINE: Final = "gate/1"
PAST_MAX: Final = 4
REASONS_MAX: Final = 200
"""A decision names at most this many reasons; an order of 1,000 lines may have more."""


@dataclass(slots=True)
class Turn:
    """Collects what a record does. Local to one fold step, so the fold stays pure."""

    state: OrderState
    record: Recorded[Any]
    partition: Partition
    time_basis: Literal["log", "event"]
    outputs: list[Output] = field(default_factory=list)

    def update(self, **changes: object) -> None:
        """Replace fields of the state."""
        self.state = self.state.model_copy(update=changes)

    @property
    def now(self) -> datetime:
        """Log time."""
        return self.partition.log_time

    @property
    def as_of(self) -> datetime:
        """The time that chooses the law: of the last assessment, else of the record."""
        return self.state.assessed.as_of if self.state.assessed else self.record.time

    @property
    def clock(self) -> datetime:
        """What validity is compared with: log time, or as_of on the event basis."""
        return self.as_of if self.time_basis == "event" else self.now

    def say(self, topic: str, key: str, kind: str, event: Model, *parts: str) -> None:
        """Write an event. It carries the time that its law is to be read at."""
        event_id = output_id(self.record, kind, *parts)
        self.outputs.append(Output(topic, key, event_id, event, time=self.clock))

    def to_ledger(self, license_id: str, kind: str, event: Model, *parts: str) -> None:
        """Write to the ledger of a license."""
        self.say(LICENSES.name, license_id, kind, event, *parts)

    def to_orders(self, kind: str, event: Model, *parts: str) -> None:
        """Write to the front of the pipeline."""
        self.say(ORDERS.name, self.state.key, kind, event, *parts)

    def _chained(self, event_id: str, event: Model) -> bytes:
        """Append to the hash chain of the partition and write to `orders.decisions`."""
        value = encode(event)
        self.outputs.append(Output(DECISIONS.name, self.state.key, event_id, event, value))
        self.partition = self.partition._replace(
            chain_index=self.partition.chain_index + 1,
            chain_prev=hashlib.sha256(value).hexdigest(),
        )
        return value

    def _link(self) -> ChainLink:
        return built(
            ChainLink,
            partition=self.partition.number,
            index=self.partition.chain_index,
            prev=self.partition.chain_prev,
        )

    def _decided(self, decision: str, **extra: object) -> dict[str, Any]:
        state = self.state
        seq = state.seq + 1
        assessed = state.assessed
        return {
            "order_source": state.order_source,
            "order_id": state.order_id,
            "decision_id": output_id(self.record, decision, str(seq)),
            "revision": state.revision,
            "check": state.check,
            "order_digest": assessed.order_digest if assessed else "",
            "seq": seq,
            "decision": decision,
            "as_of": self.as_of,
            "log_time": self.now,
            "time_basis": self.time_basis,
            "lines": _decided_lines(state),
            "packs": assessed.packs if assessed else (),
            "officers": _officers(state),
            "engine": f"{assessed.engine}+{ENGINE}" if assessed else ENGINE,
            "caused_by": self.record.place,
            "chain": self._link(),
            **extra,
        }

    def hold(self, reasons: list[DecisionReason]) -> None:
        """Write OrderHeld, unless the same hold stands already."""
        said = tuple(dict.fromkeys(reasons))[:REASONS_MAX]
        state = self.state
        if state.phase == "held" and state.reasons == said and self._held_revision():
            return
        event = OrderHeld(**self._decided("HELD", reasons=said))
        self._chained(event.decision_id, event)
        self.update(
            phase="held",
            seq=event.seq,
            decision_id=event.decision_id,
            reasons=said,
            votes=(),
            held_revision=state.revision,
            held_since=state.held_since if state.phase == "held" else self.now,
        )
        self._send_superseded()

    def _held_revision(self) -> bool:
        return self.state.held_revision == self.state.revision

    def release(self, valid_until: datetime) -> None:
        """Write OrderReleased: every line × regime is settled."""
        state = self.state
        assert not state.faults or state.findings, "a fault stands"
        assert valid_until > self.clock, "a release that is over before it begins"
        assert state.assessed is not None, "nothing was assessed"
        licenses = _drawn(state)
        event = OrderReleased(
            **self._decided("RELEASED", valid_until=valid_until, licenses=licenses)
        )
        value = self._chained(event.decision_id, event)
        released = built(
            Release,
            decision_id=event.decision_id,
            revision=state.revision,
            seq=event.seq,
            valid_until=valid_until,
            time_basis=self.time_basis,
            reservations=tuple(
                entry.reservation_id for entry in state.reservations if entry.state == "granted"
            ),
            value=value.decode(),
        )
        self.update(
            phase="released",
            seq=event.seq,
            decision_id=event.decision_id,
            reasons=(),
            votes=(),
            release=released,
            past=state.releases[-PAST_MAX:],
            answer_by=None,
            recheck_by=None,
            reservations=tuple(
                entry.model_copy(update={"ever_released": True})
                if entry.state == "granted"
                else entry
                for entry in state.reservations
            ),
        )

    def _send_superseded(self) -> None:
        """A release held back as stale was never sent; now its place in the chain is filled.

        A higher seq stands already, so it changes nothing.
        """
        if self.state.stale and self.state.release is not None:
            self.send_again(self.state.release)
            self.update(stale=False)

    def send_again(self, released: Release) -> None:
        """Write a release that was held back as stale: the same bytes, the same place."""
        event = OrderReleased.model_validate_json(released.value)
        self.outputs.append(
            Output(
                DECISIONS.name,
                self.state.key,
                event.decision_id,
                event,
                released.value.encode(),
            )
        )

    def end(self, decision: Literal["REJECTED", "CLOSED"], **extra: Any) -> None:
        """Write the terminal decision."""
        fields = self._decided(decision, **extra)
        event = OrderRejected(**fields) if decision == "REJECTED" else OrderClosed(**fields)
        self._chained(event.decision_id, event)
        self.update(
            phase="rejected" if decision == "REJECTED" else "closed",
            seq=event.seq,
            decision_id=event.decision_id,
            reasons=tuple(extra.get("reasons", ())),
            votes=(),
            answer_by=None,
            recheck_by=None,
            closed_at=self.now,
            assessment="",
            findings=(),
        )
        self._send_superseded()

    def breach(
        self,
        kind: Any,
        shipment_id: str,
        lines: tuple[str, ...],
        licenses: tuple[Overdraft, ...] = (),
        conditions: tuple[str, ...] | None = None,
    ) -> None:
        """Write that goods left which were not released."""
        event = BreachRaised(
            order_source=self.state.order_source,
            order_id=self.state.order_id,
            breach_id=output_id(self.record, "breach", shipment_id, kind),
            shipment_id=shipment_id,
            kind=kind,
            lines=lines,
            licenses=licenses,
            conditions=conditions,
            chain=self._link(),
        )
        self._chained(event.breach_id, event)


def _officers(state: OrderState) -> tuple[str, ...]:
    named = [officer for finding in state.findings for officer in finding.officers]
    return tuple(dict.fromkeys(named))


def _decided_lines(state: OrderState) -> tuple[DecidedLine, ...]:
    known = state.assessed
    if known is None:
        return ()
    granted: dict[tuple[str, str], tuple[str, ...]] = {}
    for entry in state.reservations:
        if entry.state in ("granted", "confirming"):
            place = (entry.line_id, entry.regime)
            granted[place] = (*granted.get(place, ()), entry.license_id)
    return tuple(
        built(
            DecidedLine,
            line_id=line.line_id,
            regimes={
                regime: _decided_regime(
                    assessed.verdict.decision,
                    settled_by(state, line, regime),
                    granted.get((line.line_id, drawn_under(line, regime)), ()),
                )
                for regime, assessed in line.regimes.items()
            },
        )
        for line in known.lines
    )


@lru_cache(maxsize=4096)
def _decided_regime(
    decision: Verdict,
    settled: Literal["none", "license", "officer"] | None,
    drawn: tuple[str, ...],
) -> DecidedRegime:
    """Most lines are settled in one of a few ways; what is frozen can be shared."""
    return DecidedRegime(decision=decision, settled_by=settled, license_ids=drawn)


def _drawn(state: OrderState) -> tuple[DrawnLicense, ...]:
    return tuple(
        built(
            DrawnLicense,
            license_id=entry.license_id,
            line_id=entry.line_id,
            regime=entry.regime,
            quantity=entry.quantity,
            unit=entry.unit,
            value=entry.value,
            currency=entry.currency,
            ledger_partition=entry.ledger_partition,
            ledger_offset=entry.ledger_offset,
        )
        for entry in state.reservations
        if entry.state == "granted" and entry.quantity is not None
    )
