"""Who exports, to whom, where, for what: fifteen lines and more, each with its whole answer."""

from datetime import date
from typing import Any

import pytest

from schemas.classification import Verdict
from services.classification.classify import classify
from services.classification.codes import code_verdict
from services.classification.item import Party
from services.classification.pack_set import PackSet, choose
from services.runtime.packs import load_packs, read_packs
from tests.unit.classification.lines import line

BOTH = load_packs("both")
L, R, N, X, D, O = (  # noqa: E741
    "LICENSE_REQUIRED",
    "REVIEW",
    "NO_LICENSE_REQUIRED",
    "NOT_APPLICABLE",
    "DENY_PRESUMED",
    "OVERLAP_EXCLUDED",
)
DY = "Dysprosium oxide 99.9 %"
TERFENOL = "Terfenol-D rod 10 x 50 mm"
GERMAN = (Party("buyer", "Muster GmbH", country="DE"),)
OWNED = (Party("consignee", "Muster Tianjin", country="CN", owner_country="DE"),)
MP = (Party("end_user", "MP Materials Corp.", country="US"),)

US = {"exporter_country": "US", "origin": "US"}
DE = {"exporter_country": "DE", "origin": "DE"}

CASES: list[tuple[str, str | None, dict[str, Any], dict[str, str]]] = [
    ("export", DY, {}, {"CN": L, "CN-GAZETTED": L, "US": X, "EU": X}),
    ("domestic", DY, {"destination": "CN"}, {"CN": X, "CN-GAZETTED": X}),
    ("domestic, foreign buyer", DY, {"destination": "CN", "parties": GERMAN}, {"CN": R}),
    ("domestic, foreign owner", DY, {"destination": "CN", "parties": OWNED}, {"CN": R}),
    ("domestic, words", f"{DY} for a wholly foreign-owned plant", {"destination": "CN"}, {"CN": R}),
    (
        "EXW to a foreign buyer",
        DY,
        {"destination": "CN", "incoterm": "EXW", "parties": GERMAN},
        {"CN": R},
    ),
    ("Hong Kong is not CN", DY, {"destination": "HK"}, {"CN": L}),
    ("Macau is not CN", DY, {"destination": "MO"}, {"CN": L}),
    ("Taiwan is not CN", DY, {"destination": "TW"}, {"CN": L}),
    ("Hong Kong exporter", DY, {"exporter_country": "HK"}, {"CN": X, "CN-GAZETTED": N}),
    ("foreign exporter, goods in China", DY,
     {"exporter_country": "DE", "ship_from": "CN"}, {"CN": R}),
    ("third countries", DY, DE | {"destination": "US"}, {"CN": X, "EU": N}),
    ("US origin re-exported by China", DY, {"origin": "US"}, {"CN": L, "US": N}),
    ("destination missing", DY, {"destination": None}, {"CN": R, "US": X, "EU": X}),
    ("destination unknown", DY, {"destination": "ZZ"}, {"CN": R}),
    ("exporter missing", DY, {"exporter_country": None}, {"CN": R, "US": R, "EU": R}),
    ("free good, destination missing", "Office chairs", {"destination": None}, {"CN": R}),
    ("sample", f"{DY}, free sample, no commercial value", {"purpose": "sample"}, {"CN": L}),
    ("repair", f"{DY} for repair", {"purpose": "repair"}, {"CN": L}),
    ("named party", DY, {"parties": MP}, {"CN": D, "CN-GAZETTED": D}),
    ("named party before its day", DY, {"parties": MP, "as_of": date(2026, 6, 21)}, {"CN": L}),
    ("named party on its day", DY, {"parties": MP, "as_of": date(2026, 6, 22)}, {"CN": D}),
    ("nearly a named party", "Chairs", {"parties": (Party("buyer", "MP Matérials"),)}, {"CN": D}),
    ("resembling name", "Chairs", {"parties": (Party("buyer", "Jaia Robotix"),)}, {"CN": R}),
    ("owned by a named party", DY,
     {"end_use": "for a 60 % owned subsidiary of MP Materials"}, {"CN": D}),
    ("a minority share", "Chairs", {"end_use": "buyer 20 % owned by MP Materials"}, {"CN": R}),
    ("military end use", DY, {"end_use": "missile guidance"}, {"CN": D, "US": X}),
    ("military end use, zh", "氧化镝", {"end_use": "军用"}, {"CN": D}),
    ("said not military", DY, {"end_use": "civil, not for military use"}, {"CN": L}),
    ("screening hit", "Chairs", {"parties": (Party("buyer", "A", screened="hit"),)}, {"CN": R}),
    ("North Korea, listed", DY, {"destination": "KP"}, {"CN": D}),
    ("North Korea, chairs", "Office chairs", {"destination": "KP"}, {"CN": R}),
    ("overlap", TERFENOL, {}, {"CN": O, "CN-GAZETTED": L}),
    ("US to China, 1C003", TERFENOL, US | {"destination": "CN"}, {"US": L}),
    ("US to Britain, 1C003", TERFENOL, US | {"destination": "GB"}, {"US": N}),
    ("US to Hong Kong as to China", TERFENOL, US | {"destination": "HK"}, {"US": L}),
    ("US to Iran, chairs", "Office chairs", US | {"destination": "IR"}, {"US": D}),
    ("US at home", TERFENOL, US | {"destination": "US"}, {"US": X}),
    ("EU to US, 1C003", TERFENOL, DE | {"destination": "US"}, {"EU": L, "US": X}),
    ("inside the EU", TERFENOL, DE | {"destination": "FR"}, {"EU": X}),
    ("from an overseas region of the EU", TERFENOL,
     {"exporter_country": "RE", "destination": "US"}, {"EU": L}),
    ("EU broker, listed", TERFENOL,
     {"exporter_country": "DE", "ship_from": "JP", "destination": "US"}, {"EU": R}),
    ("EU broker, chairs", "Office chairs",
     {"exporter_country": "DE", "ship_from": "JP"}, {"EU": X}),
    ("origin unknown, EAR99 either way", DY, {"origin": None}, {"US": N}),
    ("origin unknown, listed", TERFENOL, {"origin": None, "destination": "VN"}, {"US": R}),
    ("vague", "Spare parts as per invoice", {}, {"CN": R, "CN-GAZETTED": R}),
    ("a signal that no rule places", "0N 稀土", {}, {"CN-GAZETTED": R}),
    ("empty", "", {}, {"CN": R}),
    ("null", None, {}, {"CN": R}),
    ("foreign code on a chair", "Office chairs", {"declared": {"us": "5D002"}}, {"CN": R}),
    ("placeholder code on a chair", "Office chairs",
     {"declared": {"us": "EAR99", "cn": "N/A"}}, {"CN": N}),
    ("declared CN code, vague words", "Powder",
     {"declared": {"cn": "1C905.b"}}, {"CN": L, "CN-GAZETTED": L}),
    ("HS names it, words are vague", "Metal powder",
     {"hs_code": "2805.30.12.00"}, {"CN": L, "CN-GAZETTED": L}),
    ("HS against the words", "Headphones", {"hs_code": "2846901500"}, {"CN": R}),
    ("HS malformed", "Office chairs", {"hs_code": "94O1"}, {"CN": N}),
    ("watched heading, open words", "Mineral substance, crushed", {"hs_code": "253090"}, {"CN": R}),
    ("composition", "NdFeB magnets", {"composition": (("Dy", 2),)}, {"CN-GAZETTED": L}),
    ("composition of an alloy", "Alloy",
     {"composition": (("Al", 98), ("Sc", 2))}, {"CN": L, "CN-GAZETTED": L}),
    ("composition alone", "Widget", {"composition": (("Lu", 1),)}, {"CN": R, "CN-GAZETTED": R}),
    ("composition inside a motor", "Motor", {"composition": (("Nd", 1),)}, {"CN": N}),
    ("CAS field, vague words", "Powder", {"cas": "1308-87-8"}, {"CN": L, "CN-GAZETTED": L}),
    ("spoken heading with dots", "Pigment base, HS 2846.90.15", {}, {"CN": R}),
    ("HS of eight digits", "Metal powder", {"hs_code": "28053012"}, {"CN-GAZETTED": L}),
    ("HS of magnets, eight digits", "Headphones", {"hs_code": "8505.11.10"}, {"CN": R}),
    ("HS of magnets, words of a suspended oxide", "Holmium oxide",
     {"hs_code": "8505111000"}, {"CN-GAZETTED": R}),
    ("HS of magnets, a name in no known language", "neodímium mágnes",
     {"hs_code": "8505111000"}, {"CN-GAZETTED": R}),
    ("HS of magnets of any kind, finished goods", "Headphones", {"hs_code": "850511"}, {"CN": R}),
    ("the same, said to be ferrite", "Ferrite magnets", {"hs_code": "850511"}, {"CN": N}),
    ("composition by name", "Steel rod", {"composition": (("Dysprosium", 2),)}, {"CN": L}),
    ("composition by formula", "Steel rod", {"composition": (("Dy2O3", 2),)}, {"CN": L}),
    ("composition, full width", "Steel rod", {"composition": (("Ｄｙ", 2),)}, {"CN": L}),
    ("composition, no element named", "Steel rod", {"composition": (("TREO", 2),)}, {"CN": L}),
    ("CAS field with a label", "Steel rod", {"cas": "CAS 1308‑87‑8"}, {"CN": L}),
    ("HS in full width", "Metal powder", {"hs_code": "２８０５３０１２"}, {"CN-GAZETTED": L}),
    ("HS with dashes", "Steel rod", {"hs_code": "2805-30"}, {"CN": L}),
    ("spoken heading beside another", "Toy, HS 2846901500", {"hs_code": "9503"}, {"CN": R}),
    ("declared in full width", "Loudspeaker", {"declared": {"cn": "１Ｃ９０５．ｂ"}}, {"CN": L}),
    ("declared without dots", "Loudspeaker", {"declared": {"cn": "1C905b"}}, {"CN": L}),
    ("declared with its name", "Loudspeaker", US | {"declared": {"us": "ECCN 3A001"},
     "destination": "CN"}, {"US": L}),
    ("declared, five levels deep", "Loudspeaker", US | {"declared": {"us": "3A001.a.5.a.1"},
     "destination": "CN"}, {"US": L}),
    ("origin unknown, to Iran", "Office chairs",
     {"exporter_country": "JP", "origin": None, "destination": "IR"}, {"US": R}),
    ("origin and destination unknown", "Office chairs",
     {"exporter_country": "JP", "origin": None, "destination": "ZZ"}, {"US": R}),
    ("origin unknown, military use in China", "Office chairs",
     {"exporter_country": "JP", "origin": None, "destination": "CN", "end_use": "military"},
     {"US": R}),
    ("EU broker, to North Korea", "Office chairs",
     {"exporter_country": "DE", "ship_from": "JP", "destination": "KP"}, {"EU": R}),
    ("third countries, origin unknown, limb in force", "SmCo magnets",
     {"exporter_country": "JP", "origin": None, "as_of": date(2025, 10, 20)}, {"CN-GAZETTED": R}),
    ("third countries, Chinese assembly, stale", "Motor with Dy-containing NdFeB magnets",
     {"exporter_country": "JP", "as_of": date(2026, 12, 1)}, {"CN-GAZETTED": R}),
    ("a sensitive kind to Japan", "Thermal imaging camera", US | {"destination": "JP"}, {"US": R}),
    ("the same beside a code free there", "Thermal imaging camera with Terfenol-D rod",
     US | {"destination": "JP"}, {"US": R}),
    ("the same, declared a code free there", "Thermal imaging camera",
     US | {"destination": "JP", "declared": {"us": "1C003.b.1"}}, {"US": R}),
    ("a composition names no goods", "Vantorel X200",
     US | {"destination": "CN", "composition": (("Nd", 1),)}, {"US": R}),
    ("nor beside vague words", "Parts as per invoice",
     US | {"destination": "CN", "composition": (("Nd", 1),)}, {"US": R}),
    ("no heavy rare earth", "NdFeB magnets N35, Dy-free and Tb-free",
     {}, {"CN": L, "CN-GAZETTED": N}),
    ("free of charge is not free of Dy", "Dysprosium free sample, metal", {}, {"CN": L}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "changes", "wanted"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_each_case_is_decided_as_written(
    text: str | None, changes: dict[str, Any], wanted: dict[str, str]
) -> None:
    found = classify(line(text, **changes), BOTH).regimes
    assert {key: found[key].decision.value for key in wanted} == wanted


@pytest.mark.parametrize(
    ("text", "changes", "fact"),
    [
        (DY, {"destination": None}, "destination"),
        (DY, {"exporter_country": "XX"}, "exporter_country"),
        ("NdFeB magnets 38UH", {}, "dysprosium and terbium content of grade 38UH not stated"),
        ("NdFeB magnets", {}, "dysprosium and terbium content of the magnet not stated"),
        ("Samples", {}, "a description that says what the goods are"),
    ],
)
def test_a_missing_fact_is_named(text: str, changes: dict[str, Any], fact: str) -> None:
    assert fact in classify(line(text, **changes), BOTH).missing


@pytest.mark.parametrize("key", ["CN", "CN-GAZETTED"])
def test_goods_without_rare_earths_are_not_told_to_contain_them(key: str) -> None:
    reasons = classify(line("Steel rods, 12 mm"), BOTH).reasons
    assert [r.code for r in reasons if r.regime == key] == ["NOT_NAMED"]


def test_a_regime_that_does_not_reach_an_order_asks_nothing_of_it() -> None:
    item = line("Ion exchange resin", exporter_country="US", origin="US",
                declared={"us": "2B350"})  # fmt: skip
    asked = [r.regime for r in classify(item, BOTH).reasons if r.effect == "missing"]
    assert not {"CN", "CN-GAZETTED", "EU"} & set(asked)


def test_a_regime_that_may_or_may_not_reach_does_not_apply_yet() -> None:
    found = classify(line(TERFENOL, origin=None, destination="VN"), BOTH).regimes["US"]
    assert (found.applies, found.subject_to_ear) == (False, None)


def test_a_destination_without_a_row_in_the_chart_is_reviewed() -> None:
    found = code_verdict("US", "1C003", line("x", destination="GL", **US), BOTH)
    assert found.decision == R


def test_the_overlap_names_the_regimes_it_is_routed_to() -> None:
    found = classify(line(TERFENOL), BOTH).regimes["CN"]
    assert found.routed_to == ("US", "EU")


@pytest.mark.parametrize(
    ("reading", "origin", "wanted"),
    [
        ("listed_item", "CN", O),
        ("jurisdictional", "CN", L),  # neither US nor EU law reaches this very transaction
        ("jurisdictional", "US", O),
        ("off", "US", L),
    ],
)
def test_the_reading_of_the_overlap_is_the_packs(reading: str, origin: str, wanted: str) -> None:
    packs, lexicon = read_packs()
    changed = []
    for pack in packs:
        rule = pack.exclusion and pack.exclusion.model_copy(update={"reading": reading})
        changed.append(pack.model_copy(update={"exclusion": rule}))
    chosen = PackSet(changed, lexicon, choose("both"))
    assert classify(line(TERFENOL, origin=origin), chosen).regimes["CN"].decision == wanted


@pytest.mark.parametrize("hs_code", ["2846901500", "28469015", "2846.90.15.00"])
def test_a_customs_code_of_another_rare_earth_is_heard(hs_code: str) -> None:
    found = classify(line("Holmium oxide", hs_code=hs_code), BOTH).regimes["CN-GAZETTED"]
    assert (found.decision, found.control_code, found.license_type) == (L, "1C905.b", "dual_use")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("M.P. MATERIALS, Inc.", D),
        ("ＭＰ Ｍａｔｅｒｉａｌｓ", D),
        ("MP Mаterials", D),  # a Cyrillic letter
        ("Aveox有限公司", D),
        ("Fort Worth plant of MP Materials", D),
        ("USA RareEarth Magnets LLC", R),
        ("AveoxSystems", R),
        ("Ball Aerospace", R),
        ("Red Cat", R),
        ("Oshkosh Defence", R),
        ("Kempmeyer Materials GmbH", N),
        ("Material Handling USA", N),
        ("Red House Holdings", N),
        ("Ball", N),
    ],
)
def test_a_name_is_a_named_partys_or_like_one(name: str, wanted: str) -> None:
    item = line("Chairs", parties=(Party("end_user", name),))
    assert classify(item, BOTH).regimes["CN"].decision == wanted


