"""A pack with a fault is refused with file and line; a sound one has a stable digest."""

import re
from datetime import date
from importlib import resources

import pytest

from services.classification.compare import changes
from services.classification.lexicon import LexiconFile
from services.classification.pack_file import check_versions, parse_pack
from services.classification.pack_set import PackSet, choose
from services.classification.policy import Cited, Pack, PolicyError
from services.classification.source import load_tree
from services.runtime.packs import load_packs, read_packs

PACKS, LEXICON = read_packs()
SOUND = """\
pack: test
version: '1'
regime: XX
title: Test
authority: Nobody
zone: Europe/Brussels
effective: {from: 2025-01-01, status: in_force}
watch:
  - {source: somewhere, last_checked: 2026-01-01}
code_field: annex_i
declared: {pattern: x}
jurisdiction: {territory: DE, location: applies, citation: law, tag: C}
clear: {citation: law, tag: C}
entries:
  - rule: one
    title: One
    code: 1A001
    when: ['re & !magnet']
    verdict: LICENSE_REQUIRED
    timeline: [{from: 2025-01-01, to: 2025-02-01, status: in_force},
               {from: 2025-02-01, status: suspended}]
    citation: law
    tag: C
"""
SECOND = SOUND[SOUND.index("  - rule: one") :].replace("rule: one", "rule: two")


def test_the_sound_pack_is_read() -> None:
    assert parse_pack(SOUND, "x.yaml").entries[0].when == ((("re", True), ("magnet", False)),)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (SOUND.replace("    code: 1A001", "    colour: red"), 17, "colour"),
        (SOUND + SECOND, 24, "code 1A001 is given twice"),
        (SOUND + SECOND.replace("two", "one").replace("1A001", "1A002"), 24, "rule one"),
        (SOUND.replace("to: 2025-02-01", "to: 2025-03-01"), 20, "overlap"),
        (SOUND.replace(", to: 2025-02-01", ""), 20, "overlap"),
        (SOUND.replace("to: 2025-02-01", "to: 2024-12-01"), 20, "empty"),
        (SOUND.replace("    citation: law\n", ""), 15, "citation"),
        (SOUND.replace("    citation: law\n", "    citation: ''\n"), 22, "citation"),
        (SOUND.replace("    tag: C", "    tag: Z"), 23, "tag"),
        (SOUND.replace("verdict: LICENSE_REQUIRED", "verdict: MAYBE"), 19, "verdict"),
        (SOUND.replace("2026-01-01", "yesterday"), 9, "last_checked"),
        (SOUND.replace("title: Test\n", "title: Test\ntitle: Twice\n"), 5, "given twice"),
        (SOUND.replace("zone: Europe/Brussels", "zone: [", 1), 8, "parsing"),
        ("", 1, "empty"),
    ],
)
def test_a_fault_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_pack(text, "policy/x/1.yaml")
    assert caught.value.source == "policy/x/1.yaml"
    assert caught.value.line == line
    assert said in caught.value.message


@pytest.mark.parametrize("pack", PACKS, ids=[pack.name for pack in PACKS])
def test_every_rule_of_a_shipped_pack_is_cited(pack: Pack) -> None:
    rules: tuple[Cited, ...] = (
        *pack.entries, *pack.negatives, *pack.parties, *pack.destinations, *pack.end_uses
    )  # fmt: skip
    for rule in rules:
        assert rule.citation
        assert rule.tag in "CIGJ"


