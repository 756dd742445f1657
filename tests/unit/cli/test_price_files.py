"""Price lists: a row without source, unit, currency or time, or older than the latest, is named."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.reference import PriceObserved
from services.cli.price_files import COLUMNS, parse_prices

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
ROW = {"material": "Dy", "price": "251.30", "unit": "kg", "currency": "USD",
       "source": "Metal Desk 2026-06-29", "at": "2026-06-29T10:00:00Z"}  # fmt: skip


def csv_of(*rows: dict[str, str]) -> str:
    lines = [",".join(COLUMNS)]
    return "\n".join([*lines, *(",".join(row.get(name, "") for name in COLUMNS) for row in rows)])


def jsonl_of(*rows: dict[str, Any]) -> str:
    return "\n".join(json.dumps(row) for row in rows)


def faults(text: str, latest: dict[str, PriceObserved] | None = None) -> list[Any]:
    return [(f.line, f.column, f.error) for f in parse_prices(text, latest or {}, NOW)[1]]


def test_csv_and_json_lines_say_the_same() -> None:
    one, two = parse_prices(csv_of(ROW), {}, NOW), parse_prices(jsonl_of(ROW), {}, NOW)

    assert one[1] == two[1] == []
    assert one[0][0].price == two[0][0].price
    assert one[0][0].price.source == ROW["source"]


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("written", [csv_of, jsonl_of])
def test_a_row_that_lacks_something_is_refused_by_its_name(name: str, written: Any) -> None:
    lacking = {key: value for key, value in ROW.items() if key != name}
    ((line, column, error),) = faults(written(ROW, lacking))

    assert (line, column) == (2 if written is jsonl_of else 3, name)
    assert "needs its" in error


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"price": "0"}, "price"),
        ({"price": "-1"}, "price"),
        ({"price": "much"}, "price"),
        ({"currency": "usd"}, "currency"),
        ({"currency": "dollars"}, "currency"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2026-06-29T10:00:00"}, "at"),
        ({"at": "2062-06-29T10:00:00Z"}, "at"),
        ({"unit": "bushel"}, "unit"),
    ],
)
def test_a_bad_value_is_refused_by_its_column(changes: dict[str, str], column: str) -> None:
    for text in (csv_of(ROW | changes), jsonl_of(ROW | changes)):
        ((_, found, _),) = faults(text)
        assert found == column


def test_a_column_nobody_knows_is_refused() -> None:
    ((_, column, _),) = faults(jsonl_of(ROW | {"grade": "4N"}))
    assert column == "grade"


def observed(**changes: str) -> PriceObserved:
    return PriceObserved.model_validate(ROW | changes)


@pytest.mark.parametrize("said", ["Dy", "dysprosium", "Dysprosium oxide"])
def test_a_price_older_than_the_latest_is_refused_whatever_the_material_is_called(
    said: str,
) -> None:
    ((_, column, error),) = faults(
        csv_of(ROW | {"material": said, "at": "2026-06-28T10:00:00Z"}), {"Dy": observed()}
    )
    assert column == "at"
    assert "older than the latest" in error


def test_rows_of_a_material_stand_in_order_of_time() -> None:
    earlier = ROW | {"at": "2026-06-28T10:00:00Z"}
    assert faults(csv_of(earlier, ROW)) == []
    assert [line for line, _, _ in faults(csv_of(ROW, earlier))] == [3]


def test_the_same_price_again_is_no_news_and_another_at_the_same_time_is_refused() -> None:
    rows, bad = parse_prices(csv_of(ROW), {"Dy": observed()}, NOW)
    assert not bad
    assert rows[0].known

    ((_, column, _),) = faults(csv_of(ROW | {"price": "252"}), {"Dy": observed()})
    assert column == "at"


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    rows, bad = parse_prices(text, {}, NOW)
    assert isinstance(rows, list)
    assert isinstance(bad, list)


@given(st.lists(st.integers(0, 1000), max_size=12))
def test_what_is_taken_never_goes_back_in_time(minutes: list[int]) -> None:
    text = jsonl_of(
        *(ROW | {"at": (NOW - timedelta(minutes=m)).isoformat(), "price": str(m + 1)}
          for m in minutes)
    )  # fmt: skip
    rows, bad = parse_prices(text, {}, NOW)
    taken = [row.price.at for row in rows]
    assert taken == sorted(taken)
    assert len(rows) + len(bad) == len(minutes)
