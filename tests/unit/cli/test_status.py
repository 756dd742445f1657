"""The status command: one JSON object, the law of the day asked for, named faults."""

import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from services.cli import status
from services.materials.catalog import MATERIALS

app = typer.Typer()
app.command()(status.status)
RUN = CliRunner()


def shown(*arguments: str) -> dict[str, Any]:
    done = RUN.invoke(app, ["--offline", "--json", *arguments])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def control(found: dict[str, Any], material: str, regime: str) -> dict[str, Any]:
    by_name = {each["material"]: each for each in found["materials"]}
    one: dict[str, Any] = by_name[material]["regimes"][regime]
    return one


@pytest.mark.parametrize(
    ("day", "reported", "gazetted"),
    [
        ("2025-10-08", "not_listed", "not_listed"),
        ("2025-10-09", "in_force", "not_yet"),
        ("2025-12-01", "in_force", "suspended"),
        ("2026-06-01", "in_force", "suspended"),
        ("2026-11-11", "in_force", "stale"),
    ],
)
def test_europium_on_five_dates_under_both_packs(day: str, reported: str, gazetted: str) -> None:
    both = shown("--as-of", day, "--cn", "both")

    assert both["as_of"] == day
    assert control(both, "Eu", "CN")["status"] == reported
    assert control(both, "Eu", "CN-GAZETTED")["status"] == gazetted
    assert control(shown("--as-of", day, "--cn", "reported"), "Eu", "CN")["status"] == reported
    assert control(shown("--as-of", day, "--cn", "gazetted"), "Eu", "CN")["status"] == gazetted


def test_every_material_is_told_in_the_order_of_the_catalog() -> None:
    found = shown("--as-of", "2026-06-01")

    assert [each["material"] for each in found["materials"]] == [each.id for each in MATERIALS]
    assert found["totals"]["held_orders"] == 0
    assert all(each["at_stake"] is None for each in found["materials"])


def test_the_next_change_says_how_it_stands_then() -> None:
    eu = control(shown("--as-of", "2025-10-08"), "Eu", "CN")

    assert eu["next_change"] == "2025-10-09"
    assert eu["then"]["status"] == "in_force"
    assert eu["then"]["decision"] == "LICENSE_REQUIRED"


def test_people_get_a_table_with_a_column_a_regime_and_a_scenario() -> None:
    done = RUN.invoke(
        app, ["--offline", "--as-of", "2026-06-01", "--cn", "both", "--price-scenario", "+10,-5.5"]
    )

    assert done.exit_code == 0
    for word in ("dysprosium", "CN-GAZETTED", "suspended", "+10 %", "-5.5 %", "code 4"):
        assert word in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--as-of", "soon"),
        ("--as-of", "2026-13-01"),
        ("--cn", "both!"),
        ("--price-scenario", "ten"),
        ("--price-scenario", "-100"),
        ("--price-scenario", "NaN"),
    ],
)
def test_a_bad_option_is_usage(arguments: tuple[str, ...]) -> None:
    assert RUN.invoke(app, ["--offline", *arguments]).exit_code == 2