SHIPPED = """\
pack: us-addendum-reported
version: '1'
regime: US
title: Test
authority: Nobody
zone: America/New_York
effective: {from: 2025-01-01, status: in_force}
watch: [{source: somewhere, last_checked: 2026-01-01}]
code_field: eccn
declared: {pattern: x}
jurisdiction: {territory: US, location: applies, citation: law, tag: C}
clear: {citation: law, tag: C}
signals: [re]
licensing: country_chart
chart: {'NS 1': CN RU}
entries:
  - {rule: one, title: One, when: ['re & st:strong'], verdict: REVIEW, missing: form,
     reason: MISSING_FACT, citation: law, tag: C}
listed_citation: law
listed:
  - {code: 1A001, title: Parts, columns: ['NS 1?'], other: ['UN=KP']}
negatives:
  - {rule: two, title: Two, when: ['!re & head:article'], citation: law, tag: C}
destinations:
  - {rule: three, countries: KP, other: REVIEW, reason: EMBARGO, title: T, citation: law, tag: C}
parties:
  - {rule: four, names: [Aveox], country: US, citation: law, tag: C}
end_uses:
  - {rule: five, fact: military, verdict: REVIEW, reason: CATCH_ALL, title: Five,
     citation: law, tag: C}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("'re & st:strong'", "'re & st:strnog'", "no text can say 'st:strnog'"),
        ("'re & st:strong'", "'re & dysporsium'", "no text can say 'dysporsium'"),
        ("'re & st:strong'", "'re | st:strong'", "no fact"),
        ("'re & st:strong'", "''", "no fact"),
        ("when: ['re & st:strong'], ", "", "can never apply"),
        ("head:article", "heed:article", "no text can say"),
        ("fact: military", "fact: militry", "no text can say"),
        ("signals: [re]", "signals: [er_]", "no text can say"),
        ("verdict: REVIEW, missing", "verdict: OVERLAP_EXCLUDED, missing", "no rule finds"),
        (", missing: form", "", "what is missing"),
        ("reason: MISSING_FACT", "reason: BANANA", "no reason to hold"),
        ("reason: EMBARGO", "reason: BANANA", "no reason to hold"),
        ("reason: CATCH_ALL", "reason: BANANA", "no reason to hold"),
        ("territory: US", "territory: UK", "not a known country"),
        ("countries: KP", "countries: XX", "not a known country"),
        ("country: US", "country: USA", "not a known country"),
        ("CN RU}", "CN UK}", "not a known country"),
        ("UN=KP", "UN=XX", "not a known country"),
        ("UN=KP", "UN", "where it applies"),
        ("'NS 1?'", "'NS 9'", "no column"),
        ("chart: {'NS 1': CN RU}\n", "", "no chart"),
        ("America/New_York", "America/NewYork", "no zone"),
        ("status: in_force}", "to: 2025-01-01, status: in_force}", "never in effect"),
        ("code_field", "verified_until: 2024-01-01\ncode_field", "verified until before"),
        ("location: applies", "location: applies, origin_rule: six", "marked `beyond`"),
        ("verdict: REVIEW, missing", "beyond: true, verdict: REVIEW, missing", "marked `beyond`"),
        ("rule: two", "rule: one", "rule one is given twice"),
        ("names: [Aveox]", "names: []", "names nobody"),
        ("names: [Aveox]", "names: ['The Co.']", "names nobody"),
        ("citation: law, tag: C}\nclear", "citation: ' ', tag: C}\nclear", "has no citation"),
        ("T, citation: law", "T, citation: ' '", "has no citation"),
        ("clear:", "exclusion: {rule: o, reading: 'off', regimes: [USA], title: t, "
         "citation: c, tag: C}\nclear:", "no regime"),
        ("watch:", "[a]: b\nwatch:", "plain text"),
        ("watch:", "note: &a [*a]\nwatch:", "in itself"),
        ("watch:", f"note: {'[' * 3000}{']' * 3000}\nwatch:", "deeply"),
    ],
)  # fmt: skip
def test_what_would_silence_a_rule_or_stop_a_run_is_refused(old: str, new: str, said: str) -> None:
    assert parse_pack(SHIPPED, "x.yaml", LEXICON).regime == "US"
    assert old in SHIPPED
    with pytest.raises(PolicyError, match=re.escape(said)):
        parse_pack(SHIPPED.replace(old, new), "x.yaml", LEXICON)


def test_the_days_of_two_versions_meet() -> None:
    first, second = (pack for pack in PACKS if pack.pack == "cn-reported")
    check_versions([first, second])
    for start in (date(2025, 10, 8), date(2025, 10, 10)):
        moved = first.effective.model_copy(update={"start": start})
        with pytest.raises(PolicyError, match="do not end"):
            check_versions([first.model_copy(update={"effective": moved}), second])


def test_a_country_taken_from_the_chart_is_told() -> None:
    us = next(pack for pack in PACKS if pack.pack == "us-ear")
    fewer = tuple(country for country in us.chart["NS 1"] if country != "DE")
    found = changes(us, us.model_copy(update={"chart": {**us.chart, "NS 1": fewer}}))
    assert found == [{"rule": "pack chart", "what": "NS 1", "before": "('DE',)", "after": "()"}]


@pytest.mark.parametrize(
    ("name", "old", "new", "changed"),
    [
        ("cn-reported", "countries: KP", "countries: IR", ("destination un-dprk", "countries")),
        ("cn-reported", "DENY_PRESUMED, reason", "REVIEW, reason",
         ("end use military-end-use", "verdict")),
        ("cn-reported", "from: 2026-06-22", "from: 2026-07-22", ("party ann-23-2026-1", "start")),
        ("cn-reported", "Asia/Shanghai", "Europe/Brussels", ("pack zone", "changed")),
        ("cn-reported", "[re, ndfeb_grade]", "[re]", ("pack signals", "changed")),
        ("cn-reported", "reading: listed_item", "reading: jurisdictional",
         ("pack exclusion", "reading")),
        ("cn-reported", "    listed: false\n", "", ("bare", "listed")),
        ("cn-gazetted", "license_type_suspended: dual_use_if_reactivated", "",
         ("1c909", "license_type_suspended")),
    ],
)  # fmt: skip
def test_a_difference_that_decides_is_told(
    name: str, old: str, new: str, changed: tuple[str, str]
) -> None:
    version = {"cn-reported": "2025-10-09", "cn-gazetted": "2025-11-07"}[name]
    text = (resources.files("policy") / name / f"{version}.yaml").read_text(encoding="utf-8")
    found = changes(parse_pack(text, "a"), parse_pack(text.replace(old, new), "b"))
    assert changed in [(change["rule"], change["what"]) for change in found]
    assert (
        changes(parse_pack(text, "a"), parse_pack(text.replace("title: ", "title:  "), "b")) == []
    )


def test_digests_depend_on_content_alone() -> None:
    packs = load_packs("both")
    again = PackSet(reversed(PACKS), reversed(LEXICON), choose("both"))
    assert packs.refs == again.refs
    assert len({ref.digest for ref in packs.refs}) == len(packs.refs)


def test_choosing_the_chinese_pack() -> None:
    assert list(load_packs("reported").keys) == ["CN", "US", "EU"]
    assert list(load_packs("both").keys) == ["CN", "CN-GAZETTED", "US", "EU"]
    assert load_packs("gazetted").keys["CN"] == "cn-gazetted"
    assert str(load_packs("gazetted").verified_until) == "2026-11-10"
    assert str(load_packs("reported").verified_until) == "2026-12-31"


def test_the_list_of_the_united_states_is_whole() -> None:
    us = next(pack for pack in PACKS if pack.pack == "us-ear")
    assert len(us.listed) >= 633
    assert all(why.isupper() or "olicy" in why for item in us.listed for why in item.controls)
    assert all(" " not in why for item in us.listed for why in item.controls if why.isupper())
    assert len(us.chart_open) >= 190
    assert "HK" in us.chart["NS 2"]


def test_the_addendum_is_off() -> None:
    assert any(pack.pack == "us-addendum-reported" for pack in PACKS)
    assert all("addendum" not in ref.pack for ref in load_packs("both").refs)


def test_yaml_scalars_stay_strings() -> None:
    tree, _ = load_tree("a: no\nb: 1.10\nc: 2025-01-01", "x")
    assert tree == {"a": "no", "b": "1.10", "c": "2025-01-01"}


def test_packs_ship_inside_the_distribution() -> None:
    assert resources.files("policy").joinpath("cn-reported", "2025-10-09.yaml").is_file()


def test_a_field_that_a_later_release_adds_leaves_the_digests_of_older_packs() -> None:
    """An archive names the packs it rests on by digest, and must name them for ever."""

    class LaterPack(Pack):
        added: str = "by default"

    class LaterFile(LexiconFile):
        added: str = "by default"

    packs = [LaterPack.model_construct(p.model_fields_set, **p.__dict__) for p in PACKS]
    files = [LaterFile.model_construct(f.model_fields_set, **f.__dict__) for f in LEXICON]

    assert (
        PackSet(packs, files, choose("both")).refs == PackSet(PACKS, LEXICON, choose("both")).refs
    )
