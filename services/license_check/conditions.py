"""Conditions of a license, as data: `name=value`. One that nobody can evaluate covers nothing.

What a request shows is judged at the request; what only a shipment shows is judged when it is
settled, and a breach is on record (15 CFR 750.7: a license is used within its conditions).
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Final

from schemas.base import plain
from schemas.checks import ReservationSettled
from schemas.decisions import HoldReason
from schemas.licenses import LicenseTerms
from services.license_check.documents import names_end_users
from services.license_check.exchange import CURRENCIES
from services.license_check.facts import Asked, Draw, Refusal
from services.license_check.units import convert, sort_of

PER_SHIPMENT: Final = "quantity_per_shipment"
MAX_SHIPMENTS: Final = "max_shipments"
VALUE_PER_ORDER: Final = "value_per_order"
PORT: Final = "port"
NO_REEXPORT: Final = "no_reexport"
REPORT: Final = "report_within_days"
ACKNOWLEDGE: Final = "acknowledge"


_NAMES: Final = frozenset(
    {PER_SHIPMENT, MAX_SHIPMENTS, VALUE_PER_ORDER, PORT, NO_REEXPORT, REPORT, ACKNOWLEDGE}
)


Moved = Asked | ReservationSettled
"""What says how much of a line a shipment takes."""
_MOST: Final = 3650
"""Days or shipments that a condition may state."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, read. `amount` and `measure` where it states a quantity or a number."""

    name: str
    words: tuple[str, ...] = ()
    amount: Decimal = Decimal(0)
    measure: str = ""


@lru_cache(maxsize=4096)
def read(text: str) -> Condition | str:
    """Read a condition; a sentence saying what is wrong, where it cannot be evaluated."""
    name, sign, value = (part.strip() for part in text.replace(":", "=", 1).partition("="))
    name = name.casefold()
    if name == PORT:
        ports = tuple(port.strip() for port in value.split("|") if port.strip())
        return Condition(name, ports) if ports else "port names no port"
    if name in (PER_SHIPMENT, VALUE_PER_ORDER):
        return _amount(name, value)
    if name in (REPORT, MAX_SHIPMENTS):
        whole = value.isascii() and value.isdigit() and 0 < int(value) <= _MOST
        return Condition(name, (), Decimal(value)) if whole else f"{name} is no number: {value!r}"
    if name == NO_REEXPORT:
        return f"{name} takes no value" if sign else Condition(name)
    if name == ACKNOWLEDGE:
        return Condition(name, (value,) if value else ())
    return f"condition {text!r} is not known"


def known(text: str) -> bool:
    """Tell whether a condition has a name that can be evaluated, however badly it is put."""
    name, _, _ = text.replace(":", "=", 1).partition("=")
    return name.strip().casefold() in _NAMES


def _amount(name: str, value: str) -> Condition | str:
    number, _, measure = value.partition(" ")
    measure = measure.strip()
    try:
        amount = Decimal(number)
    except InvalidOperation:
        return f"{name} is no amount: {value!r}"
    known = sort_of(measure) if name == PER_SHIPMENT else measure in CURRENCIES
    if not amount.is_finite() or amount <= 0 or not known:
        return f"{name} is no amount: {value!r}"
    return Condition(name, (), amount, measure)


def find(terms: LicenseTerms, name: str) -> Condition | None:
    """Find a condition of a license by name."""
    for text in terms.conditions:
        found = read(text)
        if isinstance(found, Condition) and found.name == name:
            return found
    return None


def shipments_max(terms: LicenseTerms) -> int | None:
    """Tell how many shipments a license allows, by its column or a condition; None: any."""
    if not terms.conditions:
        return terms.max_shipments
    found = find(terms, MAX_SHIPMENTS)
    stated = [n for n in (terms.max_shipments, int(found.amount) if found else None) if n]
    return min(stated, default=None)


def per_shipment(terms: LicenseTerms) -> Decimal | None:
    """Tell what one shipment may draw, in the license's unit; zero where that is not comparable."""
    found = find(terms, PER_SHIPMENT) if terms.conditions else None
    if found is None:
        return None
    return convert(found.amount, found.measure, None, terms.unit or found.measure) or Decimal(0)


def in_shipment(terms: LicenseTerms, moved: Moved, drawn: Decimal) -> Decimal | None:
    """Tell what a shipment draws in the unit its limit is in; None where nothing says.

    A license that counts no quantity has no unit, and draws each line in the line's own.
    """
    found = find(terms, PER_SHIPMENT)
    if terms.unit is not None or found is None:
        return drawn
    return convert(moved.quantity, moved.unit, moved.net_weight, found.measure)


def open_condition(terms: LicenseTerms, asked: Asked, drawn: Draw) -> Refusal | None:
    """Name the first condition that the facts do not meet, or that cannot be evaluated."""
    for text in terms.conditions:
        found = read(text)
        missed = found if isinstance(found, str) else _missed(found, terms, asked, drawn)
        if missed:
            return Refusal(HoldReason.CONDITION_OPEN, missed)
    return None


def _missed(found: Condition, terms: LicenseTerms, asked: Asked, drawn: Draw) -> str:
    if found.name == PORT:
        named = asked.port is not None and asked.port.casefold() in map(str.casefold, found.words)
        return "" if named else f"leaves by {' or '.join(found.words)}, not by {asked.port}"
    if found.name == NO_REEXPORT:
        return _reexported(asked)
    if found.name == ACKNOWLEDGE:
        return _unacknowledged(found, terms, asked)
    if found.name == VALUE_PER_ORDER:
        return _above(found, asked)
    if found.name == PER_SHIPMENT:
        return _in_one_shipment(found, terms, asked, drawn)
    return ""


def _reexported(asked: Asked) -> str:
    """Goods whose end user sits elsewhere than where they go are meant to be re-exported."""
    users = [party for party in asked.parties or () if party.role == "end_user"]
    stays = bool(users) and all(user.country == asked.destination for user in users)
    return "" if stays else f"may not be re-exported: its end user must be in {asked.destination}"


def _unacknowledged(found: Condition, terms: LicenseTerms, asked: Asked) -> str:
    number = found.words[0] if found.words else terms.license_id
    for document in asked.documents:
        if document.number == number and names_end_users(document, asked):
            return ""
    return f"its conditions must be acknowledged by the end user in a document numbered {number}"


def _above(found: Condition, asked: Asked) -> str:
    total = asked.order_value
    if total is None or asked.currency != found.measure:
        return f"is capped in {found.measure} an order; not every line states such a value"
    if total > found.amount:
        return f"is capped at {plain(found.amount)} {found.measure} an order, not {plain(total)}"
    return ""


def _in_one_shipment(found: Condition, terms: LicenseTerms, asked: Asked, drawn: Draw) -> str:
    """An order that ships complete ships its line at once; in parts, the shipments are judged."""
    limit, whole = per_shipment(terms), in_shipment(terms, asked, drawn.quantity)
    if not limit or whole is None:
        return f"allows {plain(found.amount)} {found.measure} a shipment, which is not comparable"
    if asked.shipping == "partial" or whole <= limit:
        return ""
    return (
        f"allows {plain(found.amount)} {found.measure} a shipment; the line would draw more at once"
    )
