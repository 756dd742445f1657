"""Figures of a second set of books: what was granted, what left, what came back, what cannot be."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from schemas.checks import ReservationGranted, ReservationRequested
from schemas.licenses import LicenseTerms
from tests.chaos.measures import GRAMS, SORTS, drawn, name, unit_factor, up, worth

ZERO: Final = Decimal(0)


@dataclass
class Reserved:
    """One reservation: what was set aside, and what of it has left."""

    order: str
    request: ReservationRequested
    quantity: Decimal
    value: Decimal
    whole: ReservationRequested | None = None
    """All that was asked for, where a part was granted."""
    left: Decimal = ZERO
    left_value: Decimal = ZERO
    shipments: set[str] = field(default_factory=set)
    wholes: set[str] = field(default_factory=set)
    """The shipments that these are, or are parts of."""
    returns: set[str] = field(default_factory=set)
    adjusted: set[str] = field(default_factory=set)
    documents: list[str] = field(default_factory=list)

    @property
    def open(self) -> tuple[Decimal, Decimal]:
        """What is still set aside."""
        return max(self.quantity - self.left, ZERO), max(self.value - self.left_value, ZERO)


@dataclass
class Account:
    """One license."""

    license_id: str
    terms: LicenseTerms | None = None
    amendment: int = 0
    conflict: bool = False
    changes: list[tuple[int, datetime, str]] = field(default_factory=list)
    unread: set[int] = field(default_factory=set)
    disputed: dict[int, int] = field(default_factory=dict)
    """Amendments that were not applied, by their offset."""
    adjusted: set[str] = field(default_factory=set)
    used: Decimal = ZERO
    used_value: Decimal = ZERO
    asked: set[str] = field(default_factory=set)
    """Whatever was asked for, granted or not."""
    open: dict[str, Reserved] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    """Voided, or settled to the end."""
    gone: dict[str, Reserved] = field(default_factory=dict)
    """What was open once: goods may leave on it all the same, or come back."""

    def under_documents(self, but: str = "") -> dict[str, Decimal]:
        """What is drawn under each document, without one reservation."""
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for rid, held in {**self.gone, **self.open}.items():
            set_aside = held.open[0] if rid in self.open else ZERO
            for key in held.documents if rid != but else ():
                sums[key] += set_aside + held.left
        return sums

    def standing(self, moment: datetime) -> str:
        """Active, suspended, revoked or unknown, at a moment."""
        if self.terms is None or self.unread or self.disputed or self.conflict:
            return "unknown"
        said = [state for _, at, state in sorted(self.changes) if at <= moment]
        states = [str(self.terms.status), *said]
        return "revoked" if "revoked" in states else states[-1]

    def left(self) -> tuple[Decimal | None, Decimal | None]:
        """Authorized less used less reserved, in quantity and value; None without a limit."""
        terms = self.terms
        open_ = [each.open for each in self.open.values()]
        quantity = None if terms is None else terms.quantity
        value = None if terms is None else terms.value
        return (
            None if quantity is None else quantity - self.used - sum((q for q, _ in open_), ZERO),
            None if value is None else value - self.used_value - sum((v for _, v in open_), ZERO),
        )


def part_granted(asked: ReservationRequested, answer: ReservationGranted) -> ReservationRequested:
    """The facts of the part that was granted, where the request allowed one."""
    if not asked.partial or answer.stated is None:
        return asked
    share = Fraction(answer.stated.quantity) / Fraction(asked.quantity)
    changes: dict[str, Any] = {"quantity": answer.stated.quantity, "value": answer.stated.value}
    for kind in ("net_weight", "gross_weight"):
        weight = getattr(asked, kind)
        if weight is not None:
            cut = up(Fraction(weight.value) * share)
            changes[kind] = weight.model_copy(update={"value": cut})
    return asked.model_copy(update=changes)


def shipments_allowed(terms: LicenseTerms) -> int | None:
    stated = [terms.max_shipments] if terms.max_shipments else []
    for text in terms.conditions:
        head, _, value = text.replace(":", "=", 1).partition("=")
        if head.strip().casefold() == "max_shipments" and value.strip().isdigit():
            stated.append(int(value))
    return min(stated, default=None)


def what_left(terms: LicenseTerms, held: Reserved, told: Any) -> Decimal | None:
    """What left, by weight; else in proportion to what the line was granted; else unknown."""
    if told.unit == terms.unit and terms.quantity_basis == "net":
        return Decimal(told.quantity)
    if terms.unit is None:
        terms = terms.model_copy(update={"unit": held.request.unit})
    shipped = held.request.model_copy(
        update={
            "quantity": told.quantity, "unit": told.unit, "net_weight": told.net_weight,
            "gross_weight": told.gross_weight,
        }
    )  # fmt: skip
    try:
        return drawn(terms, shipped)
    except (ValueError, KeyError):
        pass
    asked = held.whole or held.request
    unit = asked.unit
    if (name(told.unit) in GRAMS) != (name(unit) in GRAMS):
        return None
    try:
        part = Fraction(told.quantity) * unit_factor(told.unit, unit)
    except (KeyError, ValueError):
        return None
    return up(Fraction(drawn(terms, asked)) * part / Fraction(asked.quantity))


def value_left(terms: LicenseTerms, held: Reserved, told: Any) -> Decimal | None:
    if told.value is None:
        return None
    paid = held.request.model_copy(update={"currency": told.currency or held.request.currency})
    try:
        return worth(terms, paid, told.value)
    except ValueError:
        return None


def credit(terms: LicenseTerms, held: Reserved, told: Any, share: Fraction) -> Decimal:
    """The value of what came back, at most its share of what was used, rounded down."""
    down = -up(-share)
    stated = value_left(terms, held, told)
    return min(down if stated is None else stated, down, held.left_value)


def impossible(account: Account, terms: LicenseTerms) -> bool:
    """Terms that contradict what was drawn, or that nothing can be counted in."""
    known = terms.unit is None or name(terms.unit) in GRAMS or name(terms.unit) in SORTS
    by_mass = terms.unit is None or terms.quantity_basis == "net" or name(terms.unit) in GRAMS
    if not known or not by_mass:
        return True
    old = account.terms
    if old is None:
        return False
    set_aside = [held.open for held in account.open.values()]
    drawn_ = bool(account.used or any(q for q, _ in set_aside))
    valued = drawn_ or bool(account.used_value or any(v for _, v in set_aside))
    measure = (old.unit, old.quantity_basis) != (terms.unit, terms.quantity_basis)
    money = terms.currency is not None and old.currency != terms.currency
    below = [
        new is not None and (was is None or new < was) and new < used
        for new, was, used in (
            (terms.quantity, old.quantity, account.used),
            (terms.value, old.value, account.used_value),
        )
    ]
    return (drawn_ and measure) or (valued and money) or any(below)
