"""What the gate remembers of one order."""

from datetime import datetime
from typing import Final, Literal

from pydantic import Field

from schemas.base import Amount, Instant, Model
from schemas.checks import OfficerDecided, OrderAssessed
from schemas.decisions import DecisionReason
from schemas.orders import Finding

ORDER: Final = ""
"""Name of the only entity of an order's aggregate."""

Phase = Literal["unknown", "reserving", "released", "held", "rejected", "closed"]
TERMINAL: Final = ("rejected", "closed")


class Reservation(Model):
    """One attempt to draw on one license for one line × regime."""

    reservation_id: str
    license_id: str
    line_id: str
    regime: str
    facts: str
    """Digest of what was asked; a reservation made on other facts is of no use."""
    time_basis: Literal["log", "event"]
    state: Literal["asked", "granted", "confirming", "refused", "withdrawn", "leaving"]
    """leaving: of no use any more, but the goods may be on a truck (recall window)."""
    quantity: Amount | None = None
    unit: str = ""
    value: Amount | None = None
    currency: str | None = None
    valid_to: str | None = None
    granted_at: Instant | None = None
    ledger_partition: int = 0
    ledger_offset: int = 0
    reason: str | None = None
    text: str = ""
    ever_released: bool = False
    attempt: int = 0
    """Which of the order's requests it was."""
    question: str = ""
    """Request id of the last question; an answer to an earlier one says nothing of today."""
    recall_at: Instant | None = None
    """leaving: when the goods can no longer be on a truck."""


class Release(Model):
    """The release that stands, or stood last."""

    decision_id: str
    revision: int
    seq: int
    valid_until: Instant
    time_basis: Literal["log", "event"] = "log"
    value: str
    """The decision as written, so that a stale one can be sent again, byte for byte."""


class OrderState(Model):
    """An order in the gate."""

    order_source: str
    order_id: str
    phase: Phase = "unknown"
    revision: int = 0
    check: int = 0
    asked_check: int = 0
    """Highest re-check the gate has numbered."""
    seq: int = 0
    decision_id: str | None = None
    assessment_id: str | None = None
    assessed: OrderAssessed | None = None
    reservations: tuple[Reservation, ...] = ()
    attempts: int = 0
    """Requests made so far: each has a reservation id of its own."""
    faults: tuple[DecisionReason, ...] = ()
    findings: tuple[Finding, ...] = ()
    votes: tuple[OfficerDecided, ...] = ()
    reasons: tuple[DecisionReason, ...] = ()
    revision_digest: str = ""
    """Digest of the order as the order system stated this revision."""
    release: Release | None = None
    past: tuple[Release, ...] = ()
    """Earlier releases, should one of them turn out never to have been sent."""
    stale: bool = False
    """The release was held back as stale and waits for the ledger's confirmation."""
    cancelled_revision: int = 0
    shipments: tuple[str, ...] = ()
    overdrafts: tuple[str, ...] = ()
    """Settlements whose overdraft was told."""
    shipped: dict[str, Amount] = Field(default_factory=dict)
    """Quantity shipped so far by line, in the line's own unit."""
    wanted: tuple[str, ...] = ()
    held_revision: int = 0
    held_since: Instant | None = None
    """Log time at which the hold that stands began; it outlasts a change of reasons."""
    answer_by: Instant | None = None
    recheck_by: Instant | None = None
    closed_at: Instant | None = None

    @property
    def key(self) -> str:
        """The record key of the order."""
        return f"{self.order_source}/{self.order_id}"

    @property
    def recall_at(self) -> datetime | None:
        """When the first of the reservations that wait for a recall may be given back."""
        waiting = [e.recall_at for e in self.reservations if e.state == "leaving" and e.recall_at]
        return min(waiting, default=None)

    @property
    def terminal(self) -> bool:
        """Whether nothing can change the order any more."""
        return self.phase in TERMINAL
