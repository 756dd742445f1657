"""A pack with a fault is refused with file and line; a sound one has a stable digest."""

import re
from importlib import resources

import pytest

from services.classification.lexicon import HEADS, LexiconFile
from services.classification.pack_set import PackSet, choose
from services.classification.policy import Cited, Entry, Negative, Pack, PolicyError, parse_pack
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


def test_every_fact_a_rule_asks_for_can_be_said() -> None:
    """A misspelt fact would make a rule silent; every fact must come from the lexicon or engine."""
    known = {"re", "purity", "purposed", "specific", "cas", "formula", "grade", "doped_host"}
    for file in LEXICON:
        for name, concept in file.concepts.items():
            known |= set(concept.facts or (name,))
        for facts in (*(g.facts for g in file.grades), *(d.facts for d in file.derive)):
            known |= set(facts)
        for heading in file.headings:
            known |= set(heading.facts)
    known |= HEADS | {"aid"}
    states = {"st:loose", "st:strong", "st:bare", "st:conflict", "st:contained", "st:works"}
    for pack in PACKS:
        rules: tuple[Entry | Negative, ...] = (*pack.entries, *pack.negatives)
        for rule in rules:
            for clause in rule.when:
                for fact, _ in clause:
                    base = re.sub(r"^(?:for|no|head|raw|has):", "", fact)
                    assert fact in states or base in known, f"{pack.name} {rule.rule}: {fact}"


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
