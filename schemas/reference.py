"""Products, rates, prices, active packs and control records."""

from datetime import date
from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.base import Currency, Id, Instant, Model, Name, Positive


class ProductClassified(Model):
    """What an officer confirmed a product to be, under each regime."""

    exporter_id: Annotated[str, StringConstraints(pattern=r"^[^/]{1,128}$")] = Field(
        description="no slash: exporter and SKU share the record key"
    )
    sku: Id
    codes: dict[str, str | None] = Field(
        description="by regime; null: no list of the regime names it; absent: nothing was said"
    )
    officer: Name
    citation: Name
    date: date
    packs: dict[str, str] = Field(
        description="by regime, SHA-256 of the pack the officer read, as `policy list` shows it"
    )
    entries: dict[str, str] = Field(
        default_factory=dict,
        description="by regime, SHA-256 of what the pack held on the code (on null: of its list)",
    )

    @property
    def key(self) -> str:
        """The record key: one product of one exporter."""
        return product_key(self.exporter_id, self.sku)


def product_key(exporter_id: str, sku: str) -> str:
    """Build the key that every record of one product stands under."""
    return f"{exporter_id}/{sku}"


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


class SnapshotTaken(Model):
    """A marker on a `*.state` topic: the records of its space before it are what a fold knew."""

    partition: int
    offset: int = Field(description="next offset of the folded topic")
    chain: str = Field(description="running hash of the folded input, hex")
    sum: str = Field(description="sum of the entities' digests modulo 2^256, hex")
    fold_version: int
    space: str = Field(description="which records belong together")
    last_sha256: str = Field(description="of the last record's value folded, hex")
    log_time: Instant
    chain_index: int = Field(description="of the partition's decision chain")
    chain_prev: str


class FoldVersion(Model):
    """From this record on a partition is folded by another version of the fold."""

    partition: int
    fold: Name
    version: int
