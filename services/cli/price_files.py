"""Price lists as files: CSV with a header or JSON Lines. Pure: text in, prices or faults out."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from schemas.reference import PriceObserved
from services.classification.check_input import BadLine, load
from services.license_check.units import convert
from services.materials.catalog import material_named

COLUMNS: Final = tuple(PriceObserved.model_fields)


@dataclass(frozen=True, slots=True)
class PriceRow:
    """One price of a file; `price` is None where the log has it already."""

    line: int
    price: PriceObserved
    known: bool = False


@dataclass(frozen=True, slots=True)
class BadPrice:
    """Why a row is refused."""

    line: int
    column: str | None
    error: str


Latest = Mapping[str, PriceObserved]
"""The latest price by `price_key`."""


def price_key(material: str) -> str:
    """Name a material as the catalog does, where it knows it; else as it is written."""
    return material_named(material) or " ".join(material.split()).casefold()


def parse_prices(text: str, latest: Latest, now: datetime) -> tuple[list[PriceRow], list[BadPrice]]:
    """Read a price list against the prices known. Rows of a material stand in order of time."""
    rows: list[PriceRow] = []
    faults: list[BadPrice] = []
    standing = dict(latest)
    jsonl = text.lstrip("\ufeff \r\n\t").startswith("{")
    for line, raw in _json_rows(text) if jsonl else _csv_rows(text):
        read = raw if isinstance(raw, BadPrice) else _row(line, raw)
        fault = read if isinstance(read, BadPrice) else _untimely(line, read, standing, now)
        if fault is not None or isinstance(read, BadPrice):
            faults += [fault] if fault else []
            continue
        key = price_key(read.material)
        rows.append(PriceRow(line, read, known=standing.get(key) == read))
        standing[key] = read
    return rows, faults


def _row(line: int, raw: Mapping[str, Any]) -> PriceObserved | BadPrice:
    unknown = [name for name in raw if name not in COLUMNS]
    if unknown:
        return BadPrice(line, unknown[0], "no such column")
    for name in COLUMNS:
        if not str(raw.get(name, "")).strip():
            return BadPrice(line, name, f"a price needs its {_SAID.get(name, name)}")
    try:
        price = PriceObserved.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        return BadPrice(line, str(first["loc"][0]) if first["loc"] else None, first["msg"])
    if convert(price.price, price.unit, None, price.unit) is None:
        return BadPrice(line, "unit", f"{price.unit!r} is no unit of mass or count")
    return price


_SAID: Final = {"at": "time", "price": "amount"}


def _untimely(line: int, price: PriceObserved, standing: Latest, now: datetime) -> BadPrice | None:
    """Say why a price comes at the wrong time: after now, or before the latest one known."""
    if price.at > now:
        return BadPrice(line, "at", f"{price.at.isoformat()} is still to come")
    last = standing.get(price_key(price.material))
    if last is None or price == last or price.at > last.at:
        return None
    if price.at < last.at:
        return BadPrice(line, "at", f"older than the latest of {price.material}: "
                        f"{last.at.isoformat()} ({last.source})")  # fmt: skip
    return BadPrice(line, "at", f"{price.material} has another price at {last.at.isoformat()}")


def _json_rows(text: str) -> Iterator[tuple[int, dict[str, Any] | BadPrice]]:
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, {name: value for name, value in load(line).items() if value is not None}
        except BadLine as bad:
            yield number, BadPrice(number, bad.field, bad.error)


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, Any] | BadPrice]]:
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""))
    for raw in reader:
        if None in raw:
            yield reader.line_num, BadPrice(reader.line_num, None, "more cells than columns")
            continue
        filled = {name.strip(): (value or "").strip() for name, value in raw.items()}
        if any(filled.values()):
            yield reader.line_num, {name: value for name, value in filled.items() if value}
