"""What order systems say: placed, amended, cancelled, shipped, returned (`orders`)."""

from datetime import date
from typing import Literal

from pydantic import Field, model_validator

from schemas.base import (
    Country,
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

LINES_MAX = 1_000
CANARY_SOURCE = "exportgate-canary"
"""Order source of the synthetic orders that measure the pipeline; no order system may use it."""


class Screening(Model):
    """Somebody else's restricted-party screening of one party; this product does none."""

    result: Literal["clear", "hit", "unknown"]
    list_version: Name
    at: Instant


class OrderParty(Model):
    """A party of an order. A missing consignee or end user counts as unknown."""

    role: Literal[
        "buyer", "consignee", "intermediate_consignee", "end_user", "supplier", "forwarder"
    ]
    name: Name
    country: Country
    owner_country: Country | None = None
    id: Id | None = None
    address: Name | None = None
    screened: Screening | None = None


class Exporter(Model):
    """Who exports; the duty to hold a license lies here."""

    id: Id
    name: Name | None = None
    country: Country


class Document(Model):
    """A document that comes with an order, such as an end-user certificate (euc)."""

    kind: Literal["euc", "end_use_statement", "contract", "technical_spec", "other"]
    number: Name
    issuer: Name
    issued: date
    valid_until: date | None = None
    end_user: Name | None = None
    items: tuple[Name, ...] | None = None
    quantity: Positive | None = None
    unit: Name | None = None


class Weight(Model):
    """Weight of a whole line."""

    value: Positive
    unit: Name


class Component(Model):
    """One element of an item, in percent of mass."""

    element: Name
    mass_percent: NonNegative


class Declared(Model):
    """Codes the order system claims. A claim: it can raise a verdict, never lower it."""

    cn: Name | None = None
    us: Name | None = None
    eu: Name | None = None


class OrderLine(Model):
    """One line. Without `net_weight` a weight license cannot be drawn by pieces."""

    line_id: Id
    sku: Id | None = None
    description: Text | None = Field(
        default=None, description="what the goods are; null or empty cannot be released"
    )
    language: Name | None = None
    hs_code: Name | None = None
    quantity: Positive
    unit: Name
    net_weight: Weight | None = None
    gross_weight: Weight | None = None
    value: NonNegative | None = Field(default=None, description="of the line, in `currency`")
    currency: Currency | None = None
    origin: Country | None = None
    supplier: Name | None = None
    end_use: Name | None = None
    composition: tuple[Component, ...] | None = None
    cas: Name | None = None
    declared: Declared | None = None
    license_ids: tuple[Id, ...] | None = Field(
        default=None, description="licenses the exporter wants drawn first"
    )


class Order(Model):
    """A whole order, as of one revision."""

    order_source: Id
    order_id: OrderId
    revision: int = Field(ge=1)
    exporter: Exporter
    ship_from: Country | None = None
    destination: Country
    parties: tuple[OrderParty, ...] = ()
    mode: Literal["physical", "electronic", "in_person"] = "physical"
    shipping: Literal["complete", "partial"] = "complete"
    requested_ship_date: date | None = None
    incoterm: Name | None = None
    port: Name | None = None
    contract: Name | None = None
    purpose: Literal["sale", "sample", "gift", "exhibition", "repair", "return", "transfer"] = (
        "sale"
    )
    documents: tuple[Document, ...] = ()
    lines: tuple[OrderLine, ...] = Field(min_length=1, max_length=LINES_MAX)

    @model_validator(mode="after")
    def _lines_are_distinct(self) -> "Order":
        if len({line.line_id for line in self.lines}) != len(self.lines):
            raise ValueError("two lines have one line_id")
        return self

    @property
    def key(self) -> str:
        """The record key, by which officers and warehouses address the order."""
        return order_key(self.order_source, self.order_id)


def order_key(order_source: str, order_id: str) -> str:
    """Build the key of every record that concerns one order."""
    return f"{order_source}/{order_id}"


class OfOrder(Model):
    """What every event of an order carries."""

    order_source: Id
    order_id: OrderId

    @property
    def key(self) -> str:
        """The record key."""
        return order_key(self.order_source, self.order_id)


class OrderPlaced(Order):
    """A new order, whole."""


class OrderAmended(Order):
    """The whole order again, changed, under a higher revision."""


class OrderCancelled(OfOrder):
    """A cancellation of this and lower revisions; with `lines` it is an amendment."""

    revision: int = Field(ge=1)
    lines: tuple[Id, ...] | None = None
    not_shipped: bool = Field(
        default=False, description="the order system vouches that no goods have left"
    )
    reason: Text | None = None


class ShippedLine(Model):
    """What left on one line. Weights and `value` are of this shipment."""

    line_id: Id
    quantity: Positive
    unit: Name
    net_weight: Weight | None = None
    gross_weight: Weight | None = None
    value: NonNegative | None = None


class OrderShipped(OfOrder):
    """Goods left the dock, on a decision."""

    revision: int = Field(ge=1)
    shipment_id: Id
    decision_id: Id
    shipped_at: Instant
    final: bool
    declaration_no: Name | None = None
    lines: tuple[ShippedLine, ...] = Field(min_length=1, max_length=LINES_MAX)


class OrderReturned(OfOrder):
    """Goods came back. Recorded; it changes no balance by itself."""

    shipment_id: Id
    return_id: Id
    returned_at: Instant
    declaration_no: Name | None = None
    lines: tuple[ShippedLine, ...] = Field(min_length=1, max_length=LINES_MAX)


class Finding(Model):
    """What an officer stated about an order at one revision, with the authority for it."""

    action: Literal["classify", "state_fact", "release"]
    line_id: Id | None = None
    regime: Name | None = None
    code: Name | None = Field(default=None, description="null: the regime lists no such item")
    fact: Name | None = None
    value: Text | None = None
    citation: Text
    officers: tuple[Name, ...] = Field(min_length=1)
    valid_until: Instant | None = None
    decided_at: Instant


class RecheckRequested(Order):
    """The gate's request to determine an order again, numbered by the gate."""

    check: int = Field(ge=1)
    findings: tuple[Finding, ...] = ()
    cause: Name
    cause_id: Id
