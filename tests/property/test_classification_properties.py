"""What must hold for every text: no exception, no lowering by added risk, no dependence on form."""

import unicodedata
from datetime import date
from decimal import Decimal
from random import Random

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.classification import Status, Verdict
from services.classification.answer import answer
from services.classification.check_input import Line
from services.classification.classify import Classified, classify
from services.classification.item import Item, Party
from services.classification.products import Product
from services.runtime.packs import load_packs
from tests.unit.classification.corpus import DESCRIPTIONS
from tests.unit.classification.records import current, stale, unreadable

PACKS = load_packs("both")
TEXTS = [row["description"] for row in DESCRIPTIONS]
HOLDS = {
    "CLASSIFICATION_UNCERTAIN",
    "MISSING_FACT",
    "LIST_STALE",
    "CATCH_ALL",
    "PARTY_HIT",
}
arbitrary = st.text(max_size=300) | st.sampled_from(TEXTS)
countries = st.sampled_from(["CN", "US", "DE", "HK", "JP", "KP", "IR", "RU", "GB", "ZZ", None])
days = st.dates(date(2024, 1, 1), date(2028, 1, 1))


def line(text: str | None, **changes: object) -> Item:
    """A line from China to Germany, changed as given."""
    base: dict[str, object] = {
        "description": text,
        "exporter_country": "CN",
        "destination": "DE",
        "origin": "CN",
        "as_of": date(2026, 7, 1),
    }
    return Item(**(base | changes))  # type: ignore[arg-type]


def assert_not_lower(before: Classified, after: Classified) -> None:
    """Every regime's verdict is at least as grave as before.

    One exception, by design: "does not say what the goods are" or "which rare earths" may be
    answered by goods whose entry is suspended, or by a phosphor, which announcement 18 leaves out.
    """
    open_rules = ("#clear", "#reo-only")
    unsaid = {r.regime for r in before.reasons if r.rule.endswith(open_rules)}
    phosphors = {r.regime for r in after.reasons if r.rule.endswith("#neg-phosphor")}
    for key, verdict in before.regimes.items():
        answered = after.regimes[key].status is Status.SUSPENDED or key in phosphors
        if key in unsaid and answered:
            continue
        assert after.regimes[key].decision.gravity >= verdict.decision.gravity, key


def digest(item: Item) -> bytes:
    """The bytes of the decisions alone."""
    found = classify(item, PACKS)
    return orjson.dumps({k: v.model_dump(mode="json") for k, v in found.regimes.items()})


@settings(max_examples=400, deadline=None)
@given(
    arbitrary | st.none(), countries, countries, countries, days, st.text(max_size=20),
    st.text(max_size=40), st.text(max_size=15),
)  # fmt: skip
def test_any_input_is_answered_and_every_review_can_be_held(
    text: str | None, exporter: str | None, destination: str | None, origin: str | None,
    day: date, hs_code: str, end_use: str, declared: str,
) -> None:  # fmt: skip
    item = line(
        text, exporter_country=exporter, destination=destination, origin=origin, as_of=day,
        hs_code=hs_code, end_use=end_use, declared={"cn": declared, "us": declared},
        parties=(Party("buyer", end_use),), cas=hs_code,
        composition=((declared, Decimal(1)),),
    )  # fmt: skip
    found = classify(item, PACKS)
    assert set(found.regimes) == {"CN", "CN-GAZETTED", "US", "EU"}
    for key, verdict in found.regimes.items():
        codes = {
            r.code for r in found.reasons if r.regime == key and r.effect in ("for", "missing")
        }
        if verdict.decision is Verdict.REVIEW:
            assert codes & HOLDS
        if verdict.decision is Verdict.DENY_PRESUMED:
            assert codes & {"DENY_PRESUMED", "EMBARGO"}
        if verdict.decision is Verdict.OVERLAP_EXCLUDED:
            assert "OVERLAP_ROUTED" in codes
    for reason in found.reasons:
        for match in reason.matched:
            if match.field == "description":
                assert (text or "")[match.start : match.end] == match.text