@pytest.mark.parametrize(
    ("end_use", "wanted"),
    [
        ("供MP Materials使用", R),
        ("由MP Materials 全资控股的子公司", D),
        ("no mp materialsx; for mp materials", R),
        ("kemp materials", N),
    ],
)
def test_a_named_party_in_a_text_is_a_word_of_it(end_use: str, wanted: str) -> None:
    assert classify(line("Chairs", end_use=end_use), BOTH).regimes["CN"].decision == wanted


@pytest.mark.parametrize("change", [{"parties": MP}, {"end_use": "for MP Materials"}])
def test_the_day_a_party_is_named_from_is_a_change_ahead(change: dict[str, Any]) -> None:
    found = classify(line("Chairs", as_of=date(2026, 6, 21), **change), BOTH).regimes
    assert (found["CN"].next_change, found["US"].next_change) == ("2026-06-22", None)


def test_of_equally_grave_days_the_stale_one_counts() -> None:
    item = line(DY, as_of=date(2026, 11, 9))
    found = classify(item, BOTH, (date(2026, 11, 10),)).regimes["CN-GAZETTED"]
    assert (found.decision, found.status) == (L, "stale")


def test_the_graver_day_counts_and_the_nearest_change_is_kept() -> None:
    item = line("Holmium oxide", as_of=date(2026, 6, 1))
    assert classify(item, BOTH).regimes["CN-GAZETTED"].decision == N
    later = classify(item, BOTH, (date(2026, 12, 1),)).regimes["CN-GAZETTED"]
    assert (later.decision, later.next_change) == (R, "2026-11-11")


