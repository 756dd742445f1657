"""What the ledger remembers: licenses with their balances, and the reservations on them."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import Field

from schemas.base import LARGEST, Amount, Instant, Model, Sum, assembled, built
from schemas.checks import Balance, Measured, ReservationRequested
from schemas.decisions import HoldReason
from schemas.fold import Partition, Saying, count_exactly
from schemas.licenses import LicenseTerms
from schemas.regimes import day_in

LICENSE: Final = ""
"""Name of the license itself among the entities of its aggregate; the others are reservations."""
ZERO: Final = Decimal(0)

STATE_REASONS: Final = {
    "suspended": HoldReason.LICENSE_SUSPENDED,
    "revoked": HoldReason.LICENSE_REVOKED,
    "unknown": HoldReason.LICENSE_UNKNOWN,
}
Standing = Literal["active", "suspended", "unknown", "revoked", "expired", "exhausted", "overdrawn"]


class Change(Model):
    """A suspension, reinstatement or revocation, from the moment it takes effect."""

    state: Literal["active", "suspended", "revoked"]
    effective_at: Instant
    amendment: int
    applied: bool = False
    """Whether log time has reached it, and reservations were answered."""


class Disputed(Model):
    """An amendment the books cannot take: nothing is granted until a later one, or an officer."""

    offset: int
    amendment: int
    result: str


class License(Model):
    """A license: its terms, what happened to it, and what is drawn on it.

    `terms` is null while only later events or unreadable records of it are known.
    """

    __slots__ = ("_left",)

    license_id: str
    terms: LicenseTerms | None = None
    amendment: int = 0
    terms_amendment: int = 0
    """The amendment that stated `terms`; `amendment` is the highest of any event."""
    changes: tuple[Change, ...] = ()
    unreadable_offsets: tuple[int, ...] = ()
    disputed: tuple[Disputed, ...] = ()
    conflict: bool = False
    expired: bool = False
    """Whether reservations were answered for the end of its validity."""
    used_quantity: Sum = ZERO
    reserved_quantity: Sum = ZERO
    used_value: Sum = ZERO
    reserved_value: Sum = ZERO
    adjustments: tuple[str, ...] = ()
    documents: dict[str, Sum] = Field(default_factory=dict)
    """What is drawn under each document that the license requires (`documents.key_of`)."""
    shipments: dict[str, Sum] = Field(default_factory=dict)
    """What each shipment drew, where the license limits shipments."""
    shipments_counted: int = 0
    """How many shipments were made while it did, also those whose draw is forgotten."""
    open_orders: dict[str, int] = Field(default_factory=dict)
    """Open reservations by order, where the license limits shipments."""
    alerted_quantity: int = 0
    """Highest threshold of use in quantity that was told, in percent; likewise in value."""
    alerted_value: int = 0
    alerted_days: int | None = None
    """Days before the end that were told last."""

    @property
    def shipments_made(self) -> int:
        """How many shipments count against a limit; never fewer than are known by name."""
        return max(self.shipments_counted, len(self.shipments))

    def state_at(self, moment: datetime) -> str:
        """Tell the state at a moment: active, suspended, revoked or unknown.

        Terms that state a suspension end what an earlier reinstatement allowed. Terms that state
        `active`, as all do that say nothing of it, lift no suspension, in force or announced.
        """
        if self.terms is None or self.unreadable_offsets or self.disputed or self.conflict:
            return "unknown"
        state: str = self.terms.status
        for change in self.changes:
            if change.effective_at <= moment and state != "revoked" and not self._overruled(change):
                state = change.state
        return state

    def _overruled(self, change: Change) -> bool:
        """Tell whether later terms suspend or revoke what a change had made active."""
        stated = self.terms.status if self.terms is not None else "active"
        earlier = change.amendment < self.terms_amendment
        return earlier and change.state == "active" and stated != "active"

    def refusal_at(self, moment: datetime) -> HoldReason | None:
        """Tell why nothing may be granted at a moment, by state and validity alone."""
        reason = STATE_REASONS.get(self.state_at(moment))
        if reason is not None or self.terms is None:
            return reason
        return validity(self.terms, day_in(self.terms.regime, moment))

    def standing_at(self, moment: datetime) -> Standing:
        """Tell what the license is worth at a moment, the gravest first."""
        state = self.state_at(moment)
        if state != "active" or self.terms is None:
            return state  # type: ignore[return-value]
        if day_in(self.terms.regime, moment) > self.terms.valid_to:
            return "expired"
        left = [x for x in (self.remaining_quantity, self.remaining_value) if x is not None]
        if self.overdraft() is not None and not self.within_tolerance():
            return "overdrawn"
        return "exhausted" if left and min(left) <= ZERO else "active"

    def left(self) -> "Left":
        """What may still be granted, counted once for each state of the license.

        A fold asks several times a record, before and after. It is remembered beside the fields,
        where no copy takes it along.
        """
        try:
            found: Left = _left_of(self)
        except AttributeError:
            count_exactly()
            found = self.count()
        return found

    def count(self) -> "Left":
        """Count what may still be granted, and remember it."""
        found = Left(self)
        _set_left(self, found)
        return found

    @property
    def remaining_quantity(self) -> Decimal | None:
        """What may still be granted in quantity; None without a limit."""
        return self.left().quantity

    @property
    def remaining_value(self) -> Decimal | None:
        """What may still be granted in value; None without a limit."""
        return self.left().value

    def balance(self) -> Balance:
        """What is left, never below zero; an overdraft is told apart."""
        return self.left().balance

    def overdraft(self) -> Balance | None:
        """What shipments drew beyond the license; None where nothing."""
        return self.left().overdraft()

    def within_tolerance(self) -> bool:
        """Tell whether what is used stays within the over-delivery the license tolerates."""
        terms = self.terms
        if terms is None or terms.over_percent is None or terms.quantity is None:
            return False
        value_fits = terms.value is None or self.used_value + self.reserved_value <= terms.value
        drawn = self.used_quantity + self.reserved_quantity
        return value_fits and drawn <= with_tolerance(terms.quantity, terms.over_percent)


_left_of: Final = License.__dict__["_left"].__get__
_set_left: Final = License.__dict__["_left"].__set__


class Left:
    """What is left of a license."""

    __slots__ = ("_balance", "quantity", "terms", "value")

    def __init__(self, license_: License) -> None:
        """Count what is left."""
        own = license_.__dict__
        self.terms = terms = own["terms"]
        quantity: Decimal | None = ZERO if terms is None else terms.quantity
        if quantity is not None:
            quantity = quantity - own["used_quantity"] - own["reserved_quantity"]
        value: Decimal | None = ZERO if terms is None else terms.value
        if value is not None:
            value = value - own["used_value"] - own["reserved_value"]
        self.quantity, self.value = quantity, value
        self._balance: Balance | None = None

    @property
    def balance(self) -> Balance:
        """What is left, never below zero; put together once, and only where it is told."""
        if self._balance is None:
            terms, quantity, value = self.terms, self.quantity, self.value
            told = {
                "quantity": ZERO if quantity is not None and quantity < ZERO else quantity,
                "unit": None if terms is None else terms.unit,
                "value": ZERO if value is not None and value < ZERO else value,
                "currency": None if terms is None else terms.currency,
            }
            self._balance = assembled(Balance, told)
        return self._balance

    def overdraft(self) -> Balance | None:
        """What was drawn beyond the license; None where nothing."""
        short = self.quantity is not None and self.quantity < ZERO
        if not short and (self.value is None or self.value >= ZERO):
            return None
        return Balance(
            quantity=min(max(-(self.quantity or ZERO), ZERO), LARGEST),
            unit=self.balance.unit,
            value=min(max(-(self.value or ZERO), ZERO), LARGEST),
            currency=self.balance.currency,
        )


def with_tolerance(quantity: Decimal, percent: Decimal | None) -> Decimal:
    """Add what may be delivered beyond a quantity (15 CFR 750.11: shipping tolerances)."""
    return quantity if percent is None else quantity + quantity * percent / 100


def utilisation(license_: License) -> Decimal | None:
    """Tell how much is used or reserved, 1 being all of it: the nearer limit; None without one."""
    terms = license_.terms
    if terms is None:
        return None
    drawn = (
        (terms.quantity, license_.used_quantity + license_.reserved_quantity),
        (terms.value, license_.used_value + license_.reserved_value),
    )
    return max((amount / limit for limit, amount in drawn if limit), default=None)


def validity(terms: LicenseTerms, day: date) -> HoldReason | None:
    """Tell whether a license may be used on a day of its regime."""
    if day < terms.valid_from:
        return HoldReason.LICENSE_NOT_YET_VALID
    return HoldReason.LICENSE_EXPIRED if day > terms.valid_to else None


class Reservation(Model):
    """What one line of one order has on a license.

    `quantity` and `value` are the totals reserved at the grant; `used_*` what has shipped of them.
    """

    request: ReservationRequested | None = None
    """The facts it was granted on; null for a void that came before its request."""
    state: Literal["open", "withdrawn", "closed"]
    quantity: Amount = ZERO
    unit: str = ""
    value: Amount | None = None
    currency: str | None = None
    stated_quantity: Amount | None = None
    """The part of the request that it covers, in the line's own unit; null: all of it."""
    stated_value: Amount | None = None
    used_quantity: Sum = ZERO
    used_value: Sum = ZERO
    documents: tuple[str, ...] = ()
    """Documents it was granted on, whose own quantity it uses up."""
    released: bool = False
    """Whether a release rests on it, as far as was told."""
    valid_to: date | None = None
    granted_offset: int = 0
    """Where in the ledger it was granted: tells the newer from the older."""
    shipments: tuple[str, ...] = ()
    parts: dict[str, str] | None = None
    """The shipment of each of these that is only a part of one, told in several units."""
    returns: tuple[str, ...] = ()
    adjusted: tuple[str, ...] = ()
    """Requests to adjust that were answered, latest last."""
    closed_at: Instant | None = None

    @property
    def set_aside(self) -> tuple[Decimal, Decimal]:
        """What is still set aside for this line, in quantity and in value."""
        own = self.__dict__
        return (ZERO, ZERO) if own["state"] == "closed" else _unused(own)

    @property
    def unused(self) -> tuple[Decimal, Decimal]:
        """What was granted and has not left, given back or not."""
        return _unused(self.__dict__)

    @property
    def open_quantity(self) -> Decimal:
        """What is still set aside for this line."""
        return self.set_aside[0]

    @property
    def open_value(self) -> Decimal:
        """The value still set aside for this line."""
        return self.set_aside[1]

    def whole(self, shipment: str) -> str:
        """Name the shipment that one of `shipments` is, or is a part of."""
        return (self.parts or {}).get(shipment, shipment)

    def stated(self) -> Measured | None:
        """What it covers, as the line states it: the other side of the conversion."""
        asked = self.request
        if asked is None:
            return None
        partial = self.stated_quantity is not None
        return built(
            Measured,
            quantity=self.stated_quantity if partial else asked.quantity,
            unit=asked.unit,
            value=self.stated_value if partial else asked.value,
            currency=asked.currency,
        )


def _unused(own: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    rest, value = own["quantity"] - own["used_quantity"], own["value"]
    left = ZERO if value is None else value - own["used_value"]
    return rest if rest > ZERO else ZERO, left if left > ZERO else ZERO


Aggregate = Mapping[str, Model]
"""A license and its reservations, by name."""
Effect = tuple[dict[str, Model | None], list[Saying]]
"""Entities that change, and answers to give."""


def days_of(request: ReservationRequested, now: datetime) -> tuple[date, ...]:
    """List the days a license must be valid on: the event's, the ledger's, the shipment's."""
    days: tuple[date, ...] = (day_in(request.regime, request.as_of),)
    if request.time_basis != "event":
        today = day_in(request.regime, now)
        days = days if today in days else (*days, today)
    ship = request.requested_ship_date
    return days if ship is None or ship in days else (*days, ship)


def clock_of(request: ReservationRequested, partition: Partition) -> datetime:
    """Tell what a reservation's validity is compared with."""
    return request.as_of if request.time_basis == "event" else partition.log_time
