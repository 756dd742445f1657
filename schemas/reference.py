"""Products, rates, prices, active packs and control records."""

from datetime import date

from pydantic import Field

from schemas.base import Currency, Id, Instant, Model, Name, Positive


class ProductClassified(Model):
    """What an officer confirmed a product to be, under each regime."""

    exporter_id: Id
    sku: Id
    codes: dict[str, str | None]
    officer: Name
    citation: Name
    date: date
    packs: dict[str, str]


class RateSet(Model):
    """An exchange rate, with its source."""

    rate_id: Id
    from_: Currency = Field(alias="from")
    to: Currency
    rate: Positive
    source: Name
    at: Instant


class PriceObserved(Model):
    """A price of a material, with its source."""

    material: Name
    price: Positive
    unit: Name
    currency: Currency
    source: Name
    at: Instant


class PackActivated(Model):
    """A policy pack comes into use."""

    regime: Name
    pack: Name
    digest: str
    at: Instant
    officers: tuple[Name, ...]


class FoldVersion(Model):
    """From this record on a partition is folded by another version of the fold."""

    partition: int
    fold: Name
    version: int
