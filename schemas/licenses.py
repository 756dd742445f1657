"""The license book and its events (`licenses`)."""

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from schemas.base import (
    Amount,
    Country,
    Currency,
    Id,
    Instant,
    Model,
    Name,
    NonNegative,
    Positive,
    Text,
)

ANY = "*"


class LicenseTerms(Model):
    """What a license allows. An empty list means nobody, nowhere, nothing; `*` means any."""

    license_id: Id
    type: Literal["individual", "general", "registration", "exception"]
    authority: Name
    regime: Name = Field(description="CN, CN-GAZETTED, US, EU")
    holder: Name = Field(description="exporter id the license was issued to")
    consignees: tuple[Name, ...] = ()
    end_users: tuple[Name, ...] = ()
    destinations: tuple[Name, ...] = Field(
        default=(), description="ISO 3166-1 alpha-2, or a country group spelled out in `groups`"
    )
    groups: dict[Name, tuple[Country, ...]] | None = Field(
        default=None,
        description="countries of each group named in `destinations`, as they were at import",
    )
    codes: tuple[Name, ...] = Field(default=(), description="control codes of the regime")
    categories: tuple[Name, ...] = Field(default=(), description="categories of the reported rule")
    materials: tuple[Name, ...] = ()
    quantity: Positive | None = None
    unit: Name | None = None
    quantity_basis: Name = Field(default="net", description="gross, net, oxide, element:Dy")
    value: Positive | None = None
    currency: Currency | None = None
    over_percent: NonNegative | None = None
    under_percent: NonNegative | None = None
    max_shipments: int | None = Field(default=None, ge=1)
    valid_from: date
    valid_to: date = Field(description="last day on which the license may be used")
    requires: tuple[Name, ...] = Field(
        default=(), description="kinds of document an order must carry: euc, contract"
    )
    conditions: tuple[Name, ...] = Field(
        default=(), description="provisos as name=value: port=Shanghai; one unknown covers nothing"
    )
    return_credit: Literal["officer", "automatic"] = "officer"
    status: Literal["active", "suspended", "revoked"] = "active"

    @model_validator(mode="after")
    def _is_coherent(self) -> "LicenseTerms":
        if self.valid_to < self.valid_from:
            raise ValueError("valid_to is before valid_from")
        if (self.quantity is None) != (self.unit is None):
            raise ValueError("quantity and unit come together")
        if (self.value is None) != (self.currency is None):
            raise ValueError("value and currency come together")
        return self


class LicenseGranted(LicenseTerms):
    """A license enters the book."""

    amendment: int = Field(default=0, ge=0)
    document: Name | None = None
    officer: Name | None = None


class LicenseAmended(LicenseTerms):
    """The whole license again, changed, under a higher amendment."""

    amendment: int = Field(ge=1)
    amends: Name | None = None
    document: Name | None = None
    officer: Name | None = None


class LicenseChange(Model):
    """What suspension, reinstatement and revocation carry."""

    license_id: Id
    amendment: int = Field(ge=1)
    effective_at: Instant
    reason: Text
    document: Name | None = None
    officer: Name | None = None


class LicenseSuspended(LicenseChange):
    """Grants nothing from `effective_at` on; open reservations are withdrawn."""


class LicenseReinstated(LicenseChange):
    """Ends a suspension."""


class LicenseRevoked(LicenseChange):
    """Grants nothing ever again."""


class LicenseResolved(Model):
    """An officer's word on a license that an unreadable record made unknown."""

    license_id: Id
    unreadable_offset: int
    officer: Name
    note: Text


class BalanceAdjusted(Model):
    """An officer's correction of what is used, naming the authority's document."""

    adjustment_id: Id
    license_id: Id
    quantity: Amount | None = None
    unit: Name | None = None
    value: Amount | None = None
    currency: Currency | None = None
    document: Name
    officer: Name
    note: Text


class LicenseEventRefused(Model):
    """An event on a license was not applied, in no part; why, on record (`licenses`)."""

    license_id: Id
    event: Name = Field(description="type of the event: LicenseAmended")
    event_id: Name
    result: Name = Field(description="below_used, unit_unknown, out_of_order, and the like")
    text: Text
    ledger_partition: int
    ledger_offset: int


class LicenseAlerted(Model):
    """A license is nearly used up, or nearly over. Once a threshold and amendment."""

    license_id: Id
    alert: Literal["utilisation", "expiry"]
    threshold: int = Field(description="percent used or reserved; or days before the last day ends")
    amendment: int
    measure: Literal["quantity", "value"] | None = Field(
        default=None, description="utilisation: which limit is reached"
    )
    used: Amount | None = None
    reserved: Amount | None = None
    authorized: Amount | None = None
    unit: Name | None = Field(default=None, description="unit or currency of the three")
    valid_to: date
    ledger_partition: int
    ledger_offset: int
