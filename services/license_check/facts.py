"""What is asked of a license, and the answers coverage gives."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, NamedTuple

from schemas.checks import Rate, RequestedItem, RequestedParty, ReservationRequested
from schemas.decisions import HoldReason
from schemas.orders import Document, Weight


@dataclass(frozen=True, slots=True)
class Facts:
    """A line as determination asks about it, before there is a request."""

    line_id: str
    regime: str
    exporter: str
    item: RequestedItem
    parties: tuple[RequestedParty, ...] | None
    destination: str
    quantity: Decimal
    unit: str
    asked_at: datetime
    port: str | None = None
    shipping: Literal["complete", "partial"] | None = None
    net_weight: Weight | None = None
    gross_weight: Weight | None = None
    value: Decimal | None = None
    order_value: Decimal | None = None
    currency: str | None = None
    conversions: tuple[Rate, ...] = ()
    documents: tuple[Document, ...] = ()
    names_end_user: bool = False


Asked = Facts | ReservationRequested
"""The facts of one line under one regime. Coverage reads the fields both have."""


def asked_at(asked: Asked) -> datetime:
    """Tell when the facts were put together: what the age of a rate is measured at."""
    if isinstance(asked, Facts):
        return asked.asked_at
    return asked.as_of if asked.time_basis == "event" else asked.answer_by


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a license does not cover, and the nearest change that would make it."""

    reason: HoldReason
    change: str


class Draw(NamedTuple):
    """What a line draws on a license, in the license's own unit and currency."""

    quantity: Decimal
    unit: str
    value: Decimal | None
    currency: str | None
    documents: tuple[str, ...] = ()
    """Documents whose own quantity it uses up, as `documents.key_of` names them."""
    valid_until: date | None = None
    """Last day that all of these documents are in force; null where none of them ends."""
