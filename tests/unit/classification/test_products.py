"""A product record beside the words, the declared codes, the days and the lists of an order."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from schemas.classification import RECORD_CONFLICT, Reason
from services.classification.classify import Classified, classify
from services.classification.item import Party
from services.classification.pack_set import PackSet
from services.classification.products import Product, entries_digest, is_current
from services.runtime.packs import load_packs, read_packs
from tests.unit.classification.lines import line
from tests.unit.classification.records import DAY, current, product, stale, unreadable

BOTH = load_packs("both")
L, R, N, X, D, O = (  # noqa: E741
    "LICENSE_REQUIRED",
    "REVIEW",
    "NO_LICENSE_REQUIRED",
    "NOT_APPLICABLE",
    "DENY_PRESUMED",
    "OVERLAP_EXCLUDED",
)
VAGUE, DY, CHAIR = "Goods, item A-4711", "Dysprosium oxide 99.9 %", "Office chair, grey"
HOLMIUM, GRADE, TERFENOL = "Holmium oxide", "NdFeB magnets 38UH", "Terfenol-D rod 10 x 50 mm"
MP = (Party("end_user", "MP Materials Corp.", country="US"),)
US = {"exporter_country": "US", "origin": "US", "destination": "CN"}
HO, TB, DYB = "1C909.b", "1C904.b", "1C905.b"
Make = Callable[..., Product]

# What the line says, what is on record, and the verdict of the announced Chinese lists.
CASES: list[tuple[str, str | None, dict[str, Any], Make, dict[str, str | None], str]] = [
    ("vague, none", VAGUE, {}, current, {"CN-GAZETTED": None}, N),
    ("empty, none", "", {}, current, {"CN-GAZETTED": None}, N),
    ("no text, none", None, {}, current, {"CN-GAZETTED": None}, N),
    ("vague, code", VAGUE, {}, current, {"CN-GAZETTED": DYB}, L),
    ("vague, suspended code", VAGUE, {}, current, {"CN-GAZETTED": HO}, N),
    ("vague, code of no list", VAGUE, {}, current, {"CN-GAZETTED": "9A999"}, R),
    ("vague, no code at all", VAGUE, {}, current, {"CN-GAZETTED": "see file"}, R),
    ("vague, other regimes alone", VAGUE, {}, current, {"US": None, "EU": None}, R),
    ("vague, stale none", VAGUE, {}, stale, {"CN-GAZETTED": None}, R),
    ("vague, stale code", VAGUE, {}, stale, {"CN-GAZETTED": DYB}, L),
    ("vague, stale code of no list", VAGUE, {}, stale, {"CN-GAZETTED": "9A999"}, R),
    ("vague, watched heading, none", "Mineral substance, crushed",
     {"hs_code": "253090"}, current, {"CN-GAZETTED": None}, N),
    ("a signal no rule places, none", "0N 稀土", {}, current, {"CN-GAZETTED": None}, R),
    ("free words, none", CHAIR, {}, current, {"CN-GAZETTED": None}, N),
    ("free words, code", CHAIR, {}, current, {"CN-GAZETTED": DYB}, L),
    ("free words, stale code", CHAIR, {}, stale, {"CN-GAZETTED": DYB}, L),
    ("free words, code of another list", CHAIR, {}, current, {"US": "1C003.b.1"}, R),
    ("free words, stale none", CHAIR, {}, stale, {"CN-GAZETTED": None}, N),
    ("controlled words, none", DY, {}, current, {"CN-GAZETTED": None}, L),
    ("controlled words, same code", DY, {}, current, {"CN-GAZETTED": DYB}, L),
    ("controlled words, other code", DY, {}, current, {"CN-GAZETTED": TB}, L),
    ("controlled words, stale none", DY, {}, stale, {"CN-GAZETTED": None}, L),
    ("doubtful words, none", GRADE, {}, current, {"CN-GAZETTED": None}, R),
    ("doubtful words, code", GRADE, {}, current, {"CN-GAZETTED": "1C905.a.3"}, L),
    ("suspended words, none", HOLMIUM, {}, current, {"CN-GAZETTED": None}, N),
    ("suspended words, other code", HOLMIUM, {}, current, {"CN-GAZETTED": DYB}, L),
    ("declared code, none", VAGUE,
     {"declared": {"cn": DYB}}, current, {"CN-GAZETTED": None}, L),
    ("declared code, other code", VAGUE,
     {"declared": {"cn": HO}}, current, {"CN-GAZETTED": TB}, L),
    ("declared code, same code", VAGUE,
     {"declared": {"cn": HO}}, current, {"CN-GAZETTED": HO}, N),
    ("the same code declared for another list", VAGUE,
     {"declared": {"us": HO}}, current, {"CN-GAZETTED": HO}, R),
    ("foreign declared code, none", VAGUE,
     {"declared": {"us": "5D002"}}, current, {"CN-GAZETTED": None}, R),
    ("placeholder declared, none", VAGUE,
     {"declared": {"us": "EAR99", "cn": "N/A"}}, current, {"CN-GAZETTED": None}, N),
    ("inside China, code", VAGUE,
     {"destination": "CN"}, current, {"CN-GAZETTED": DYB}, X),
    ("unknown destination, none", CHAIR,
     {"destination": "ZZ"}, current, {"CN-GAZETTED": None}, R),
    ("embargo, none", VAGUE, {"destination": "KP"}, current, {"CN-GAZETTED": None}, R),
    ("embargo, code", VAGUE, {"destination": "KP"}, current, {"CN-GAZETTED": DYB}, D),
    ("named party, none", VAGUE, {"parties": MP}, current, {"CN-GAZETTED": None}, D),
    ("named in the text, none", "Goods for MP Materials, 80 % owned", {},
     current, {"CN-GAZETTED": None}, D),
    ("military use, none", VAGUE, {"end_use": "军用"}, current, {"CN-GAZETTED": None}, D),
    ("military goods, none", "Missile", {}, current, {"CN-GAZETTED": None}, R),
    ("before the announcement", VAGUE,
     {"as_of": date(2025, 4, 3)}, current, {"CN-GAZETTED": DYB}, N),
    ("on the day of the announcement", VAGUE,
     {"as_of": date(2025, 4, 4)}, current, {"CN-GAZETTED": DYB}, L),
    ("past the list's last verified day", VAGUE,
     {"as_of": date(2026, 11, 10)}, current, {"CN-GAZETTED": None}, R),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "changes", "make", "codes", "wanted"),
    [c[1:] for c in CASES],
    ids=[c[0] for c in CASES],
)
def test_each_combination_is_decided_as_written(
    text: str | None,
    changes: dict[str, Any],
    make: Make,
    codes: dict[str, str | None],
    wanted: str,
) -> None:
    found = classify(line(text, **changes), BOTH, (), make(BOTH, **codes))

    assert found.regimes["CN-GAZETTED"].decision == wanted


@pytest.mark.parametrize(
    ("text", "changes", "code", "named"),
    [
        (DY, {}, None, "1C905.b"),
        (DY, {}, TB, "1C905.b"),
        (GRADE, {}, None, "something the list may name"),
        ("0N 稀土", {}, None, "something the list may name"),
        (VAGUE, {"declared": {"cn": DYB}}, None, DYB),
        (VAGUE, {"declared": {"cn": HO}}, TB, HO),
        (DY, {"declared": {"cn": HO}}, DYB, HO),
    ],
)
def test_a_conflict_names_both_and_holds(
    text: str, changes: dict[str, Any], code: str | None, named: str
) -> None:
    found = classify(line(text, **changes), BOTH, (), current(BOTH, **{"CN-GAZETTED": code}))

    (conflict,) = conflicts(found)
    assert named in conflict.text
    assert (code or "no list") in conflict.text
    assert conflict.text.startswith("li.wei recorded product SKU-1 on 2026-07-01")
    assert found.regimes["CN-GAZETTED"].decision.value in (R, L)


@pytest.mark.parametrize(
    ("text", "changes", "code"),
    [
        (VAGUE, {}, None),
        (CHAIR, {}, DYB),
        (DY, {}, "1C905"),
        (DY, {}, DYB),
        (VAGUE, {"declared": {"cn": "1C905.b"}}, "1C905"),
        (DY, {"destination": "CN"}, None),
        (HOLMIUM, {}, None),
    ],
)
def test_no_conflict_where_both_may_be_true_or_nothing_applies(
    text: str, changes: dict[str, Any], code: str | None
) -> None:
    found = classify(line(text, **changes), BOTH, (), current(BOTH, **{"CN-GAZETTED": code}))

    assert not conflicts(found)


def test_categories_conflict_where_the_reported_rule_has_no_codes() -> None:
    found = classify(line("NdFeB magnet blocks"), BOTH, (), current(BOTH, CN=DYB))

    (conflict,) = conflicts(found)
    assert "category 2" in conflict.text


def conflicts(found: Classified) -> list[Reason]:
    """The reasons that hold a line whose record says something else."""
    return [reason for reason in found.reasons if reason.rule == RECORD_CONFLICT]


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        (VAGUE, "cat2-magnet", (L, 2)),
        (VAGUE, "CAT2-Magnet", (L, 2)),
        ("NdFeB magnet blocks", "cat2-magnet", (L, 2)),
        (VAGUE, "cat1-material", (L, 1)),
        (VAGUE, "cat9-nothing", (R, None)),
    ],
)
def test_an_entry_goes_by_its_name_where_the_list_has_no_codes(
    text: str, name: str, wanted: tuple[str, int | None]
) -> None:
    found = classify(line(text), BOTH, (), current(BOTH, CN=name))
    verdict = found.regimes["CN"]

    assert (verdict.decision, verdict.category) == wanted
    assert not conflicts(found)


def test_a_named_entry_that_the_line_declares_is_a_demand() -> None:
    item = line(VAGUE, declared={"cn": "cat2-magnet"})
    found = classify(item, BOTH, (), current(BOTH, CN=None))

    assert found.regimes["CN"].decision == L
    assert len(conflicts(found)) == 1


def test_a_named_entry_is_a_sign_of_risk_under_every_list() -> None:
    found = classify(line(CHAIR), BOTH, (), current(BOTH, CN="cat2-magnet")).regimes
    gone = classify(line(CHAIR), BOTH, (), stale(BOTH, CN="cat9-nothing")).regimes

    assert (found["CN"].decision, found["CN-GAZETTED"].decision) == (L, R)
    assert (gone["CN"].decision, gone["CN-GAZETTED"].decision) == (R, R)


def test_an_unreadable_record_clears_nothing() -> None:
    free = classify(line(CHAIR), BOTH, (), unreadable()).regimes
    controlled = classify(line(DY), BOTH, (), unreadable()).regimes

    assert (free["CN"].decision, free["CN-GAZETTED"].decision, free["EU"].decision) == (R, R, X)
    assert controlled["CN"].decision == L


def test_the_more_exact_code_stands() -> None:
    coarse = classify(line(DY), BOTH, (), current(BOTH, **{"CN-GAZETTED": "1C905"}))
    exact = classify(line(VAGUE), BOTH, (), current(BOTH, **{"CN-GAZETTED": DYB}))

    assert coarse.regimes["CN-GAZETTED"].control_code == "1C905.b"
    assert exact.regimes["CN-GAZETTED"].control_code == "1C905.b"


def test_goods_another_list_names_on_record_are_routed_there() -> None:
    record = current(BOTH, CN=DYB, US="1C003.b.1")
    found = classify(line(VAGUE), BOTH, (), record).regimes["CN"]

    assert (found.decision, found.routed_to) == (O, ("US",))


def test_a_record_takes_no_listing_away_that_an_overlap_rests_on() -> None:
    found = classify(line(TERFENOL), BOTH, (), current(BOTH, US=None, EU=None)).regimes

    assert (found["CN"].decision, found["US"].listed) == (O, True)
    doubted = classify(line(HOLMIUM), BOTH, (), current(BOTH, **{"CN-GAZETTED": "9A999"}))
    gazetted = doubted.regimes["CN-GAZETTED"]
    assert (gazetted.decision, gazetted.listed, gazetted.control_code) == (R, True, "1C909.b")


def test_the_country_chart_decides_on_a_recorded_code() -> None:
    record = current(BOTH, US="1C003.b.1")

    assert classify(line(VAGUE, **US), BOTH, (), record).regimes["US"].decision == L
    mild = {**US, "destination": "GB"}
    assert classify(line(VAGUE, **mild), BOTH, (), record).regimes["US"].decision == N


def test_a_word_for_none_is_none() -> None:
    found = classify(line(VAGUE, **US), BOTH, (), current(BOTH, US="EAR99")).regimes["US"]

    assert (found.decision, found.eccn) == (N, "EAR99")


def test_a_suspended_code_says_when_it_comes_back() -> None:
    found = classify(line(VAGUE), BOTH, (), current(BOTH, **{"CN-GAZETTED": HO}))

    assert found.regimes["CN-GAZETTED"].next_change == "2026-11-11"


def test_the_record_is_named_with_officer_and_citation() -> None:
    found = classify(line(VAGUE), BOTH, (), current(BOTH, **{"CN-GAZETTED": None}))

    (said,) = [reason for reason in found.reasons if reason.rule == "product"]
    assert (said.effect, said.citation, said.evidence_tag) == ("against", "data sheet DS-17", "O")
    assert "li.wei" in said.text


def changed(rule: str, **fields: Any) -> PackSet:
    """The packs, with one rule of the announced lists changed."""
    packs, lexicon = read_packs()
    other = [
        pack
        if pack.pack != "cn-gazetted"
        else pack.model_copy(
            update={
                "entries": tuple(
                    e.model_copy(update=fields) if e.rule == rule else e for e in pack.entries
                )
            }
        )
        for pack in packs
    ]
    return PackSet(other, lexicon, BOTH.keys)


@pytest.mark.parametrize(
    ("rule", "fields", "code", "wanted"),
    [
        ("1c905-b", {"title": "dysprosium oxide of any purity"}, DYB, False),
        ("1c905-b", {"timeline": ()}, DYB, False),
        ("1c905-b", {"citation": "read again"}, DYB, True),
        ("1c905-b", {"tag": "G"}, DYB, True),
        ("1c909-b", {"title": "another"}, DYB, True),
        ("1c909-b", {"title": "another"}, None, False),
        ("1c909-b", {"citation": "read again"}, None, True),
    ],
)
def test_a_record_is_stale_when_what_it_rests_on_reads_otherwise(
    rule: str, fields: dict[str, Any], code: str | None, wanted: bool
) -> None:
    record = current(BOTH, **{"CN-GAZETTED": code}).record
    assert record is not None

    later = changed(rule, **fields).on("CN-GAZETTED", DAY)

    assert is_current(record, "CN-GAZETTED", later) is wanted


def test_without_entries_the_pack_decides_and_without_either_nothing_is_current() -> None:
    read = BOTH.on("CN-GAZETTED", DAY)
    codes = {"CN-GAZETTED": DYB}
    by_pack = product(codes=codes, packs={"CN-GAZETTED": read.digest}).record
    by_nothing = product(codes=codes, packs={}).record
    assert by_pack is not None
    assert by_nothing is not None

    assert is_current(by_pack, "CN-GAZETTED", read)
    assert not is_current(
        by_pack, "CN-GAZETTED", changed("1c905-b", citation="again").on("CN-GAZETTED", DAY)
    )
    assert not is_current(by_nothing, "CN-GAZETTED", read)


def test_a_code_no_list_holds_has_a_digest_of_its_own() -> None:
    read = BOTH.on("CN-GAZETTED", DAY)

    assert len({entries_digest(read, code) for code in ("9A999", DYB, None)}) == 3
