"""What would become of controlled texts if the lexicon knew nothing of rare earths.

A name that the lexicon lacks is the way a controlled item could pass. Such names cannot be listed;
they can be simulated: in every controlled text each word, formula, grade and number that speaks of
rare earths is changed into a made-up name.
"""

from collections.abc import Iterator
from itertools import cycle

from services.classification import matching
from services.classification.classify import classify
from services.classification.lexicon import Lexicon
from services.classification.pack_set import PackSet
from services.classification.text import fold, is_cjk
from tests.report.lines import CLEAR, plain_line
from tests.unit.classification.corpus import DESCRIPTIONS, OPEN

NAMES = ("Vantorel", "Quellomax", "Zirdynol", "Perlugan", "Dorwexa", "Trimacor", "Belvoxin")
SIGNS = ("珂玛", "沃拓", "赛岚", "凯锐达")


def blindfolded(packs: PackSet) -> tuple[int, int]:
    """How many controlled texts were changed, and how many of them are cleared as reported."""
    names, signs = cycle(NAMES), cycle(SIGNS)
    texts = cleared = 0
    for row in DESCRIPTIONS + OPEN:
        if "reported" not in row or not CLEAR.isdisjoint(row["reported"]):
            continue
        text = _masked(packs.lexicon, row["description"], names, signs)
        if text == row["description"]:
            continue
        texts += 1
        cleared += classify(plain_line(text), packs).regimes["CN"].decision in CLEAR
    return texts, cleared


def _masked(lexicon: Lexicon, text: str, names: Iterator[str], signs: Iterator[str]) -> str:
    folded = fold(text)
    out, last = "", 0
    for start, end in _merged(sorted(_spans(lexicon, text))):
        first, stop = folded.span(start, end)
        out += folded.origin[last:first]
        out += next(signs if any(map(is_cjk, folded.origin[first:stop])) else names)
        last = stop
    return out + folded.origin[last:]


def _spans(lexicon: Lexicon, text: str) -> Iterator[tuple[int, int]]:
    reading = matching.read(lexicon, text)
    yield from ((hit.start, hit.end) for hit in reading.hits if hit.sense.signal)
    for pattern, grade in lexicon.grades:
        if {"re", "ndfeb_grade"} & set(grade.facts):
            yield from (match.span() for match in pattern.finditer(reading.folded.text))
    for fact in ("cas", "grade"):
        if fact in reading.facts:
            yield reading.facts[fact]


def _merged(spans: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join what overlaps."""
    start = end = -1
    for first, stop in spans:
        if first > end:
            if end > start:
                yield start, end
            start, end = first, stop
        end = max(end, stop)
    if end > start:
        yield start, end
