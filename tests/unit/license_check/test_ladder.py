"""The ladder is data, strictly read: a mistake is named with file and line, and nothing runs."""

from typing import Final

import pytest

from services.classification.source import PolicyError, load_model
from services.license_check.ladder import GroupFile, Ladder, LadderFile
from services.runtime.policies import country_groups, read_ladder

TYPE: Final = """  - type: {0}
    citation: law
    tag: C
"""
TYPES: Final = "".join(map(TYPE.format, ("individual", "general", "registration", "exception")))
GOOD: Final = f"""format: "1"
version: "1"
types:
{TYPES}ladder:
  - rung: any
prefer: "expires_first"
"""


def test_what_ships_is_read() -> None:
    assert read_ladder().version
    assert "CU" in country_groups()["E:2"]
    assert load_model(GOOD, "x.yaml", LadderFile).ladder[0].rung == "any"


@pytest.mark.parametrize(
    ("was", "now", "where"),
    [
        ('prefer: "expires_first"', 'prefer: "cheapest"', "x.yaml:18"),
        ("  - rung: any", "  - rung: any\n    colour: red", "x.yaml:18"),
        ("  - type: general", "  - type: permit", "x.yaml:7"),
        ("  - type: general", "  - type: individual", "x.yaml:1"),
        ("    citation: law\n    tag: C\n  - type: general", "    tag: C\n  - type: general",
         "x.yaml:4"),
        ("  - rung: any", "  - rung: any\n    names_end_user: maybe", "x.yaml:18"),
        ("  - rung: any", "  - rung: any\n    rung: again", "x.yaml:18"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_by_file_and_line(was: str, now: str, where: str) -> None:
    assert was in GOOD

    with pytest.raises(PolicyError, match=where):
        load_model(GOOD.replace(was, now, 1), "x.yaml", LadderFile)


def test_a_group_nobody_defined_is_refused() -> None:
    text = GOOD.replace("  - type: general\n", '  - type: general\n    not_to: "Z:9"\n', 1)

    with pytest.raises(ValueError, match="Z:9"):
        Ladder(load_model(text, "x.yaml", LadderFile), country_groups())


def test_a_country_that_is_no_code_is_refused_by_line() -> None:
    text = """format: "1"
groups:
  - group: "A"
    title: t
    citation: c
    tag: C
    countries: DE Austria
"""
    with pytest.raises(PolicyError, match=r"x\.yaml:7"):
        load_model(text, "x.yaml", GroupFile)
