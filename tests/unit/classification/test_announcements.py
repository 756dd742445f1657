"""Every row of announcements 18 and 57 of 2025, in their own words, gets its own paragraph.

Source: MOFCOM and GAC Announcements 18 and 57 of 2025; the first is also in the licence catalogue
of 2026. The text of 57 beyond europium was not seen.
"""

from datetime import date

import opencc
import pytest

from services.classification.classify import classify
from services.runtime.packs import load_packs
from tests.unit.classification.lines import line

BOTH = load_packs("both")
TRADITIONAL = opencc.OpenCC("s2t")
ROWS = {
    "1C902": {"a.1": "金属钐", "a.2.a": "钐钴合金", "a.2.b": "钐铁合金", "a.2.c": "钐镍合金",
              "a.2.d": "钐铝合金", "a.2.e": "钐镁合金", "a.3.a": "钐靶", "a.3.b": "钐钴合金靶",
              "a.3.c": "钐铁合金靶", "a.4": "钐钴永磁材料", "b": "氧化钐及其混合物",
              "c": "含钐的化合物及其混合物"},
    "1C903": {"a.1": "金属钆", "a.2.a": "钆镁合金", "a.2.b": "钆铝合金", "a.3.a": "钆靶",
              "a.3.b": "钆铁合金靶", "a.3.c": "钆钴合金靶", "b": "氧化钆及其混合物",
              "c": "含钆的化合物及其混合物"},
    "1C904": {"a.1": "金属铽", "a.2.a": "铽钴合金", "a.2.b": "铽钴铁合金", "a.3.a": "铽靶",
              "a.3.b": "铽钴合金靶", "a.4": "含铽的钕铁硼永磁材料", "b": "氧化铽及其混合物",
              "c": "含铽的化合物及其混合物"},
    "1C905": {"a.1": "金属镝", "a.2.a": "镝铁合金", "a.2.b": "铽镝铁合金", "a.3.a": "镝靶",
              "a.3.b": "铽镝铁合金靶", "a.4": "含镝的钕铁硼永磁材料", "b": "氧化镝及其混合物",
              "c": "含镝的化合物及其混合物"},
    "1C906": {"a.1": "金属镥", "a.2": "镱镥合金", "a.3": "镥靶", "b": "氧化镥及其混合物",
              "c": "含镥的化合物及其混合物"},
    "1C907": {"a.1": "金属钪", "a.2.a": "钪铝合金", "a.2.b": "钪镁合金", "a.2.c": "钪铜合金",
              "a.3": "钪靶", "b": "氧化钪及其混合物", "c": "含钪的化合物及其混合物"},
    "1C908": {"a.1": "金属钇", "a.2.a": "钇铝合金", "a.2.b": "钇镁合金", "a.2.c": "钇镍合金",
              "a.2.d": "钇铜合金", "a.2.e": "钇铁合金", "a.3.a": "钇靶", "a.3.b": "钇铝合金靶",
              "a.3.c": "钇锆合金靶", "b": "氧化钇及其混合物", "c": "含钇的化合物及其混合物"},
    "1C909": {"a.1": "金属钬", "a.2.a": "钬铜合金", "a.2.b": "镁钬合金", "a.2.c": "钬铁合金",
              "a.3.a": "钬靶", "a.3.b": "钬铜合金靶", "a.5": "含钬的晶体材料",
              "a.6": "含钬的磁制冷材料", "a.7": "含钬的磁致伸缩材料", "b": "氧化钬及其混合物",
              "c": "含钬的化合物及其混合物"},
    "1C910": {"a.1": "金属铒", "a.2.a": "铒铝合金", "a.3.a": "铒靶", "a.4": "含铒的晶体材料",
              "a.5": "含铒的光纤材料", "a.6": "含铒的储氢材料", "a.7": "含铒的陶瓷材料",
              "b": "氧化铒及其混合物", "c": "含铒的化合物及其混合物"},
    "1C911": {"a.1": "金属铥", "a.2.a": "铥靶", "a.3": "含铥的晶体材料", "a.4": "含铥的发光材料",
              "b": "氧化铥及其混合物", "c": "含铥的化合物及其混合物"},
    "1C912": {"a.1": "金属铕", "a.2.a": "镁铕合金", "a.3.a": "铕靶", "a.4.a": "含铕的荧光粉",
              "a.5": "含铕的晶体材料", "a.6": "含铕的吸氢材料", "b": "氧化铕及其混合物",
              "c": "含铕的化合物及其混合物"},
}  # fmt: skip
CASES = [(f"{base}.{row}", text) for base, rows in ROWS.items() for row, text in rows.items()]


@pytest.mark.parametrize(("code", "text"), CASES, ids=[code for code, _ in CASES])
def test_a_row_gets_its_own_paragraph(code: str, text: str) -> None:
    for spelt in (text, TRADITIONAL.convert(text), f"{text}，99.9%"):
        found = classify(line(spelt, as_of=date(2026, 6, 1)), BOTH).regimes
        assert found["CN-GAZETTED"].control_code == code, spelt
        assert found["CN"].decision != "NO_LICENSE_REQUIRED", spelt
        suspended = code[:5] >= "1C909"
        assert (found["CN-GAZETTED"].status == "suspended") is suspended, spelt
