"""Product records as files: CSV and JSON Lines say the same; a bad row names line and field."""

import json
from datetime import date
from typing import Any

import pytest

from services.classification.products import is_current
from services.cli.product_files import BadRow, Row, parse_products, says_the_same, with_digests
from services.cli.products import packs_in_use

TODAY = date(2026, 7, 1)
PACKS = packs_in_use()
CELLS = {
    "exporter_id": "default",
    "sku": "MAG-42",
    "CN": "1C905.b",
    "CN-GAZETTED": "",
    "US": "none",
    "officer": "li.wei",
    "citation": "data sheet, rev. C",
    "date": "2026-06-01",
}
FIELDS: dict[str, Any] = {
    "exporter_id": "default",
    "sku": "MAG-42",
    "codes": {"CN": "1C905.b", "US": None},
    "officer": "li.wei",
    "citation": "data sheet, rev. C",
    "date": "2026-06-01",
}


def csv_of(*rows: dict[str, str]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [",".join(f'"{row.get(name, "")}"' for name in names) for row in rows]
    return "\n".join([",".join(names), *cells])


def one(text: str) -> Row:
    rows, faults = parse_products(text, TODAY)
    assert faults == []
    (row,) = rows
    return row


def fault(text: str) -> BadRow:
    rows, faults = parse_products(text, TODAY)
    faults += [f for row in rows if isinstance(f := with_digests(row, PACKS), BadRow)]
    (bad,) = faults
    return bad


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_csv_and_json_lines_say_the_same(mark: str, ends: str) -> None:
    as_csv = one(mark + csv_of(CELLS).replace("\n", ends) + ends)
    as_json = one(mark + json.dumps(FIELDS) + ends + ends)

    assert with_digests(as_csv, PACKS) == with_digests(as_json, PACKS)


def test_the_digests_of_what_is_in_use_are_filled_in() -> None:
    product = with_digests(one(csv_of(CELLS)), PACKS)

    assert not isinstance(product, BadRow)
    assert product.codes == {"CN": "1C905.b", "US": None}
    assert product.packs == {"CN": PACKS["CN"].digest, "US": PACKS["US"].digest}
    assert all(is_current(product, regime, PACKS[regime]) for regime in product.codes)


def test_a_row_that_names_another_pack_is_stale_for_that_regime_alone() -> None:
    row = one(csv_of({**CELLS, "packs": f"CN={'0' * 64}"}))
    product = with_digests(row, PACKS)

    assert not isinstance(product, BadRow)
    assert not is_current(product, "CN", PACKS["CN"])
    assert is_current(product, "US", PACKS["US"])


def test_an_entry_without_a_code_is_stated_by_name() -> None:
    product = with_digests(one(csv_of({**CELLS, "CN": "Cat2-Magnet"})), PACKS)

    assert not isinstance(product, BadRow)
    assert product.codes["CN"] == "cat2-magnet"
    assert is_current(product, "CN", PACKS["CN"])


def test_codes_are_written_the_usual_way() -> None:
    product = with_digests(one(csv_of({**CELLS, "CN": "1c905.B", "US": "EAR99"})), PACKS)

    assert not isinstance(product, BadRow)
    assert product.codes == {"CN": "1C905.b", "US": None}


@pytest.mark.parametrize(
    ("changes", "line", "field"),
    [
        ({"exporter_id": ""}, 2, "exporter_id"),
        ({"exporter_id": "a/b"}, 2, "exporter_id"),
        ({"sku": ""}, 2, "sku"),
        ({"sku": "x" * 129}, 2, "sku"),
        ({"officer": " "}, 2, "officer"),
        ({"citation": ""}, 2, "citation"),
        ({"date": "1.6.2026"}, 2, "date"),
        ({"date": "2026-07-02"}, 2, "date"),
        ({"CN": "", "US": ""}, 2, "codes"),
        ({"CN": "see file"}, 2, "codes.CN"),
        ({"CN": "9A999"}, 2, "codes.CN"),
        ({"CN": "cat9-nothing"}, 2, "codes.CN"),
        ({"US": "1C9999"}, 2, "codes.US"),
        ({"packs": "CN"}, 2, "packs"),
        ({"packs": "XX=1"}, 2, "packs.XX"),
        ({"colour": "red"}, 1, "colour"),
    ],
)
def test_a_bad_cell_is_named(changes: dict[str, str], line: int, field: str) -> None:
    bad = fault(csv_of({**CELLS, **changes}))

    assert (bad.line, bad.field) == (line, field)
    assert bad.error


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('{"sku": "a"', None),
        ("[1]", "[1]"),
        (json.dumps({**FIELDS, "colour": "red"}), "colour"),
        (json.dumps({**FIELDS, "entries": {}}), "entries"),
        (json.dumps({**FIELDS, "codes": {"XX": "1C905"}}), "codes.XX"),
        (json.dumps({**FIELDS, "codes": {"CN": 5}}), "codes.CN"),
        (json.dumps({**FIELDS, "codes": {}}), "codes"),
        (json.dumps({k: v for k, v in FIELDS.items() if k != "codes"}), "codes"),
    ],
)
def test_a_bad_json_line_is_named(text: str, field: str | None) -> None:
    assert fault(text).field == field


def test_a_product_twice_is_refused_unless_it_says_the_same() -> None:
    rows, faults = parse_products(csv_of(CELLS, CELLS), TODAY)
    assert (len(rows), faults) == (1, [])

    bad = fault(csv_of(CELLS, {**CELLS, "CN": "none"}))
    assert (bad.line, bad.field) == (3, "sku")


def test_a_short_row_is_named() -> None:
    assert fault(csv_of(CELLS) + "\na,b").line == 3


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"CN": "1c905.b"}, True),
        ({"US": "EAR99"}, True),
        ({"CN": "1C904.b"}, False),
        ({"US": ""}, False),
        ({"date": "2026-06-02"}, False),
        ({"citation": "letter"}, False),
        ({"packs": f"CN={'0' * 64}"}, False),
        ({"packs": f"CN={PACKS['CN'].digest}"}, True),
    ],
)
def test_an_unchanged_row_changes_nothing(changes: dict[str, str], same: bool) -> None:
    known = with_digests(one(csv_of(CELLS)), PACKS)
    assert not isinstance(known, BadRow)

    assert says_the_same(one(csv_of({**CELLS, **changes})), known) is same


def test_importing_the_same_file_again_does_not_refresh_what_went_stale() -> None:
    row = one(csv_of(CELLS))
    known = with_digests(row, PACKS)
    assert not isinstance(known, BadRow)
    stale = known.model_copy(update={"packs": {"CN": "0" * 64}, "entries": {}})

    assert says_the_same(row, stale)
