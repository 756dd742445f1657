"""One order line with what matters of its order: the input of classification."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Party:
    """Somebody who takes part in the order. `screened` is clear, hit or unknown."""

    role: str
    name: str
    country: str | None = None
    owner_country: str | None = None
    id: str | None = None
    screened: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An order line. Countries are ISO 3166-1 alpha-2; None means not stated.

    `as_of` as a date means that whole day in each regime's zone; as an aware datetime, the day
    that instant falls on in each zone.
    """

    description: str | None
    exporter_country: str | None
    destination: str | None
    as_of: date | datetime
    language: str | None = None
    hs_code: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    origin: str | None = None
    ship_from: str | None = None
    end_use: str | None = None
    sku: str | None = None
    cas: str | None = None
    value: Decimal | None = None
    currency: str | None = None
    parties: tuple[Party, ...] | None = None
    declared: Mapping[str, str | None] = field(default_factory=dict)
    composition: tuple[tuple[str, Decimal], ...] = ()
    mode: str = "physical"
    purpose: str = "sale"
    incoterm: str | None = None
