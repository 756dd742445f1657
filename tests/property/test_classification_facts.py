"""Beside the words: no fact that speaks for more risk lowers any verdict, whatever the words."""

from datetime import date
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.classification import Verdict
from services.classification.classify import Classified, classify
from services.classification.item import Party
from services.runtime.packs import load_packs
from tests.unit.classification.corpus import DESCRIPTIONS
from tests.unit.classification.lines import line

PACKS = load_packs("both", addendum=True)
TEXTS = st.sampled_from([row["description"] for row in DESCRIPTIONS])
COUNTRIES = st.sampled_from(["CN", "US", "DE", "JP", "HK", "KP", "IR", "RU", "CA", "ZZ", None])
DAYS = st.sampled_from(
    [date(2024, 1, 1), date(2025, 4, 3), date(2025, 4, 4), date(2025, 10, 8), date(2025, 10, 9),
     date(2025, 11, 7), date(2026, 6, 21), date(2026, 6, 22), date(2026, 7, 1), date(2026, 11, 10),
     date(2026, 12, 31)]
)  # fmt: skip
LISTED = ("1C905.b", "1c909.B", "2B902.a", "1C003.b.1", "1C999.d", "5D002", "3A001.a.5.a.1",
          "ECCN 9A610", "1Ｃ501", "2A225", "1E902")  # fmt: skip
BUYER = Party("buyer", "Muster GmbH", country="DE")
WORSE: dict[str, list[dict[str, Any]]] = {
    "code": [{"declared": {key: code}} for key in ("cn", "us", "eu") for code in LISTED],
    "party": [
        {"parties": (BUYER, Party("end_user", "MP Materials Corp."))},
        {"parties": (BUYER, Party("forwarder", "Aveox有限公司"))},
        {"parties": (BUYER, Party("consignee", "Muster", screened="hit"))},
        {"parties": (BUYER, Party("end_user", "Muster", country="CN", owner_country="US"))},
    ],
    "use": [{"end_use": "civil, then military use"}],
}
LINES = st.fixed_dictionaries(
    {
        "exporter_country": COUNTRIES,
        "destination": COUNTRIES,
        "origin": COUNTRIES,
        "as_of": DAYS,
        "hs_code": st.sampled_from([None, "851829", "8505.11", "28469015"]),
        "composition": st.sampled_from([(), (("Fe", Decimal(60)),), (("Neodymium", Decimal(2)),)]),
        "parties": st.just((BUYER,)),
        "end_use": st.sampled_from([None, "civil"]),
        "declared": st.sampled_from([{}, {"us": "EAR99"}]),
    }
)


def assert_no_lower(before: Classified, after: Classified) -> None:
    """Every verdict is at least as grave, and what was listed still is."""
    for key, verdict in before.regimes.items():
        assert after.regimes[key].decision.gravity >= verdict.decision.gravity, key
        assert after.regimes[key].listed or not verdict.listed, key


@settings(max_examples=250, deadline=None)
@given(TEXTS, LINES, st.sampled_from([change for kind in WORSE.values() for change in kind]))
def test_a_fact_of_more_risk_never_lowers(
    text: str, facts: dict[str, Any], change: dict[str, Any]
) -> None:
    plain, worse = line(text, **facts), line(text, **(facts | change))
    assert_no_lower(classify(plain, PACKS), classify(worse, PACKS))


@settings(max_examples=120, deadline=None)
@given(TEXTS, LINES, DAYS)
def test_a_further_day_never_lowers(text: str, facts: dict[str, Any], day: date) -> None:
    item = line(text, **facts)
    before, after = classify(item, PACKS), classify(item, PACKS, (day,))
    for key, verdict in before.regimes.items():
        assert after.regimes[key].decision.gravity >= verdict.decision.gravity, key
        ahead = after.regimes[key].next_change
        assert verdict.next_change is None or (ahead is not None and ahead <= verdict.next_change)


@settings(max_examples=120, deadline=None)
@given(TEXTS, LINES)
def test_an_origin_left_out_clears_nothing(text: str, facts: dict[str, Any]) -> None:
    """What would be held if the goods came from the territory is held while that is not known."""
    unknown = classify(line(text, **(facts | {"origin": None})), PACKS).regimes
    for key, origin in (("US", "US"), ("CN-GAZETTED", "CN")):
        named = classify(line(text, **(facts | {"origin": origin})), PACKS).regimes[key]
        held = named.decision.gravity >= Verdict.REVIEW.gravity
        assert not held or unknown[key].decision.gravity >= Verdict.REVIEW.gravity, key


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=2, max_size=5), LINES)
def test_lines_do_not_rub_off_on_each_other(texts: list[str], facts: dict[str, Any]) -> None:
    items = [line(text, **facts) for text in texts]
    forward = [classify(item, PACKS) for item in items]
    assert forward == [classify(item, PACKS) for item in items[::-1]][::-1]
