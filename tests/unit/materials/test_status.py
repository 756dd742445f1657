"""The control status of materials: the five-date table of the domain, under both Chinese packs."""

from datetime import date
from functools import cache
from typing import Final

import pytest

from schemas.classification import RegimeVerdict
from services.materials.catalog import MATERIALS, material_named
from services.materials.status import ControlStatus, control_statuses, told
from services.runtime.packs import Choice, load_packs

DATES: Final = ("2025-10-08", "2025-10-09", "2025-12-01", "2026-06-01", "2026-11-11")
MAGNETS: Final = ("magnets-ndfeb", "magnets-ndfeb-dy-tb", "magnets-smco")
RAW: Final = tuple(m.id for m in MATERIALS if m.id not in MAGNETS)
ANNOUNCEMENT_18: Final = (
    "Sm", "Gd", "Tb", "Dy", "Lu", "Sc", "Y", "magnets-smco", "magnets-ndfeb-dy-tb", "alloys",
)  # fmt: skip
ANNOUNCEMENT_57: Final = ("Ho", "Er", "Tm", "Eu", "Yb")
LIGHT: Final = ("La", "Ce", "Pr", "Nd", "mixtures")
"""Goods of the ordinary export-license catalogue (customs supervision code 4)."""
IN_FORCE: Final = "in_force LICENSE_REQUIRED dual_use"
SUSPENDED: Final = "suspended NO_LICENSE_REQUIRED"
NOT_LISTED: Final = "not_listed NO_LICENSE_REQUIRED"
CODE_4: Final = "LICENSE_REQUIRED export_license_code_4"

TABLE: Final[list[tuple[Choice, tuple[str, ...], tuple[str, ...]]]] = [
    ("reported", MAGNETS, ("in_force REVIEW", *[IN_FORCE] * 4)),
    ("reported", RAW, (NOT_LISTED, *[IN_FORCE] * 4)),
    ("gazetted", ANNOUNCEMENT_18, (*[IN_FORCE] * 4, "stale LICENSE_REQUIRED")),
    ("gazetted", (*ANNOUNCEMENT_57, "equipment"),
     (NOT_LISTED, "not_yet NO_LICENSE_REQUIRED", SUSPENDED, SUSPENDED, "stale REVIEW")),
    ("gazetted", ("software",), (NOT_LISTED, IN_FORCE, SUSPENDED, SUSPENDED, "stale REVIEW")),
    ("gazetted", LIGHT, (*[f"not_listed {CODE_4}"] * 4, f"stale {CODE_4}")),
    ("gazetted", ("ores",),
     (f"not_listed {CODE_4}", f"not_yet {CODE_4}", f"suspended {CODE_4}", f"suspended {CODE_4}",
      f"stale {CODE_4}")),
    ("gazetted", ("magnets-ndfeb",), (*[NOT_LISTED] * 4, "stale REVIEW")),
]  # fmt: skip


@pytest.mark.parametrize("choice", ["reported", "gazetted"])
def test_the_table_speaks_of_every_material(choice: str) -> None:
    named = [name for pack, names, _ in TABLE if pack == choice for name in names]
    assert sorted(named) == sorted(material.id for material in MATERIALS)


@pytest.mark.parametrize("at", range(5), ids=DATES)
@pytest.mark.parametrize(("pack", "names", "row"), TABLE)
def test_the_five_date_table(
    pack: Choice, names: tuple[str, ...], row: tuple[str, ...], at: int
) -> None:
    both = statuses("both", DATES[at])
    key = "CN" if pack == "reported" else "CN-GAZETTED"
    alone = statuses(pack, DATES[at])
    for name in names:
        for verdict in (both[name][key].today, alone[name]["CN"].today):
            assert words(verdict).startswith(row[at]), f"{name} on {DATES[at]}: {words(verdict)}"


@cache
def statuses(choice: Choice, day: str) -> dict[str, dict[str, ControlStatus]]:
    return control_statuses(load_packs(choice), date.fromisoformat(day))


def words(verdict: RegimeVerdict) -> str:
    return f"{verdict.status} {verdict.decision} {verdict.license_type}"


def test_the_next_change_is_the_first_day_on_which_it_stands_otherwise() -> None:
    packs = load_packs("both")
    before = control_statuses(packs, date(2025, 10, 8))
    assert before["Dy"]["CN"].change == date(2025, 10, 9)
    assert told(changed(before["Dy"]["CN"])) == "in_force"
    assert before["Eu"]["CN-GAZETTED"].change == date(2025, 10, 9)

    later = control_statuses(packs, date(2026, 6, 1))
    assert later["Dy"]["CN"].change is None
    assert later["Dy"]["CN-GAZETTED"].change == date(2026, 11, 10)
    assert told(changed(later["Dy"]["CN-GAZETTED"])) == "stale (LICENSE_REQUIRED)"
    assert told(changed(later["Eu"]["CN-GAZETTED"])) == "stale (REVIEW)"
    assert told(changed(later["Nd"]["CN-GAZETTED"])) == "stale (LICENSE_REQUIRED, code 4)"


@pytest.mark.parametrize("day", [date.fromisoformat(each) for each in DATES])
def test_a_change_is_what_the_day_itself_says(day: date) -> None:
    packs = load_packs("both")
    for name, regimes in control_statuses(packs, day).items():
        for regime, status in regimes.items():
            if status.change is not None:
                assert status.change > day
                on_the_day = control_statuses(packs, status.change)[name][regime].today
                assert words(on_the_day) == words(changed(status)) != words(status.today)


def changed(status: ControlStatus) -> RegimeVerdict:
    assert status.then is not None
    return status.then


def test_the_reported_category_is_the_one_the_catalog_states() -> None:
    statuses = control_statuses(load_packs("reported"), date(2026, 6, 1))
    for material in MATERIALS:
        assert statuses[material.id]["CN"].today.category == material.category, material.id


@pytest.mark.parametrize(
    ("said", "found"),
    [("Dy", "Dy"), ("DYSPROSIUM", "Dy"), ("dysprosium  oxide", "Dy"), ("prnd", "mixtures"),
     ("NdFeB", "magnets-ndfeb"), ("unobtainium", None), ("", None)],
)  # fmt: skip
def test_a_material_is_found_by_symbol_name_and_alias(said: str, found: str | None) -> None:
    assert material_named(said) == found


def test_no_name_means_two_materials() -> None:
    names = [n for m in MATERIALS for n in {each.casefold() for each in (m.id, m.name, *m.aliases)}]
    assert len(names) == len(set(names))
