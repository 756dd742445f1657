"""Every rare earth by name, in five languages, in every form trade knows, has its code.

Nobody wrote these texts: they are all combinations, so a gap in the lexicon shows as a hole.
"""

from datetime import date

import opencc
import pytest

from services.classification.classify import classify
from services.runtime.packs import load_packs
from tests.unit.classification.lines import line

BOTH = load_packs("both")
DAY = date(2026, 6, 1)
NAMES = {
    "la": ("lanthanum", "镧", "Lanthan", "ランタン", ""),
    "ce": ("cerium", "铈", "Cer", "セリウム", ""),
    "pr": ("praseodymium", "镨", "Praseodym", "プラセオジム", ""),
    "nd": ("neodymium", "钕", "Neodym", "ネオジム", ""),
    "sm": ("samarium", "钐", "Samarium", "サマリウム", "1C902"),
    "gd": ("gadolinium", "钆", "Gadolinium", "ガドリニウム", "1C903"),
    "tb": ("terbium", "铽", "Terbium", "テルビウム", "1C904"),
    "dy": ("dysprosium", "镝", "Dysprosium", "ジスプロシウム", "1C905"),
    "lu": ("lutetium", "镥", "Lutetium", "ルテチウム", "1C906"),
    "sc": ("scandium", "钪", "Scandium", "スカンジウム", "1C907"),
    "y": ("yttrium", "钇", "Yttrium", "イットリウム", "1C908"),
    "ho": ("holmium", "钬", "Holmium", "ホルミウム", "1C909"),
    "er": ("erbium", "铒", "Erbium", "エルビウム", "1C910"),
    "tm": ("thulium", "铥", "Thulium", "ツリウム", "1C911"),
    "eu": ("europium", "铕", "Europium", "ユウロピウム", "1C912"),
    "yb": ("ytterbium", "镱", "Ytterbium", "イッテルビウム", "1C913"),
}
FORMS = [
    ("{} metal", "金属{}", "{}metall", "金属{}", ".a.1"),
    ("{} ingot", "{}锭", "{}barren", "{}インゴット", ".a.1"),
    ("{} foil", "{}箔", "{}folie", "{}箔", ".a.1"),
    ("{} wire", "{}丝", "{}draht", "{}ワイヤー", ".a.1"),
    ("{} sputtering target", "{}靶", "{} Sputtertarget", "{}ターゲット", ".a."),
    ("{} oxide", "氧化{}", "{}oxid", "酸化{}", ".b"),
    ("{}(III) oxide nanopowder", "纳米氧化{}", "{}oxid Nanopulver", "酸化{}ナノ粉末", ".b"),
    ("{} fluoride", "氟化{}", "{}fluorid", "フッ化{}", ".c"),
    ("{} chloride", "氯化{}", "{}chlorid", "塩化{}", ".c"),
    ("{} nitrate", "硝酸{}", "{}nitrat", "硝酸{}", ".c"),
    ("{} carbonate", "碳酸{}", "{}carbonat", "炭酸{}", ".c"),
    ("{} sulfate", "硫酸{}", "{}sulfat", "硫酸{}", ".c"),
    ("{} hydroxide", "氢氧化{}", "{}hydroxid", "水酸化{}", ".c"),
    ("{} oxalate", "草酸{}", "{}oxalat", "シュウ酸{}", ".c"),
    ("{} acetate", "醋酸{}", "{}acetat", "酢酸{}", ".c"),
    ("{} hydride", "氢化{}", "{}hydrid", "水素化{}", ".c"),
    ("{} boride", "硼化{}", "{}borid", "ホウ化{}", ".c"),
    ("{} nitride", "氮化{}", "{}nitrid", "窒化{}", ".c"),
    ("{} sulfide", "硫化{}", "{}sulfid", "硫化{}", ".c"),
    ("{} iodide", "碘化{}", "{}iodid", "ヨウ化{}", ".c"),
    ("{} phosphate", "磷酸{}", "{}phosphat", "リン酸{}", ".c"),
    ("{} acetylacetonate", "乙酰丙酮{}", "{} Acetylacetonat", "{}アセチルアセトナート", ".c"),
    ("{} compound", "{}化合物", "{}verbindung", "{}化合物", ".c"),
    ("{} powder", "{}粉", "{}pulver", "{}粉末", ""),
    ("{} granules", "{}粒", "{}granulat", "{}顆粒", ""),
]
FORMULAS = [
    ("{}2O3", ".b"), ("{}F3", ".c"), ("{}Cl3", ".c"), ("{}(NO3)3·6H2O", ".c"), ("{}2(CO3)3", ".c"),
    ("{}B6", ".c"), ("{}2(C2O4)3", ".c"), ("{}(OH)3", ".c"), ("{}PO4", ".c"),
]  # fmt: skip
TRADITIONAL = opencc.OpenCC("s2t")


@pytest.mark.parametrize("symbol", NAMES)
def test_every_form_in_five_languages_has_its_code(symbol: str) -> None:
    *names, base = NAMES[symbol]
    for *patterns, paragraph in FORMS:
        texts = [pattern.format(name) for pattern, name in zip(patterns, names, strict=True)]
        for text in (*texts, TRADITIONAL.convert(texts[1])):
            _check(text, base, paragraph)


@pytest.mark.parametrize("symbol", NAMES)
def test_every_formula_in_any_letter_case_has_its_code(symbol: str) -> None:
    base = NAMES[symbol][-1]
    for pattern, paragraph in FORMULAS:
        text = pattern.format(symbol.capitalize())
        for spelt in (text, text.lower(), text.upper(), f"{text} powder, 4N"):
            _check(spelt, base, paragraph)


def _check(text: str, base: str, paragraph: str) -> None:
    found = classify(line(text, as_of=DAY), BOTH).regimes
    assert found["CN"].decision == "LICENSE_REQUIRED", text
    code = found["CN-GAZETTED"].control_code
    if base:
        assert (code or "").startswith(base + paragraph), (text, code)
    else:
        assert found["CN-GAZETTED"].license_type == "export_license_code_4", text
