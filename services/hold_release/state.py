"""What the gate remembers of one order."""

from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from pydantic import Field

from schemas.base import Amount, Instant, Model, Sum
from schemas.checks import OfficerDecided, OrderAssessed
from schemas.decisions import DecisionReason
from schemas.envelope import Recorded
from schemas.events import encode
from schemas.orders import Finding, Weight

ZERO: Final = Decimal(0)
ORDER: Final = ""
"""Name of the only entity of an order's aggregate."""

Phase = Literal["unknown", "reserving", "released", "held", "rejected", "closed"]
TERMINAL: Final = ("rejected", "closed")


class Totals(Model):
    """What a line wants of a license, in the line's own unit and currency."""

    quantity: Amount
    net_weight: Weight | None = None
    gross_weight: Weight | None = None
    value: Amount | None = None
    order_value: Sum | None = None


class Unassigned(Model):
    """An officer took a license off an order, or off one line, for this revision."""

    license_id: str
    line_id: str | None = None
    text: str


class Reservation(Model):
    """One attempt to draw on one license for one line × regime."""

    reservation_id: str
    license_id: str
    line_id: str
    regime: str
    facts: str
    """Digest of what was asked, but for the totals; one made on other facts is of no use."""
    goods: str = ""
    """Digest of the goods it was asked for and of who gets them, whatever license they need."""
    line: Totals
    """What the whole line wants. With other totals a reservation is adjusted, or of no use."""
    held: Totals | None = None
    """What is reserved, where that is more: less is told only once nothing can have left on it."""
    covers: Amount
    """How much of the line it covers; less than all where the line is split over licenses."""
    covers_value: Amount | None = None
    partial: bool = False
    """Whether the ledger might grant a part."""
    time_basis: Literal["log", "event"]
    state: Literal[
        "asked",
        "granted",
        "confirming",
        "adjusting",
        "refused",
        "withdrawn",
        "leaving",
        "settled",
    ]
    """leaving: of no use any more, but the goods may be on a truck (recall window).

    settled: given back, or all left. What is told of its goods yet is told the ledger.
    """
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
    """leaving, or more held than wanted: when the goods can no longer be on a truck."""
    over_percent: Amount | None = None
    """What a delivery may exceed it by."""
    under_percent: Amount | None = None
    """What a delivery may fall short of it by, and be all that is delivered."""
    shipped: Sum = ZERO
    """How much of the line left on it, in the line's own unit."""
    returned: Sum = ZERO
    shipments: tuple[str, ...] = ()
    """What left on it, by shipment."""


class Release(Model):
    """The release that stands, or stood last."""

    decision_id: str
    revision: int
    seq: int
    valid_until: Instant
    time_basis: Literal["log", "event"] = "log"
    reservations: tuple[str, ...] = ()
    """What it rested on."""
    value: str
    """The decision as written, so that a stale one can be sent again, byte for byte."""


READ_MAX: Final = 256
"""Orders on their way to the ledger and back; more of them would lengthen each collection."""
_read: dict[str, OrderAssessed] = {}


def read_assessment(text: str, known: OrderAssessed | None = None) -> OrderAssessed:
    """Read a kept determination; what was `known` or read lately is not read again.

    An order is kept as text: as models, some ten thousand orders would be millions of objects.
    """
    found = _read.get(text)
    if found is None:
        found = known or OrderAssessed.model_validate_json(text)
        if len(_read) >= READ_MAX:
            _read.pop(next(iter(_read)), None)
        _read[text] = found
    return found


def as_written(record: Recorded[OrderAssessed], counts: OrderAssessed) -> str:
    """Keep what counts of a determination; as it was written, if all of it counts."""
    whole = counts is record.event and record.value is not None
    text = (record.value if whole and record.value else encode(counts)).decode()
    read_assessment(text, counts)
    return text


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
    assessment: str = ""
    """The determination that counts, as its event stands in the log; empty before the first."""
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
    cancelled_lines: dict[str, int] = Field(default_factory=dict)
    """Highest revision that each line was cancelled at; a later one may order it again."""
    shipments: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Digests of all that was said of each shipment, by its id. The first counts."""
    shipped_finally: bool = False
    """Nothing more will leave on it, so that it is never released again."""
    overdrafts: tuple[str, ...] = ()
    """Settlements whose overdraft was told."""
    shipped: dict[str, dict[str, Sum]] = Field(default_factory=dict)
    """Quantity shipped so far by line and unit."""
    returns: tuple[str, ...] = ()
    unassigned: tuple[Unassigned, ...] = ()
    wanted: tuple[str, ...] = ()
    held_revision: int = 0
    held_since: Instant | None = None
    """Log time at which the hold that stands began; it outlasts a change of reasons."""
    answer_by: Instant | None = None
    recheck_by: Instant | None = None
    closed_at: Instant | None = None

    @property
    def assessed(self) -> OrderAssessed | None:
        """The determination that counts."""
        return read_assessment(self.assessment) if self.assessment else None

    @property
    def key(self) -> str:
        """The record key of the order."""
        return f"{self.order_source}/{self.order_id}"

    def shipped_of(self, line_id: str, unit: str) -> Decimal:
        """Tell how much of a line was shipped so far, as stated in a unit."""
        return self.shipped.get(line_id, {}).get(unit, ZERO)

    def left_of(self, line_id: str, unit: str) -> Decimal:
        """Tell how much of a line left, as far as it adds up: nothing, if told in other units too.

        What a reservation has `shipped` is then a sum of kilograms and pounds.
        """
        told = self.shipped.get(line_id, {})
        return told.get(unit, ZERO) if told.keys() <= {unit} else ZERO

    @property
    def releases(self) -> tuple[Release, ...]:
        """The release that stands or stood last, and earlier ones, as far as they are kept."""
        return (*self.past, *((self.release,) if self.release else ()))

    @property
    def recall_at(self) -> datetime | None:
        """When the first of the reservations that wait for a recall may be given back."""
        waiting = [e.recall_at for e in self.reservations if e.recall_at is not None]
        return min(waiting, default=None)

    @property
    def terminal(self) -> bool:
        """Whether nothing can change the order any more."""
        return self.phase in TERMINAL
