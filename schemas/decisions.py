"""What the gate decides (`orders.decisions`). A warehouse loads on the highest `seq` alone."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from schemas.base import Amount, Currency, Id, Instant, Model, Name, NonNegative, Positive, Text
from schemas.classification import PackRef, Verdict
from schemas.orders import OfOrder


class HoldReason(StrEnum):
    """Why an order is held. Who may settle each is `services.hold_release.reasons`."""

    CLASSIFICATION_UNCERTAIN = "CLASSIFICATION_UNCERTAIN"
    MISSING_FACT = "MISSING_FACT"
    LIST_STALE = "LIST_STALE"
    EVENT_CONFLICT = "EVENT_CONFLICT"
    TIME_IMPLAUSIBLE = "TIME_IMPLAUSIBLE"
    EVENT_UNREADABLE = "EVENT_UNREADABLE"
    PARTY_UNSCREENED = "PARTY_UNSCREENED"
    OVERLAP_ROUTED = "OVERLAP_ROUTED"
    CATCH_ALL = "CATCH_ALL"
    PARTY_HIT = "PARTY_HIT"
    DENY_PRESUMED = "DENY_PRESUMED"
    NO_LICENSE = "NO_LICENSE"
    LICENSE_EXPIRED = "LICENSE_EXPIRED"
    LICENSE_NOT_YET_VALID = "LICENSE_NOT_YET_VALID"
    LICENSE_EXHAUSTED = "LICENSE_EXHAUSTED"
    LICENSE_SUSPENDED = "LICENSE_SUSPENDED"
    LICENSE_REVOKED = "LICENSE_REVOKED"
    LICENSE_UNKNOWN = "LICENSE_UNKNOWN"
    PARTY_MISMATCH = "PARTY_MISMATCH"
    DESTINATION_MISMATCH = "DESTINATION_MISMATCH"
    ITEM_MISMATCH = "ITEM_MISMATCH"
    UNIT_MISMATCH = "UNIT_MISMATCH"
    EUC_MISSING = "EUC_MISSING"
    CONDITION_OPEN = "CONDITION_OPEN"
    RELEASE_EXPIRED = "RELEASE_EXPIRED"
    AMENDED = "AMENDED"
    LEDGER_SILENT = "LEDGER_SILENT"
    EMBARGO = "EMBARGO"


class DecidedRegime(Model):
    """How one line × regime was settled."""

    decision: Verdict
    settled_by: Literal["none", "license", "officer"] | None = Field(
        default=None, description="null while it is not settled; none: no license is needed"
    )
    license_ids: tuple[Id, ...] = ()


class DecidedLine(Model):
    """One line under every regime."""

    line_id: Id
    regimes: dict[str, DecidedRegime]


class DecisionReason(Model):
    """Why an order is not released."""

    line_id: Id | None = None
    regime: Name | None = None
    code: HoldReason
    text: Text


class DrawnLicense(Model):
    """A reservation the release rests on."""

    license_id: Id
    line_id: Id
    regime: Name
    quantity: Positive
    unit: Name
    value: NonNegative | None = None
    currency: Currency | None = None
    ledger_partition: int
    ledger_offset: int


class ChainLink(Model):
    """Place in the hash chain of one `orders.checks` partition."""

    partition: int
    index: int = Field(description="from 0; duplicates sit at the same index")
    prev: str = Field(description="SHA-256 of the previous decision's value, hex; 64 zeros at 0")


class Decided(OfOrder):
    """What every decision carries."""

    decision_id: Id
    revision: int
    check: int
    order_digest: str
    seq: int = Field(ge=1, description="per order; the highest wins")
    decision: Literal["RELEASED", "HELD", "REJECTED", "CLOSED"]
    as_of: Instant
    log_time: Instant
    time_basis: Literal["log", "event"]
    valid_until: Instant | None = Field(default=None, description="released only")
    lines: tuple[DecidedLine, ...] = ()
    reasons: tuple[DecisionReason, ...] = ()
    licenses: tuple[DrawnLicense, ...] = ()
    packs: tuple[PackRef, ...] = ()
    officers: tuple[Name, ...] = ()
    engine: str
    cause: Literal["shipped", "cancelled"] | None = Field(default=None, description="closed only")
    caused_by: Name = Field(description="topic/partition/offset of the record that led here")
    chain: ChainLink


class OrderReleased(Decided):
    """May be loaded until `valid_until`, unless a higher seq says otherwise."""


class OrderHeld(Decided):
    """May not be loaded."""


class OrderRejected(Decided):
    """An officer said no, or an embargo. Terminal."""


class OrderClosed(Decided):
    """Shipped in full or cancelled. Terminal."""


class Overdraft(Model):
    """What a shipment drew beyond a license."""

    license_id: Id
    overdrawn: Amount | None = None
    unit: Name | None = None
    overdrawn_value: Amount | None = None
    currency: Currency | None = None


class BreachRaised(OfOrder):
    """Goods left that were not released: on record, whatever the balance says."""

    breach_id: Id
    shipment_id: Id
    kind: Literal[
        "not_released",
        "wrong_revision",
        "unknown_line",
        "over_quantity",
        "expired",
        "overdrawn",
        "condition",
    ]
    lines: tuple[Id, ...]
    licenses: tuple[Overdraft, ...] = ()
    conditions: tuple[Name, ...] | None = Field(
        default=None, description="terms of a license that the shipment did not keep"
    )
    chain: ChainLink
