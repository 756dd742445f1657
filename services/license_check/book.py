"""What the ledger remembers: licenses with their balances, and the reservations on them."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal

from schemas.base import Amount, Instant, Model
from schemas.checks import Balance, ReservationRequested
from schemas.decisions import HoldReason
from schemas.envelope import Output
from schemas.fold import Partition
from schemas.licenses import LicenseTerms
from schemas.regimes import day_in

LICENSE: Final = ""
"""Name of the license itself among the entities of its aggregate; the others are reservations."""
ZERO: Final = Decimal(0)

_STATE_REASONS: Final = {
    "suspended": HoldReason.LICENSE_SUSPENDED,
    "revoked": HoldReason.LICENSE_REVOKED,
    "unknown": HoldReason.LICENSE_UNKNOWN,
}


class Change(Model):
    """A suspension, reinstatement or revocation, from the moment it takes effect."""

    state: Literal["active", "suspended", "revoked"]
    effective_at: Instant
    amendment: int
    applied: bool = False
    """Whether log time has reached it, and reservations were answered."""


class License(Model):
    """A license: its terms, what happened to it, and what is drawn on it.

    `terms` is null while only later events or unreadable records of it are known.
    """

    license_id: str
    terms: LicenseTerms | None = None
    amendment: int = 0
    changes: tuple[Change, ...] = ()
    unreadable_offsets: tuple[int, ...] = ()
    conflict: bool = False
    expired: bool = False
    """Whether reservations were answered for the end of its validity."""
    used_quantity: Amount = ZERO
    reserved_quantity: Amount = ZERO
    used_value: Amount = ZERO
    reserved_value: Amount = ZERO
    adjustments: tuple[str, ...] = ()

    def state_at(self, moment: datetime) -> str:
        """Tell the state at a moment: active, suspended, revoked or unknown."""
        if self.terms is None or self.unreadable_offsets or self.conflict:
            return "unknown"
        state: str = self.terms.status
        for change in self.changes:
            if change.effective_at <= moment and state != "revoked":
                state = change.state
        return state

    def refusal_at(self, moment: datetime) -> HoldReason | None:
        """Tell why nothing may be granted at a moment, by state and validity alone."""
        reason = _STATE_REASONS.get(self.state_at(moment))
        if reason is not None or self.terms is None:
            return reason
        return validity(self.terms, day_in(self.terms.regime, moment))

    @property
    def remaining_quantity(self) -> Decimal | None:
        """What may still be granted in quantity; None without a limit."""
        limit = self.terms.quantity if self.terms else ZERO
        return None if limit is None else limit - self.used_quantity - self.reserved_quantity

    @property
    def remaining_value(self) -> Decimal | None:
        """What may still be granted in value; None without a limit."""
        limit = self.terms.value if self.terms else ZERO
        return None if limit is None else limit - self.used_value - self.reserved_value

    def balance(self) -> Balance:
        """What is left, never below zero; an overdraft is told apart."""
        quantity, value = self.remaining_quantity, self.remaining_value
        return Balance(
            quantity=None if quantity is None else max(quantity, ZERO),
            unit=self.terms.unit if self.terms else None,
            value=None if value is None else max(value, ZERO),
            currency=self.terms.currency if self.terms else None,
        )

    def overdraft(self) -> Balance | None:
        """What shipments drew beyond the license; None where nothing."""
        quantity = max(-(self.remaining_quantity or ZERO), ZERO)
        value = max(-(self.remaining_value or ZERO), ZERO)
        if not quantity and not value:
            return None
        return Balance(
            quantity=quantity,
            unit=self.terms.unit if self.terms else None,
            value=value,
            currency=self.terms.currency if self.terms else None,
        )


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
    used_quantity: Amount = ZERO
    used_value: Amount = ZERO
    valid_to: date | None = None
    granted_offset: int = 0
    """Where in the ledger it was granted: tells the newer from the older."""
    shipments: tuple[str, ...] = ()
    closed_at: Instant | None = None

    @property
    def open_quantity(self) -> Decimal:
        """What is still set aside for this line."""
        return ZERO if self.state == "closed" else max(self.quantity - self.used_quantity, ZERO)

    @property
    def open_value(self) -> Decimal:
        """The value still set aside for this line."""
        if self.state == "closed" or self.value is None:
            return ZERO
        return max(self.value - self.used_value, ZERO)


Aggregate = Mapping[str, Model]
"""A license and its reservations, by name."""
Effect = tuple[dict[str, Model | None], list[Output]]
"""Entities that change, and answers to give."""


def days_of(request: ReservationRequested, now: datetime) -> tuple[date, ...]:
    """List the days a license must be valid on: the event's, the ledger's, the shipment's."""
    moments = (request.as_of,) if request.time_basis == "event" else (request.as_of, now)
    days = [day_in(request.regime, moment) for moment in moments]
    if request.requested_ship_date is not None:
        days.append(request.requested_ship_date)
    return tuple(dict.fromkeys(days))


def clock_of(request: ReservationRequested, partition: Partition) -> datetime:
    """Tell what a reservation's validity is compared with."""
    return request.as_of if request.time_basis == "event" else partition.log_time
