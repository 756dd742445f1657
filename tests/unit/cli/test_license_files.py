"""License books: CSV and JSON Lines say the same; what is exported can be imported."""

import json
from typing import Any

import pytest

from services.cli.license_files import COLUMNS, BadRow, Row, parse_book, template, to_csv

TERMS: dict[str, str] = {
    "license_id": "CN-1",
    "type": "individual",
    "authority": "MOFCOM",
    "regime": "CN",
    "holder": "default",
    "consignees": "Rheintal Antriebe GmbH; Nordhafen Elektro AG",
    "end_users": "*",
    "destinations": "DE;AT",
    "codes": "1C905",
    "quantity": "1000.50",
    "unit": "kg",
    "valid_from": "2026-01-01",
    "valid_to": "2026-12-31",
    "requires": "euc",
}


GROUPS = {"A:5": ("DE", "FR"), "EU001": ("US",)}


def read_book(text: str) -> tuple[list[Row], list[BadRow]]:
    return parse_book(text, GROUPS)


def csv_of(*rows: dict[str, str]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [",".join(f'"{row.get(name, "")}"' for name in names) for row in rows]
    return "\n".join([",".join(names), *cells])


def jsonl_of(*rows: dict[str, Any]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def only_bad(parsed: tuple[list[Row], list[BadRow]]) -> tuple[int, str | None]:
    _, faults = parsed
    assert len(faults) == 1, faults
    return faults[0].line, faults[0].column


def test_csv_and_json_lines_say_the_same() -> None:
    as_json = {**TERMS, "destinations": ["DE", "AT"], "quantity": 1000.5}

    from_csv, csv_faults = read_book(csv_of(TERMS))
    from_json, json_faults = read_book(jsonl_of(as_json))

    assert csv_faults == json_faults == []
    assert from_csv[0].terms == from_json[0].terms
    assert from_csv[0].terms.consignees == ("Rheintal Antriebe GmbH", "Nordhafen Elektro AG")


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_marks_and_line_ends_do_not_matter(mark: str, ends: str) -> None:
    rows, faults = read_book(mark + csv_of(TERMS).replace("\n", ends) + ends)

    assert faults == []
    assert rows[0].terms.license_id == "CN-1"


def test_an_empty_list_is_nobody() -> None:
    rows, _ = read_book(csv_of({**TERMS, "end_users": "", "destinations": " ; "}))

    assert rows[0].terms.end_users == rows[0].terms.destinations == ()


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"type": "permit"}, "type"),
        ({"quantity": "-1"}, "quantity"),
        ({"quantity": "a lot"}, "quantity"),
        ({"valid_to": "31.12.2026"}, "valid_to"),
        ({"license_id": ""}, "license_id"),
        ({"regime": "CHINA"}, "regime"),
        ({"destinations": "DE;Austria"}, "destinations"),
        ({"requires": "letter"}, "requires"),
        ({"quantity_basis": "weight"}, "quantity_basis"),
        ({"quantity_basis": "oxide", "unit": "pcs"}, "quantity_basis"),
        ({"unit": "carboy"}, "unit"),
        ({"value": "5", "currency": "XXX"}, "currency"),
        ({"destinations": "A:9"}, "destinations"),
        ({"conditions": "port="}, "conditions"),
        ({"conditions": "quantity_per_shipment=many kg"}, "conditions"),
        ({"colour": "green"}, "colour"),
        ({"status": "lost"}, "status"),
    ],
)
def test_a_bad_row_is_named_by_line_and_column(changes: dict[str, str], column: str) -> None:
    good = {**TERMS, "license_id": "CN-0", **dict.fromkeys(changes.keys() - TERMS.keys(), "")}
    bad = {**TERMS, **changes}
    if column == "colour":
        good = bad

    assert (3, column) in [(f.line, f.column) for f in read_book(csv_of(good, bad))[1]]
    assert only_bad(read_book(jsonl_of(TERMS, bad)))[1] == column


@pytest.mark.parametrize(
    "changes",
    [{"unit": ""}, {"valid_to": "2025-01-01"}, {"value": "5", "currency": ""}],
)
def test_an_incoherent_row_is_refused(changes: dict[str, str]) -> None:
    assert only_bad(read_book(csv_of({**TERMS, **changes}))) == (2, None)


def test_a_license_stands_once_in_a_book() -> None:
    assert only_bad(read_book(csv_of(TERMS, {**TERMS, "unit": "t"}))) == (3, "license_id")


def test_a_row_said_twice_in_the_same_words_is_one_license() -> None:
    rows, faults = read_book(csv_of(TERMS, TERMS))

    assert faults == []
    assert len(rows) == 1


def test_a_country_group_is_spelled_out_as_it_is_today() -> None:
    rows, faults = read_book(csv_of({**TERMS, "destinations": "A:5;AT"}))

    assert faults == []
    assert rows[0].terms.destinations == ("A:5", "AT")
    assert rows[0].terms.groups == {"A:5": ("DE", "FR")}


def test_a_condition_nobody_knows_is_taken_in_and_covers_nothing() -> None:
    rows, faults = read_book(csv_of({**TERMS, "conditions": "be nice;port=Ningbo"}))

    assert faults == []
    assert rows[0].terms.conditions == ("be nice", "port=Ningbo")


def test_the_template_can_be_imported() -> None:
    rows, faults = read_book(template())

    assert faults == []
    assert len(rows) == 1


def test_too_many_cells_are_refused() -> None:
    assert only_bad(read_book(csv_of(TERMS) + ",surplus")) == (2, None)


def test_broken_json_is_refused_and_the_good_rows_are_read() -> None:
    rows, faults = read_book(jsonl_of(TERMS) + "\n\n{broken\n")

    assert [row.terms.license_id for row in rows] == ["CN-1"]
    assert [fault.line for fault in faults] == [3]


def test_what_is_exported_can_be_imported_unchanged() -> None:
    value = {"license_id": "CN-2", "value": "9.90", "currency": "EUR", "max_shipments": "3"}
    rows, _ = read_book(csv_of(TERMS, {**TERMS, **value, "status": "suspended"}))

    again, faults = read_book(to_csv([(row.terms, 0) for row in rows]))

    assert faults == []
    assert [row.terms for row in again] == [row.terms for row in rows]


def test_columns_are_those_of_the_contract() -> None:
    contract = (
        "license_id type authority regime holder consignees end_users destinations codes "
        "categories materials quantity unit quantity_basis value currency over_percent "
        "under_percent max_shipments valid_from valid_to requires conditions return_credit "
        "status amends"
    )
    assert list(COLUMNS) == contract.split()
