"""Rates as files: every row whole, dated and sourced, or the file is refused by line and column."""

import pytest

from services.cli.rates import parse_rates

HEADER = "from,to,rate,at,source"
GOOD = "EUR,USD,1.10,2026-06-01T00:00:00Z,ECB"


def numbered(*lines: str) -> list[tuple[int, str]]:
    return list(enumerate(lines, start=1))


def test_csv_and_json_lines_say_the_same() -> None:
    line = '{"from":"EUR","to":"USD","rate":"1.10","at":"2026-06-01T00:00:00Z","source":"ECB"}'

    assert parse_rates(numbered(HEADER, GOOD)) == parse_rates(numbered(line))
    assert parse_rates(numbered(HEADER, GOOD, GOOD)) == parse_rates(numbered(line))


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("EUR,XXX,1.1,2026-06-01T00:00:00Z,ECB", "to"),
        ("EUR,EUR,1,2026-06-01T00:00:00Z,ECB", "to"),
        ("EUR,USD,0,2026-06-01T00:00:00Z,ECB", "rate"),
        ("EUR,USD,much,2026-06-01T00:00:00Z,ECB", "rate"),
        ("EUR,USD,1.1,2026,ECB", "at"),
        ("EUR,USD,1.1,2026-06-01,ECB", "at"),
        ("EUR,USD,1.1,2026-06-01T00:00:00Z,", "source"),
        ("EUR,USD,1.1,2026-06-01T00:00:00Z,ECB,more", None),
    ],
)
def test_a_bad_row_is_named_by_line_and_column(row: str, column: str | None) -> None:
    _, faults = parse_rates(numbered(HEADER, GOOD, row))

    assert [(fault.line, fault.column) for fault in faults] == [(3, column)]