RISKS = [
    "dysprosium", "氧化镝", "Dy2O3", "Tb0.3Dy0.7Fe1.92", "SmCo5", "N38UH", "NdFeB", "1C905.b",
    "ECCN 1C003", "稀土", "terbium oxide", "holmium", "erbium", "europium", "neodymium", "yttrium",
    "scandium metal", "钐钴", "镝铁", "金属铽", "Sm2Co17", "AlSc2", "DyFe80", "PrNd", "2B902.a",
    "3A001", "N52", "48H", "monazite", "Eu2O3", "La2O3", "7429-91-6", "钕铁硼", "lanthanum",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(arbitrary, st.sampled_from(RISKS), st.sampled_from([" ", ", ", "; "]))
def test_appending_a_listed_thing_never_lowers(text: str, risk: str, between: str) -> None:
    assert_not_lower(classify(line(text), PACKS), classify(line(f"{text}{between}{risk}"), PACKS))


@settings(max_examples=150, deadline=None)
@given(arbitrary, countries, countries)
def test_a_named_party_or_military_use_never_lowers(
    text: str, exporter: str | None, destination: str | None
) -> None:
    plain = line(text, exporter_country=exporter, destination=destination)
    before = classify(plain, PACKS)
    named = (Party("end_user", "MP Materials Corp."),)
    for change in ({"parties": named}, {"end_use": "for military use"}):
        worse = line(text, exporter_country=exporter, destination=destination, **change)
        assert_not_lower(before, classify(worse, PACKS))


@settings(max_examples=150, deadline=None)
@given(arbitrary, st.sampled_from(["RU", "IR", "KP", "CU"]))
def test_an_embargoed_destination_never_lowers(text: str, destination: str) -> None:
    for exporter in ("US", "DE", "CN"):
        mild = line(text, exporter_country=exporter, origin=exporter, destination="GB")
        hard = line(text, exporter_country=exporter, origin=exporter, destination=destination)
        assert_not_lower(classify(mild, PACKS), classify(hard, PACKS))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_case_spacing_and_unicode_form_change_nothing(text: str, data: st.DataObject) -> None:
    wanted = digest(line(text))
    spaced = "  " + text.replace(" ", data.draw(st.sampled_from(["  ", "\t", "\u00a0"]))) + " "
    for other in (text.upper(), text.lower(), spaced):
        assert digest(line(other)) == wanted
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        assert digest(line(unicodedata.normalize(form, text))) == wanted


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([t for t in TEXTS if ", " in t]), st.randoms(use_true_random=False))
def test_the_order_of_comma_separated_phrases_changes_nothing(text: str, random: Random) -> None:
    parts = text.split(", ")
    random.shuffle(parts)
    assert digest(line(", ".join(parts))) == digest(line(text))


@pytest.mark.parametrize("text", TEXTS[::10])
def test_the_same_input_gives_the_same_bytes(text: str) -> None:
    def whole() -> bytes:
        item = line(text)
        return orjson.dumps(answer(Line("a", None, "2026-07-01", item), classify(item, PACKS)))

    assert whole() == whole()


NAMED = "cat2-magnet"
CODES = st.sampled_from(
    [None, "1C905.b", "1C909.b", "1C902", "2B902.a", "1C003.b.1", "9A999", "?", NAMED]
)
RECORDS = st.dictionaries(st.sampled_from(["CN", "CN-GAZETTED", "US", "EU"]), CODES, min_size=1)


def product(codes: dict[str, str | None], standing: str) -> Product:
    """A record that stands as said."""
    if standing == "unreadable":
        return unreadable()
    return (current if standing == "current" else stale)(PACKS, **codes)


@settings(max_examples=300, deadline=None)
@given(
    arbitrary, countries, countries, days, CODES, RECORDS,
    st.sampled_from(["current", "stale", "unreadable"]),
)  # fmt: skip
def test_a_record_never_lowers_what_words_or_codes_demand(
    text: str, exporter: str | None, destination: str | None, day: date, declared: str | None,
    codes: dict[str, str | None], standing: str,
) -> None:  # fmt: skip
    where = {"exporter_country": exporter, "destination": destination, "as_of": day}
    words = classify(line(text, **where), PACKS)
    item = line(text, **where, declared={"cn": declared})
    before = classify(item, PACKS)
    after = classify(item, PACKS, (), product(codes, standing))
    vague = {r.regime for r in words.reasons if r.rule.endswith("#clear") and r.effect == "missing"}
    for key, verdict in before.regimes.items():
        if standing == "current" and key in vague & codes.keys():
            claims_nothing = declared in (None, "?") or (declared == NAMED and key != "CN")
            if claims_nothing or (key.startswith("CN") and declared == codes[key]):
                continue  # the record is the evidence the text lacks
        assert after.regimes[key].decision.gravity >= verdict.decision.gravity, key
        assert after.regimes[key].listed or not verdict.listed, key
