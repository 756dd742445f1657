"""What passes between the stages about one order (`orders.classified`, `orders.checks`)."""

from datetime import date
from typing import Literal

from pydantic import Field

from schemas.base import (
    Amount,
    Currency,
    Id,
    Instant,
    Model,
    Name,
    NonNegative,
    OrderId,
    Positive,
    Text,
)
from schemas.classification import (
    ClassifiedLine,
    PackRef,
    ProductRef,
    RegimeVerdict,
)
from schemas.orders import Component, Document, Finding, OfOrder, Order, Weight


class OfCheck(OfOrder):
    """What every event between the stages carries: the order, its revision and its check."""

    revision: int = Field(ge=0)
    check: int = Field(ge=0, description="0 for the order's own event, then as the gate numbers")


class OrderClassified(OfCheck):
    """Each line under every regime, with the evidence and what was read."""

    order: Order
    order_digest: str = Field(description="SHA-256 of the order's canonical JSON, hex")
    as_of: Instant = Field(description="the event's own time: chooses the law")
    lines: tuple[ClassifiedLine, ...]
    findings: tuple[Finding, ...] = ()
    packs: tuple[PackRef, ...]
    verified_until: date | None = Field(
        default=None, description="earliest day on which a pack read goes stale"
    )
    products: tuple[ProductRef, ...] = ()
    products_offsets: dict[str, int] = Field(default_factory=dict)
    engine: str


class Unreadable(Model):
    """A record that could not be read, in its place. The dead letter has its bytes."""

    order_source: Id | None = None
    order_id: OrderId | None = None
    topic: Name
    partition: int
    offset: int
    key: Name | None = None
    size: int = Field(description="bytes of the value")
    sha256: str
    reason: Text


class RequestedItem(Model):
    """What is to be drawn: the codes a license may name it by."""

    codes: tuple[Name, ...]
    category: int | None = None
    materials: tuple[Name, ...] = ()
    sku: Id | None = None
    composition: tuple[Component, ...] | None = None
    formula: Name | None = Field(default=None, description="the one formula of its description")


class Candidate(Model):
    """A license whose terms cover a line; balances are the ledger's business."""

    license_id: Id
    quantity: Positive = Field(description="in the license's unit where it has one")
    unit: Name
    value: NonNegative | None = None
    currency: Currency | None = None
    regime: Name | None = Field(
        default=None, description="of an overlap: the regime routed to whose license this is"
    )
    item: RequestedItem | None = Field(
        default=None, description="of an overlap: what that regime's license must name"
    )


class Unfit(Model):
    """A license that does not cover a line, why, and the nearest change that would help."""

    license_id: Id
    reason: Name
    change: Text


class HoldCause(Model):
    """A reason to hold that determination found, in the words an officer reads."""

    code: Name
    text: Text


class AssessedRegime(Model):
    """One line under one regime: the verdict, who could cover it, what holds it."""

    verdict: RegimeVerdict
    candidates: tuple[Candidate, ...] = ()
    unfit: tuple[Unfit, ...] = ()
    holds: tuple[HoldCause, ...] = ()
    item: RequestedItem | None = Field(default=None, description="what a license must name")
    finding: Finding | None = Field(default=None, description="the officer's word it rests on")


class AssessedLine(Model):
    """A line under every regime, determined."""

    line_id: Id
    regimes: dict[str, AssessedRegime]


class Bound(Model):
    """A moment after which a release may no longer rest on what was read."""

    until: Instant
    why: Text


class Rate(Model):
    """A dated exchange rate that was used."""

    rate_id: Id
    from_: Currency = Field(alias="from")
    to: Currency
    rate: Positive
    at: Instant
    source: Name


class OrderAssessed(OfCheck):
    """Needs and candidate licenses of every line: all the gate needs to decide."""

    order: Order
    order_digest: str
    as_of: Instant
    days: tuple[date, ...] = Field(description="days determined for; the graver verdict counts")
    lines: tuple[AssessedLine, ...]
    findings: tuple[Finding, ...] = ()
    valid_until_bounds: tuple[Bound, ...] = ()
    book: dict[str, int] = Field(description="licenses partition → offset the book was read at")
    rates: tuple[Rate, ...] = ()
    packs: tuple[PackRef, ...]
    engine: str


class OfReservation(OfCheck):
    """What every reservation event carries."""

    reservation_id: Id
    request_id: Id
    license_id: Id


class RequestedParty(Model):
    """A party as the license must name it."""

    role: Name
    name: Name
    country: Name | None = None


class ReservationRequested(OfReservation):
    """Ask the ledger to reserve; it carries the facts, and the ledger judges them itself."""

    line_id: Id
    regime: Name
    attempt: int
    as_of: Instant
    time_basis: Literal["log", "event"]
    requested_ship_date: date | None = None
    exporter: Id
    exporter_name: Name | None = None
    item: RequestedItem
    parties: tuple[RequestedParty, ...] | None = None
    destination: Name
    port: Name | None = None
    purpose: Name
    shipping: Literal["complete", "partial"] | None = None
    quantity: Positive
    unit: Name
    net_weight: Weight | None = None
    gross_weight: Weight | None = None
    value: NonNegative | None = None
    order_value: NonNegative | None = Field(
        default=None, description="of all lines, where each states one in this currency"
    )
    currency: Currency | None = None
    conversions: tuple[Rate, ...] = ()
    documents: tuple[Document, ...] = ()
    names_end_user: bool = Field(
        default=False, description="only a license that names this end user may cover (denial)"
    )
    partial: bool = Field(default=False, description="grant what remains, if not all does")
    alone: bool | None = Field(
        default=None, description="the order waits for nothing else: a grant is its release"
    )
    answer_by: Instant