@pytest.mark.parametrize(
    ("regime", "code", "changes", "wanted"),
    [
        ("CN-GAZETTED", "1C905.b", {}, (L, "in_force", "dual_use")),
        ("CN-GAZETTED", "1c909.B", {}, (N, "suspended", "dual_use_if_reactivated")),
        ("CN-GAZETTED", None, {}, (N, "not_listed", "none")),
        ("CN-GAZETTED", "9Z999", {}, (R, "unknown", "unknown")),
        ("CN-GAZETTED", "9A999", {}, (R, "unknown", "unknown")),
        ("CN-GAZETTED", "1C905.b", {"destination": "CN"}, (X, "not_listed", "none")),
        ("CN", "1C905.b", {}, (L, "in_force", "dual_use")),
        ("US", "EAR99", {"exporter_country": "US"}, (N, "not_listed", "none")),
        ("US", "1C003.b", US | {"destination": "CN"}, (L, "in_force", "dual_use")),
        ("US", "1C003", US | {"destination": "GB"}, (N, "in_force", "none")),
        ("US", "0A503", US | {"destination": "GB"}, (L, "in_force", "dual_use")),
        ("US", "EAR99", {"exporter_country": "US", "destination": "CU"}, (D, "not_listed", "none")),
        ("EU", "5D002", DE | {"destination": "US"}, (L, "in_force", "dual_use")),
        ("EU", None, DE | {"destination": "US"}, (N, "not_listed", "none")),
    ],
)  # fmt: skip
def test_a_confirmed_code_means(
    regime: str, code: str | None, changes: dict[str, Any], wanted: tuple[str, str, str]
) -> None:
    found = code_verdict(regime, code, line("anything", **changes), BOTH)
    assert (found.decision, found.status, found.license_type) == wanted


@pytest.mark.parametrize("text", ["товар", "Тест", "хата", "товар Тест 25 kg"])
def test_words_of_lookalikes_alone_are_words_of_another_script(text: str) -> None:
    assert classify(line(text), BOTH).regimes["CN"].decision is Verdict.REVIEW
