"""Product records as files: CSV or JSON Lines. Pure: text in, rows or faults out."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pydantic import ValidationError

from schemas.reference import ProductClassified
from schemas.regimes import ZONES
from services.classification.check_input import BadLine, load
from services.classification.goods import entry_of
from services.classification.pack_set import Compiled
from services.classification.products import code_of, entries_digest, is_well_formed

PLAIN: Final = ("exporter_id", "sku", "officer", "citation", "date")
COLUMNS: Final = (*PLAIN, "packs")
NONE: Final = "none"
"""What a cell says where no list of the regime names the product; an empty cell says nothing."""
Raw = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One product of a file, with the pack digests that the file states."""

    line: int
    product: ProductClassified


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why a row is refused."""

    line: int
    field: str | None
    error: str


def parse_products(text: str, today: date) -> tuple[list[Row], list[BadRow]]:
    """Read product records; JSON Lines if it begins with a brace, else CSV with a header.

    In CSV each regime is a column, and `packs` reads `CN=<digest>;US=<digest>`.
    """
    rows: list[Row] = []
    faults: list[BadRow] = []
    jsonl = text.lstrip("\ufeff \r\n\t").startswith("{")
    for line, raw in _json_rows(text) if jsonl else _csv_rows(text):
        read = raw if isinstance(raw, BadRow) else _row(line, raw, today)
        if isinstance(read, Row):
            rows.append(read)
        else:
            faults.append(read)
    return _refuse_twice(rows, faults), faults


def _row(line: int, raw: Raw, today: date) -> Row | BadRow:
    try:
        product = ProductClassified.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        return BadRow(line, ".".join(str(part) for part in first["loc"]) or None, first["msg"])
    for name in ("officer", "citation"):
        if not getattr(product, name).strip():
            return BadRow(line, name, "must not be empty")
    if product.date > today:
        return BadRow(line, "date", f"{product.date} lies ahead")
    if not product.codes:
        return BadRow(line, "codes", f"says nothing of any regime ({', '.join(ZONES)})")
    for name in ("codes", "packs"):
        for regime in getattr(product, name):
            if regime not in ZONES:
                return BadRow(line, f"{name}.{regime}", f"is none of {', '.join(ZONES)}")
    return Row(line, product)


def _refuse_twice(rows: list[Row], faults: list[BadRow]) -> list[Row]:
    seen: dict[str, Row] = {}
    for row in rows:
        first = seen.setdefault(row.product.key, row)
        if first.product != row.product:
            faults.append(BadRow(row.line, "sku", f"stands in line {first.line} otherwise"))
    return list(seen.values())


def with_digests(row: Row, packs: Mapping[str, Compiled]) -> ProductClassified | BadRow:
    """State what the officer read: the packs in use, where the file names none.

    A row that names another pack is taken as it is, and is stale from the start.
    """
    product = row.product
    digests, entries = dict(product.packs), {}
    for regime in product.codes:
        compiled, code = packs[regime], code_of(product, regime)
        if code is not None and not is_well_formed(code):
            return BadRow(row.line, f"codes.{regime}", f"{code!r} is no code and names no entry")
        if digests.setdefault(regime, compiled.digest) != compiled.digest:
            continue
        if code is not None and not _names(compiled, code):
            return BadRow(row.line, f"codes.{regime}", f"{code} is not in {compiled.pack.name}")
        entries[regime] = entries_digest(compiled, code)
    codes = {regime: code_of(product, regime) for regime in product.codes}
    return product.model_copy(update={"codes": codes, "packs": digests, "entries": entries})


def _names(compiled: Compiled, code: str) -> bool:
    return entry_of(compiled, code) is not None or code[:5] in compiled.listed


def says_the_same(row: Row, known: ProductClassified) -> bool:
    """Whether a row says what is on record.

    Digests count only where the file states them: importing an old file again confirms nothing
    anew, and a record that went stale stays so until an officer dates it afresh.
    """
    product = row.product
    codes = {regime: code_of(product, regime) for regime in product.codes}
    same = all(getattr(product, name) == getattr(known, name) for name in PLAIN)
    stated = all(known.packs.get(regime) == digest for regime, digest in product.packs.items())
    return same and stated and codes == known.codes


def _json_rows(text: str) -> Iterator[tuple[int, Raw | BadRow]]:
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            raw = load(line)
        except BadLine as bad:
            yield number, BadRow(number, bad.field, bad.error)
            continue
        unknown = [name for name in raw if name not in (*COLUMNS, "codes")]
        fault = BadRow(number, unknown[0], "no such field") if unknown else None
        yield number, fault or {"packs": {}, **raw}


def _csv_rows(text: str) -> Iterator[tuple[int, Raw | BadRow]]:
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""))
    names = {name: name.strip() for name in reader.fieldnames or ()}
    unknown = [name for name in names.values() if name not in COLUMNS and name not in ZONES]
    if unknown:
        yield 1, BadRow(1, unknown[0], "no such column")
        return
    for cells in reader:
        line = reader.line_num
        if None in cells or None in cells.values():
            yield line, BadRow(line, None, "another number of cells than columns")
            continue
        yield line, _from_cells(line, {names[k]: v.strip() for k, v in cells.items()})


def _from_cells(line: int, cells: dict[str, str]) -> Raw | BadRow:
    codes = {regime: cells[regime] for regime in ZONES if cells.get(regime)}
    packs = dict(
        part.partition("=")[::2] for part in cells.get("packs", "").split(";") if part.strip()
    )
    if not all(packs.values()):
        return BadRow(line, "packs", "must read REGIME=digest;REGIME=digest")
    plain = {name: cells[name] for name in PLAIN if cells.get(name)}
    return {**plain, "codes": codes, "packs": {k.strip(): v.strip() for k, v in packs.items()}}
