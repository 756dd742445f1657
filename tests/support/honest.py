"""A little ledger that answers the gate honestly, and an independent judge of its releases.

Neither shares a line with the folds: numbers and sets, nothing else.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from schemas.base import Model
from schemas.checks import (
    OfReservation,
    OrderAssessed,
    ReservationConfirmRequested,
    ReservationReleased,
    ReservationRequested,
    ReservationSettled,
    ReservationVoided,
)
from schemas.classification import Verdict
from schemas.decisions import OrderReleased
from tests.support import answers

OFFICERS_NEEDED = {
    "EVENT_CONFLICT": 1, "TIME_IMPLAUSIBLE": 1, "EVENT_UNREADABLE": 1, "PARTY_UNSCREENED": 1,
    "OVERLAP_ROUTED": 2, "CATCH_ALL": 2, "PARTY_HIT": 2, "DENY_PRESUMED": 2,
}  # fmt: skip
"""The reason table of the design, written out once more."""


@dataclass
class HonestLedger:
    """Answers in the order it is asked. `room`: reservations each license has left."""

    room: dict[str, int]
    suspended: set[str] = field(default_factory=set)
    held: dict[str, ReservationRequested] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    inbox: deque[OfReservation] = field(default_factory=deque)

    def hear(self, event: Model) -> None:
        """Take what the gate wrote to the ledger; it is answered when its turn comes."""
        if isinstance(event, OfReservation):
            self.inbox.append(event)

    def answer(self) -> Model | None:
        """Answer the next question, if it is one that has an answer."""
        asked = self.inbox.popleft()
        if isinstance(asked, ReservationReleased):
            return None
        if isinstance(asked, ReservationRequested):
            return self._request(asked)
        known = self.held.get(asked.reservation_id)
        if isinstance(asked, ReservationConfirmRequested):
            stands = known is not None and asked.license_id not in self.suspended
            if stands and known is not None:
                return answers.granted(
                    asked, "confirmed", line_id=known.line_id, regime=known.regime
                )
            return answers.refused(asked, "LICENSE_SUSPENDED")
        if isinstance(asked, ReservationVoided):
            self.gone.add(asked.reservation_id)
            if self.held.pop(asked.reservation_id, None) is not None:
                self.room[asked.license_id] += 1
            return answers.posted(asked, "void")
        assert isinstance(asked, ReservationSettled)
        return answers.posted(asked, "settle")

    def _request(self, asked: ReservationRequested) -> Model:
        if asked.reservation_id in self.gone:
            return answers.refused(asked, "NO_LICENSE")
        if asked.reservation_id in self.held:
            return answers.granted(asked, "exists")
        if asked.license_id in self.suspended:
            return answers.refused(asked, "LICENSE_SUSPENDED")
        if not self.room.get(asked.license_id, 0):
            return answers.refused(asked, "LICENSE_EXHAUSTED")
        self.room[asked.license_id] -= 1
        self.held[asked.reservation_id] = asked
        return answers.granted(asked, valid_to=date(2026, 12, 31))

    def suspend(self, license_id: str) -> list[Model]:
        """Withdraw every reservation on a license."""
        self.suspended.add(license_id)
        found = [asked for asked in self.held.values() if asked.license_id == license_id]
        for asked in found:
            del self.held[asked.reservation_id]
            self.gone.add(asked.reservation_id)
            self.room[license_id] += 1
        return [answers.withdrawn(asked) for asked in found]


@dataclass
class Judge:
    """Knows what the gate was told, and says whether a release is right."""

    told: OrderAssessed | None = None
    granted: dict[str, Any] = field(default_factory=dict)
    faults: set[str] = field(default_factory=set)
    settled: set[tuple[str, str | None, str | None]] = field(default_factory=set)

    def hears(self, event: Model) -> None:
        """Take an event as the gate takes it."""
        if isinstance(event, OrderAssessed):
            self._assessed(event)
        name = type(event).__name__
        if name == "ReservationGranted":
            self.granted[event.reservation_id] = event  # type: ignore[attr-defined]
        if name in ("ReservationWithdrawn", "ReservationRefused"):
            self.granted.pop(event.reservation_id, None)  # type: ignore[attr-defined]
        if name == "Unreadable":
            self.faults.add(f"EVENT_UNREADABLE {event.offset}")  # type: ignore[attr-defined]

    def _assessed(self, event: OrderAssessed) -> None:
        if self.told is None or event.revision > self.told.revision:
            if self.told is not None:
                self.settled.clear()
                if event.revision > self.told.revision + 1:
                    self.faults.add(f"EVENT_CONFLICT {event.revision}")
            self.told = event
        elif (event.revision, event.check) > (self.told.revision, self.told.check):
            self.told = event

    def voted(self, held: Any, officers: set[str]) -> None:
        """Officers said `release` of a hold: what they may settle is settled."""
        for reason in held.reasons:
            needed = OFFICERS_NEEDED.get(reason.code.value)
            if needed is not None and len(officers) >= needed:
                self.settled.add((reason.code.value, reason.line_id, reason.regime))

    def objections(self, released: OrderReleased) -> list[str]:
        """Name what is not settled of a release that was written."""
        assert self.told is not None, "released without an assessment"
        found = []
        if released.revision != self.told.revision:
            found.append(f"revision {released.revision} is not {self.told.revision}")
        if self.faults and ("EVENT_UNREADABLE", None, None) not in self.settled:
            found += [fault for fault in self.faults if "UNREADABLE" in fault]
        for line in self.told.lines:
            for regime, own in line.regimes.items():
                found += self._line(released, line.line_id, regime, own)
        return found

    def _line(self, released: OrderReleased, line_id: str, regime: str, own: Any) -> list[str]:
        place = f"{line_id}/{regime}"
        found = [
            f"{place}: {hold.code}"
            for hold in own.holds
            if not any(
                code == hold.code and line in (None, line_id) and under in (None, regime)
                for code, line, under in self.settled
            )
        ]
        decision = own.verdict.decision
        drawn = [d for d in released.licenses if (d.line_id, d.regime) == (line_id, regime)]
        if decision in (Verdict.LICENSE_REQUIRED, Verdict.DENY_PRESUMED):
            names = {candidate.license_id for candidate in own.candidates}
            stands = {
                g.license_id
                for g in self.granted.values()
                if (g.line_id, g.regime) == (line_id, regime)
            }
            if len(drawn) != 1 or drawn[0].license_id not in names & stands:
                found.append(f"{place}: no reservation")
        elif decision is Verdict.REVIEW and not own.holds:
            found.append(f"{place}: nobody settled a REVIEW")
        return found