class ReservationReleased(OfReservation):
    """A release rests on it: where a license shrinks, it is let go after what only waits."""

    decision_id: Id


class ReservationConfirmRequested(OfReservation):
    """Ask the ledger whether a grant still stands before a release rests on it."""


class ReservationAdjusted(OfReservation):
    """Change a reservation to new totals, in the unit and currency of its request."""

    quantity: Positive
    net_weight: Weight | None = None
    gross_weight: Weight | None = None
    value: NonNegative | None = None
    order_value: NonNegative | None = None
    conversions: tuple[Rate, ...] = ()


class ReservationSettled(OfReservation):
    """Goods left: turn reserved into used. With `final` the remainder is given back."""

    shipment_id: Id
    of_shipment: Id | None = Field(default=None, description="which this is not the last part of")
    shipped_at: Instant
    quantity: Positive
    unit: Name
    net_weight: Weight | None = None
    gross_weight: Weight | None = None
    value: NonNegative | None = None
    currency: Currency | None = Field(default=None, description="null: that of the request")
    final: bool


class ReservationReturned(OfReservation):
    """Goods came back. It credits a license only where its terms say so."""

    shipment_id: Id
    return_id: Id
    returned_at: Instant
    quantity: Positive
    unit: Name
    net_weight: Weight | None = None
    gross_weight: Weight | None = None
    value: NonNegative | None = None
    currency: Currency | None = Field(default=None, description="null: that of the request")


class ReservationVoided(OfReservation):
    """Give back what never left."""

    cause: Name


class Answer(OfReservation):
    """Where in the ledger an answer was given."""

    line_id: Id
    regime: Name
    ledger_partition: int
    ledger_offset: int


class Balance(Model):
    """What a license has left, in its unit and currency; null where it has no such limit."""

    quantity: NonNegative | None = None
    unit: Name | None = None
    value: NonNegative | None = None
    currency: Currency | None = None


class Measured(Model):
    """A quantity and a value, on one side of a conversion."""

    quantity: Amount
    unit: Name
    value: Amount | None = None
    currency: Currency | None = None


class ReservationGranted(Answer):
    """The ledger holds the quantity for this line."""

    result: Literal["granted", "exists", "confirmed"]
    quantity: Positive
    unit: Name
    value: NonNegative | None = None
    currency: Currency | None = None
    stated: Measured | None = Field(
        default=None, description="the same in the line's own unit and currency; less, if partial"
    )
    over_percent: NonNegative | None = Field(default=None, description="a delivery may exceed it")
    under_percent: NonNegative | None = Field(default=None, description="or be as much less")
    valid_to: date
    balance_before: Balance
    balance_after: Balance


class ReservationRefused(Answer):
    """The ledger does not; nothing was reserved."""

    result: Name | None = None
    reason: Name
    text: Text = ""


class ReservationWithdrawn(Answer):
    """A reservation no longer stands: suspended, revoked, expired, or the license shrank."""

    result: Name | None = None
    reason: Name
    text: Text = ""


class ReservationPosted(Answer):
    """The answer to every adjust, settle, void and return."""

    operation: Literal["adjust", "settle", "void", "return"]
    result: Name
    text: Text | None = None
    stated: Measured | None = Field(default=None, description="as the order states it")
    drawn: Measured | None = Field(default=None, description="as the license counts it")
    breaches: tuple[Name, ...] | None = Field(
        default=None, description="terms the shipment did not keep: port, quantity_per_shipment"
    )
    report_by: date | None = Field(default=None, description="a report to the authority is due")
    overdrawn: Balance | None = None
    balance_before: Balance
    balance_after: Balance


class OfficerDecided(OfOrder):
    """An officer's act on a held order, valid only for the revision and seq it names."""

    revision: int = Field(ge=0)
    check: int = Field(default=0, ge=0)
    action: Literal["classify", "state_fact", "release", "reject", "unassign"]
    seq: int = Field(ge=1)
    line_id: Id | None = None
    regime: Name | None = None
    code: Name | None = None
    fact: Name | None = None
    value: Text | None = None
    citation: Text | None = None
    note: Text
    officer: Name = Field(min_length=1)
    valid_until: Instant | None = None
    decided_at: Instant


class RecheckWanted(OfOrder):
    """Somebody wants an order determined again; the gate numbers it."""

    revision: int = Field(default=0, ge=0, description="as the sender saw it; 0: not known")
    check: int = Field(default=0, ge=0, description="as the sender saw it")
    cause: Name
    cause_id: Id
    recheck_by: Instant | None = None
    officer: Name | None = None


class ReleaseStale(OfOrder):
    """A release was too old when it was to be sent; the gate confirms it first."""

    revision: int = Field(default=0, ge=0)
    check: int = Field(default=0, ge=0)
    decision_id: Id


class DeadlineDue(Model):
    """A deadline passed by log time. Id and content derive from the entity alone."""

    entity: Name
    deadline: Literal[
        "answer",
        "release",
        "recall",
        "recheck",
        "license_effective",
        "license_expiring",
        "license_expired",
    ]
    due: Instant
