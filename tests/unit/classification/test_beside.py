"""What is appended to a text adds to it: what stood there before speaks for none of it."""

from datetime import date

import pytest

from schemas.classification import Verdict
from services.classification.classify import classify
from services.runtime.packs import load_packs
from tests.unit.classification.lines import line

BOTH = load_packs("both")
DAY = date(2026, 6, 1)
GRAVITY = (
    Verdict.NOT_APPLICABLE,
    Verdict.NO_LICENSE_REQUIRED,
    Verdict.REVIEW,
    Verdict.LICENSE_REQUIRED,
)


@pytest.mark.parametrize(
    "more", ["Tb4O7", "dysprosium oxide", "N38UH", "Sm2Co17", "scandium metal"]
)
@pytest.mark.parametrize(
    "text",
    [
        "LED phosphor mix, Ce:YAG + red, 500 g",
        "Energy saving lamps 11W, tri-phosphor",
        "设备配件",
        "equipment parts as per invoice",
        "Boxes, loudspeaker, 4 ohm",
        "rare earth magnets as per drawing",
    ],
)
def test_what_is_appended_lowers_no_announced_verdict(text: str, more: str) -> None:
    before = classify(line(text, as_of=DAY), BOTH).regimes
    after = classify(line(f"{text}, {more}", as_of=DAY), BOTH).regimes
    for key in ("CN", "CN-GAZETTED"):
        assert GRAVITY.index(after[key].decision) >= GRAVITY.index(before[key].decision)
    alone = classify(line(more, as_of=DAY), BOTH).regimes["CN"].decision
    assert GRAVITY.index(after["CN"].decision) >= min(
        GRAVITY.index(alone), GRAVITY.index(Verdict.REVIEW)
    )


@pytest.mark.parametrize(
    "text",
    [
        "SmCo rotor rings, 40 mm",
        "NdFeB motor arcs, 2000 pcs",
        "钐钴转子环 100个",
        "DyF3 grain boundary diffusion slurry, 20 l",
        "LED phosphor LuAG 535 nm",
    ],
)
def test_material_shaped_or_made_for_an_article_is_material(text: str) -> None:
    found = classify(line(text, as_of=DAY), BOTH).regimes["CN"].decision
    assert found in (Verdict.LICENSE_REQUIRED, Verdict.REVIEW)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("lunch box", True),
        ("3-in-1 stainless scraper", True),
        ("metal zipper no. 5", True),
        ("infusion set, sterile", True),
        ("gift box, Vantorel", False),
        ("氧化珂玛 吨袋", False),
        ("Vantoreloxid, Glasflasche 10 g", False),
        ("goods acc. to contract 2291", False),
    ],
)
def test_what_is_for_something_names_goods_and_what_holds_something_does_not(
    text: str, named: bool
) -> None:
    found = classify(line(text, as_of=DAY), BOTH).regimes["CN"].decision
    assert (found is Verdict.NO_LICENSE_REQUIRED) is named
