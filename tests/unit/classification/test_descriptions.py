"""Every labelled description, and the bars the whole must clear."""

from datetime import date
from typing import Any

import pytest

from services.classification.classify import classify
from services.classification.formula import elements
from services.classification.matching import read
from services.runtime.packs import load_packs
from tests.report.blindfold import blindfolded
from tests.report.classification import cases, table
from tests.report.lines import CLEAR
from tests.unit.classification.corpus import DESCRIPTIONS
from tests.unit.classification.lines import line

BOTH = load_packs("both")
RARE = frozenset(BOTH.lexicon.symbols)


@pytest.mark.parametrize("row", DESCRIPTIONS, ids=[row["id"] for row in DESCRIPTIONS])
def test_every_description_is_judged_as_labelled(row: dict[str, Any]) -> None:
    found = classify(line(row["description"], as_of=date(2026, 6, 1)), BOTH).regimes
    assert found["CN"].decision in row.get("reported", [found["CN"].decision])
    assert found["CN-GAZETTED"].decision in row.get("gazetted", [found["CN-GAZETTED"].decision])
    if row["gazetted_code"]:
        assert (found["CN-GAZETTED"].control_code or "").startswith(row["gazetted_code"])


def test_nothing_controlled_is_cleared_and_few_free_goods_are_held() -> None:
    """Also among the texts that are not judged as labelled."""
    tallies = table(cases())
    for key in ("CN", "CN-GAZETTED"):
        whole = tallies[key, "all", "all"]
        assert whole.cleared == 0
        assert whole.held * 20 <= whole.free
        assert whole.accepted * 100 >= whole.texts * 95


def test_without_what_it_knows_of_rare_earths_little_controlled_is_cleared() -> None:
    """Every name of a rare earth is put out of the text for a name that no list knows."""
    texts, cleared = blindfolded(BOTH)
    assert texts > 2000
    assert cleared * 100 <= texts * 3


@pytest.mark.parametrize(
    ("token", "found"),
    [
        ("dy2o3", {"dy", "o"}),
        ("tb0.3dy0.7fe1.92", {"tb", "dy", "fe"}),
        ("sm2co17", {"sm", "co"}),
        ("smco5", {"sm", "co"}),
        ("alsc2", {"al", "sc"}),
        ("nd2fe14b", {"nd", "fe", "b"}),
        ("pr6o11", {"pr", "o"}),
        ("dy(no3)3", {"dy", "n", "o"}),
        ("y3al5o12", {"y", "al", "o"}),
        ("lab6", {"la", "b"}),
        ("dyf3", {"dy", "f"}),
        ("dyfe80", {"dy", "fe"}),
        ("gd2(co3)3", {"gd", "c", "o"}),
    ],
)
def test_a_formula_is_read_in_lower_case(token: str, found: set[str]) -> None:
    assert set(elements(token, RARE)) == found


@pytest.mark.parametrize(
    "token",
    ["smf28", "er20", "eu2020", "yb125", "scb100", "usb3", "lan1", "tb3", "erc20", "n52", "prc1",
     "h2o", "tio2", "co2", "a4", "y30", "cec17", "(((", "1y", "lak52", "hoc8"],
)  # fmt: skip
def test_a_part_number_is_no_formula(token: str) -> None:
    assert elements(token, RARE) == ()


@pytest.mark.parametrize(
    ("text", "said", "unsaid"),
    [
        ("Dy metal", ["dy"], []),
        ("2 TB metal case", [], ["tb"]),
        ("er, la, y", [], ["er", "la", "y"]),
        ("NdFeB with Dy/Tb", ["dy", "tb"], []),
        ("SM terminal, EU plug, CE mark", [], ["sm", "eu", "ce"]),
        ("Al-10Ce", ["ce", "alloy"], []),
        ("magnets for motors", ["magnet", "head:magnet"], ["head:article"]),
        ("magnet motor", ["head:article"], ["head:magnet"]),
        ("电机用磁瓦", ["head:magnet"], ["head:article"]),
        ("用于电机的磁钢", ["head:magnet"], ["head:article"]),
        ("headphones with neodymium magnets", ["st:contained"], ["st:strong"]),
        ("loose neodymium magnets for headphones", ["st:strong"], ["st:contained"]),
        ("magnets without dysprosium", ["no:dy"], ["dy"]),
        ("Dy-free magnets", ["no:dy"], ["dy"]),
        ("不含镝的钕铁硼", ["no:dy", "ndfeb"], ["dy"]),
        ("Serbian ceramics", [], ["er", "ce", "re"]),
        ("magnetron", [], ["magnet"]),
    ],
)
def test_what_a_text_says(text: str, said: list[str], unsaid: list[str]) -> None:
    facts = read(BOTH.lexicon, text).facts
    assert [fact for fact in said if fact not in facts] == []
    assert [fact for fact in unsaid if fact in facts] == []


@pytest.mark.parametrize(
    "text",
    ["", " ", "\u200b", "x" * 100_000, "镝" * 50_000, "\u202eedixo muisorpsyd", "Dy" * 5000,
     "er al " * 16_000, "la," * 33_000, "a:ce," * 20_000, "(la,ce)" * 14_000, "fe" * 50_000,
     "177 lu isotope " * 6_000, "氧化镝用" * 25_000,
     "((((" * 1000, "1.1.1.1" * 2000, "with " * 5000, "\x00\ud7ff\uffff", "𝔻𝕪₂𝕆₃", "Ｄｙ２Ｏ３"],
)  # fmt: skip
def test_hostile_texts_are_answered(text: str) -> None:
    assert classify(line(text), BOTH).regimes


@pytest.mark.parametrize(
    "text",
    ["𝔻𝕪₂𝕆₃ powder", "Ｄｙ２Ｏ３ powder", "Dуsprosium oxide", "DYSPROSIUM\u00adOXIDE powder"],
)
def test_disguised_spellings_are_read(text: str) -> None:
    assert classify(line(text), BOTH).regimes["CN"].decision not in CLEAR
