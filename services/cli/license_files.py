"""License books as files: CSV (lists with `;`) or JSON Lines. Pure: text in, rows or faults out."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from schemas.base import plain
from schemas.licenses import LicenseTerms
from schemas.regimes import ZONES
from services.classification.check_input import BadLine, load
from services.license_check import conditions
from services.license_check.terms import unknown_measure

LISTS: Final = (
    "consignees", "end_users", "destinations", "codes", "categories", "materials", "requires",
    "conditions",
)  # fmt: skip
FIELDS: Final = tuple(name for name in LicenseTerms.model_fields if name != "groups")
"""Columns that are terms. What a country group contains is for the importer to look up."""
COLUMNS: Final = (*FIELDS, "amends")
DOCUMENTS: Final = ("euc", "end_use_statement", "contract")
_DESTINATION: Final = re.compile(r"^(\*|[A-Z]{2})$")
Groups = Mapping[str, tuple[str, ...]]
EXAMPLE: Final = {
    "license_id": "CN-2026-0001", "type": "individual", "authority": "MOFCOM", "regime": "CN",
    "holder": "default", "consignees": "Rheintal Antriebe GmbH", "end_users": "*",
    "destinations": "DE;AT", "codes": "1C905", "quantity": "1000", "unit": "kg",
    "quantity_basis": "net", "valid_from": "2026-01-01", "valid_to": "2026-12-31",
    "requires": "euc", "conditions": "port=Shanghai|Ningbo;quantity_per_shipment=200 kg",
    "return_credit": "officer", "status": "active",
}  # fmt: skip
"""The row of the template, to be overwritten."""
_BASIS: Final = re.compile(r"^(gross|net|oxide|element:[A-Z][a-z]?)$")


@dataclass(frozen=True, slots=True)
class Row:
    """One license of a file."""

    line: int
    terms: LicenseTerms
    amends: str | None


@dataclass(frozen=True, slots=True)
class BadRow:
    """Why a row is refused."""

    line: int
    column: str | None
    error: str


def template() -> str:
    """Write an empty book with one example, as CSV."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerow(EXAMPLE)
    return out.getvalue()


def parse_book(text: str, groups: Groups) -> tuple[list[Row], list[BadRow]]:
    """Read a license book; JSON Lines if it begins with a brace, else CSV with a header.

    `groups`: the countries of each group that a row may name among its destinations.
    """
    rows: list[Row] = []
    faults: list[BadRow] = []
    jsonl = text.lstrip("\ufeff \r\n\t").startswith("{")
    for line, raw in _json_rows(text) if jsonl else _csv_rows(text):
        if isinstance(raw, BadRow):
            faults.append(raw)
            continue
        unknown = [name for name in raw if name not in COLUMNS]
        if unknown:
            faults.append(BadRow(line, unknown[0], "no such column"))
            continue
        try:
            row = _row(line, raw, groups)
            unheard_of = [BadRow(line, *found) for found in _unheard_of(row.terms)]
            rows += [] if unheard_of else [row]
            faults += unheard_of
        except ValidationError as error:
            faults += [
                BadRow(line, str(e["loc"][0]) if e["loc"] else None, e["msg"])
                for e in error.errors()
            ]
    return _refuse_twice(rows, faults), faults


def _refuse_twice(rows: list[Row], faults: list[BadRow]) -> list[Row]:
    seen: dict[str, Row] = {}
    for row in rows:
        first = seen.setdefault(row.terms.license_id, row)
        if (first.terms, first.amends) != (row.terms, row.amends):
            faults.append(
                BadRow(row.line, "license_id", f"line {first.line} says something else of it")
            )
    return list(seen.values())


def _unheard_of(terms: LicenseTerms) -> Iterator[tuple[str, str]]:
    """Find words that no rule knows: such a license would be held, and cover nothing, unseen."""
    if terms.regime not in ZONES:
        yield "regime", f"{terms.regime!r} is none of {', '.join(ZONES)}"
    for destination in terms.destinations:
        if not _DESTINATION.match(destination) and destination not in (terms.groups or {}):
            yield "destinations", f"{destination!r} is neither *, two capital letters nor a group"
    for document in terms.requires:
        if document not in DOCUMENTS:
            yield "requires", f"{document!r} is none of {', '.join(DOCUMENTS)}"
    if not _BASIS.match(terms.quantity_basis):
        yield "quantity_basis", f"{terms.quantity_basis!r} is not gross, net, oxide or element:Xx"
    unknown = unknown_measure(terms)
    if unknown is not None:
        yield _COLUMN_OF[unknown[0]], unknown[1]
    for text in terms.conditions:
        wrong = conditions.read(text)
        if isinstance(wrong, str) and conditions.known(text):
            yield "conditions", wrong


_COLUMN_OF: Final = {
    "unit_unknown": "unit", "basis_unknown": "quantity_basis", "currency_unknown": "currency",
}  # fmt: skip


def _row(line: int, raw: dict[str, Any], groups: Groups) -> Row:
    values = {name: value for name, value in raw.items() if name != "amends"}
    amends = raw.get("amends")
    terms = LicenseTerms.model_validate(values)
    named = {name: groups[name] for name in terms.destinations if name in groups}
    if named:
        terms = terms.model_copy(update={"groups": named})
    return Row(line, terms, str(amends) if amends else None)


def _json_rows(text: str) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    for number, line in enumerate(text.lstrip("\ufeff").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, {k: _listed(k, v) for k, v in load(line).items() if v is not None}
        except BadLine as bad:
            yield number, BadRow(number, bad.field, bad.error)


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, Any] | BadRow]]:
    reader = csv.DictReader(io.StringIO(text.lstrip("\ufeff"), newline=""))
    for raw in reader:
        if None in raw:
            yield reader.line_num, BadRow(reader.line_num, None, "more cells than columns")
            continue
        filled = {k.strip(): (v or "").strip() for k, v in raw.items()}
        yield reader.line_num, {k: _listed(k, v) for k, v in filled.items() if v}


def _listed(column: str, value: Any) -> Any:
    if column not in LISTS or not isinstance(value, str):
        return value
    return [entry.strip() for entry in value.split(";") if entry.strip()]


def to_csv(books: list[tuple[LicenseTerms, int]]) -> str:
    """Write a book as CSV, one license a row; what it amends is for the importer to say."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for terms, _ in books:
        writer.writerow({name: _cell(getattr(terms, name)) for name in FIELDS})
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ";".join(value)
    return plain(value) if hasattr(value, "as_tuple") else str(value)
