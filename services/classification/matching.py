"""Reading a line: which concepts it speaks of, in which role, and what the goods are.

The result is a set of facts, which the packs' rules ask for:

- `dysprosium`-like facts of a concept, where it stands for the goods or what is in them;
- `for:x` where it stands for the purpose, `no:x` where the text says it is absent;
- `head:x` for the concept that names the goods in a phrase;
- `st:strong|bare|conflict|contained`: how the rare-earth words relate to the goods.
"""

import re
from functools import lru_cache
from typing import TypeVar

from rapidfuzz.distance import OSA

from services.classification import formula
from services.classification.lexicon import Lexicon, Sense
from services.classification.phrases import Reading, read_phrase, relate
from services.classification.roles import Hit, absent
from services.classification.symbols import symbols_of
from services.classification.text import fold, is_cjk
from services.classification.wording import content_words, specific

_T = TypeVar("_T")
_SEPARATOR = re.compile(
    r"[,;|()\[\]{}，；、。•+&]|:(?= )|(?<!w)/(?!\d)|\. |"
    r"(?<![a-z])and(?![a-z])|(?<![a-z])und(?![a-z])"
)
_JOINING = frozenset(("and", "und", "&", "+", "、"))
CODE = re.compile(
    r"(?<![a-z0-9.])[0-9][a-e][0-9]{3}(?:\.?[a-z]\b)?(?:\.[0-9]{1,2})?(?:\.[a-z])?(?![a-z0-9])"
)
_CAS = re.compile(r"(?<![0-9])(\d{2,7}) (\d\d) (\d)(?![0-9])")


def find(lexicon: Lexicon, text: str) -> list[Hit]:
    """Find every concept and marker; one inside a longer one (not a context) does not count."""
    found: list[Hit] = []
    size = len(text)
    for last, (length, senses) in lexicon.automaton.iter(text):
        start, end = last + 1 - length, last + 1
        left = start == 0 or not _word(text[start - 1])
        right = end == size or not _word(text[end])
        for sense in senses:
            if sense.bound_left and not left:
                continue
            stop = end if right or not sense.bound_right else 0
            if not stop and sense.kind != "marker":
                stop = _ending(text, end, german=sense.german)
            if stop:
                found.append(Hit(start, stop, sense))
    found.sort(key=lambda h: (h.start, -h.end))
    kept: list[Hit] = []
    reach, reach_start = -1, -1
    for hit in found:
        if hit.end <= reach and (hit.start, hit.end) != (reach_start, reach):
            continue
        if hit.end > reach and hit.sense.kind != "context":
            reach, reach_start = hit.end, hit.start
        kept.append(hit)
    return kept


def _ending(text: str, end: int, *, german: bool) -> int:
    """Give where a plural or a German case ending closes the word, or 0."""
    for ending in ("s", "en", "e", "n", "es") if german else ("s", "es"):
        if text.startswith(ending, end) and (german or ending == "s" or text[end - 1] in "sxhz"):
            stop = end + len(ending)
            if stop == len(text) or not _word(text[stop]):
                return stop
    return 0


def _word(char: str) -> bool:
    return char.isalnum() and not is_cjk(char)


def read(lexicon: Lexicon, original: str, *, purpose_only: bool = False) -> Reading:
    """Read one text. `purpose_only`: all it says is about the use of the goods."""
    folded = fold(original)
    text = folded.text
    reading = Reading(folded=folded)
    hits = find(lexicon, text)
    hits += _formulas(lexicon, text) + _symbols(lexicon, text)
    hits += misspelt(lexicon, text, hits)
    hits += _split(lexicon, text)
    signs = {hit.end + 1 for hit in hits if hit.sense.signal}
    hits = [_graded(text, hit) for hit in hits if not _bears(text, hit, signs)]
    if any("phosphor" in hit.sense.facts for hit in hits):
        hits = [_hosting(hit) for hit in hits]
    hits.sort(key=lambda h: (h.start, -h.end))
    if purpose_only:
        for place, hit in enumerate(hits):
            if hit.sense.kind not in ("marker", "none"):
                prefix = "no:" if absent(lexicon, text, hits, place) else "for:"
                reading.add(hit.sense.facts, (hit.start, hit.end), prefix)
        return reading
    phrases = _phrases(text, hits)
    states = [read_phrase(lexicon, text, part, reading) for part in phrases]
    _stated_purpose(lexicon, text, hits, reading)
    _beside_concepts(lexicon, text, hits, reading)
    _grades(lexicon, text, reading)
    cas_numbers(lexicon, text, reading)
    relate(states, reading, text)
    derive(lexicon, reading.facts)
    reading.hits = tuple(hits)
    reading.codes = tuple((m.group(), m.start(), m.end()) for m in CODE.finditer(text))
    reading.content, reading.foreign = content_words(lexicon, folded)
    return reading


_GRADE_WORD = Sense("grade_word", "other", ("grade_word",), signal=False)
_GRADE = re.compile(r" ?(?:grade(?![a-z])|级|phosphors?(?![a-z])|荧光粉)")
_ANY_GRADE = re.compile(r" grade(?![a-z]| ?[:n]? ?\d)")
_FEED = re.compile(r" ?(?:原料|级|feedstock|raw material|grade(?![a-z]))")
"""`magnet grade N42` is a magnet; `alloy, magnet grade` is none."""


def _graded(text: str, hit: Hit) -> Hit:
    """Read the name of an article before `grade` as a quality of the goods: scintillator grade."""
    named = hit.sense.kind == "article" or "fibre" in hit.sense.facts
    pattern = _ANY_GRADE if "magnet" in hit.sense.facts else _GRADE if named else None
    if "phosphor" in hit.sense.facts or "polishing" in hit.sense.facts:
        pattern = _FEED
    if pattern and not hit.sense.signal and pattern.match(text, hit.end):
        return hit._replace(sense=_GRADE_WORD)
    return hit


def _hosting(hit: Hit) -> Hit:
    """Read a crystal beside the word phosphor as what the phosphor is made of: LuAG phosphor."""
    sense = hit.sense
    if sense.kind != "article" or not {"optics", "re"} <= set(sense.facts):
        return hit
    facts = tuple(fact for fact in sense.facts if fact != "optics")
    return hit._replace(sense=Sense(sense.name, "substance", facts, signal=True))


def _bears(text: str, hit: Hit, signs: set[int]) -> bool:
    """Whether a word says that material bears the rare earth before it: no ball bearing."""
    return hit.start in signs and text[hit.start : hit.end] == "bearing"


_LONG_WORD = re.compile(r"[a-z]{5,}")


def misspelt(lexicon: Lexicon, text: str, hits: list[Hit]) -> list[Hit]:
    """Find words that begin nearly like the name of an element and are nothing else known."""
    out: list[Hit] = []
    known = {hit.start for hit in hits}
    for match in _LONG_WORD.finditer(text):
        if match.start() in known:
            continue
        symbol = _near_name(lexicon, match.group())
        if symbol:
            sense = Sense(symbol, "element", (symbol, "re"), signal=True)
            out.append(Hit(match.start(), match.end(), sense))
    return out


@lru_cache(maxsize=32768)
def _near_name(lexicon: Lexicon, word: str) -> str:
    """Give the symbol of the element a word is nearly the name of; two letters swapped are one."""
    for name, symbol in lexicon.fuzzy:
        near = 2 if len(name) >= 9 else 1
        if word[0] != name[0] or len(word) < len(name) - near or word in lexicon.not_misspelt:
            continue
        sizes = (len(name) - 1, len(name), len(name) + 1)
        if any(OSA.distance(word[:size], name, score_cutoff=near) <= near for size in sizes):
            return symbol
    return ""


def _split(lexicon: Lexicon, text: str) -> list[Hit]:
    """Find names that a line break or a careless copy has cut: `dys prosium`."""
    if " " not in text or lexicon.any_split.search(text.replace(" ", "")) is None:
        return []
    out: list[Hit] = []
    for symbol, pattern in lexicon.split_names.values():
        for match in pattern.finditer(text):
            if " " in match.group():
                sense = Sense(symbol, "element", (symbol, "re"), signal=True)
                out.append(Hit(match.start(), match.end(), sense))
    return out


_FORM_NEXT = re.compile(
    r" ?(?:master |mother )?(?:alloys?|targets?|powders?|ingots?|oxides?|carbonates?|chlorides?|"
    r"fluorides?|metals?|films?|flakes?|plates?|spheres?|合金|靶|金属|氧化物|粉)(?![a-z])"
)


_SPACED = re.compile(r"(?<![a-z0-9.,])[a-z](?: ?\d)?(?: [a-z](?: ?\d)?){3,7}(?![a-z0-9])")
"""Letters set apart: `n d f e b`, `d y 2 o 3`."""


def _formulas(lexicon: Lexicon, text: str) -> list[Hit]:
    wanted = _wanted(lexicon)
    out: list[Hit] = []
    for match in (*formula.TOKEN.finditer(text), *_SPACED.finditer(text)):
        token = match.group().replace(" ", "")
        found = formula.elements(token, wanted)
        if not found and _FORM_NEXT.match(text, match.end()):
            found = formula.run_of_symbols(token, wanted)
        if not found:
            continue
        ours = tuple(s for s in found if s in wanted)
        partners = (f"p_{s}" for s in found if s not in ours)
        facts = (*ours, "re", "formula", *_form_of(found, ours), *partners)
        out.append(
            Hit(
                match.start(),
                match.end(),
                Sense("formula", "material", facts, signal=True),
            )
        )
    return out


def _form_of(found: tuple[str, ...], ours: tuple[str, ...]) -> tuple[str, ...]:
    others = {s for s in found if s not in ours}
    if others <= {"o"} and others:
        return ("oxide", "raw")
    if {"fe", "b"} <= others:
        return ("ndfeb", "re_magnet") if "nd" in ours or "pr" in ours else ("alloy", "raw")
    if "co" in others and "sm" in ours and "o" not in others and "al" not in others:
        return ("smco", "re_magnet")
    if others & {"o", "f", "cl", "br", "i", "s", "n", "h", "c", "se", "te", "p"} or others == {"b"}:
        return ("compound", "raw")
    if {"tb", "dy"} <= set(ours) and "fe" in others:
        return ("alloy", "raw", "terfenol", "magnetostrictive_alloy")
    return ("alloy", "raw")


@lru_cache(maxsize=8)
def _wanted(lexicon: Lexicon) -> frozenset[str]:
    return frozenset(lexicon.symbols)


def _symbols(lexicon: Lexicon, text: str) -> list[Hit]:
    out: list[Hit] = []
    for start, end, symbol, extra in symbols_of(lexicon).find(text):
        if symbol:
            kind = "article" if "doped_host" in extra else "element"
            sense = Sense(symbol, kind, (symbol, "re", *extra), signal=True)
        else:
            sense = Sense("rare_earth", "signal", ("re", *extra), signal=True)
        out.append(Hit(start, end, sense))
    return out


def _phrases(text: str, hits: list[Hit]) -> list[tuple[bool, list[Hit]]]:
    """Cut at punctuation, at `and`, and at blanks beside Han; a formula is never cut."""
    covered = bytearray(len(text) + 1)
    for hit in hits:
        if hit.sense.kind != "marker":
            covered[hit.start : hit.end] = b"\x01" * (hit.end - hit.start)
    cuts: list[tuple[int, bool]] = []
    signs = {hit.end for hit in hits if hit.sense.signal} & {hit.start - 1 for hit in hits}
    for match in _SEPARATOR.finditer(text):
        if match.group() == "/" and match.start() in signs:  # Tb/Dy
            continue
        if not any(covered[match.start() : match.end()]):
            cuts.append((match.start(), match.group() in _JOINING))
    for place, char in enumerate("" if text.isascii() else text):
        if (
            char == " "
            and 0 < place < len(text) - 1
            and (is_cjk(text[place - 1]) or is_cjk(text[place + 1]))
        ):
            cuts.append((place, False))
    cuts.sort()
    out: list[tuple[bool, list[Hit]]] = [(False, [])]
    index = 0
    for hit in hits:
        while index < len(cuts) and cuts[index][0] <= hit.start:
            out.append((cuts[index][1], []))
            index += 1
        out[-1][1].append(hit)
    return out


def _beside_concepts(lexicon: Lexicon, text: str, hits: list[Hit], reading: Reading) -> None:
    """`specific`: software is named by a word that is neither vague nor part of any concept."""
    if "software" not in reading.facts:
        return
    rest = list(text)
    for hit in hits:
        rest[hit.start : hit.end] = " " * (hit.end - hit.start)
    if specific(lexicon, "".join(rest)):
        reading.facts.setdefault("specific", (0, len(text)))


_PURPOSES, _REACH = 8, 200
"""How many purposes are looked at, and how many characters of each: a bound on hostile texts."""


def _stated_purpose(lexicon: Lexicon, text: str, hits: list[Hit], reading: Reading) -> None:
    """`purposed`: the text says what the goods are for, in words no concept covers."""
    marks = [hit for hit in hits if hit.sense.name == "purpose"][:_PURPOSES]
    for mark in marks:
        limit = min(mark.end + _REACH, len(text))
        stop = _SEPARATOR.search(text, mark.end, limit)
        end = stop.start() if stop else limit
        rest = list(text[mark.end : end])
        for hit in hits:
            for place in range(max(hit.start, mark.end), min(hit.end, end)):
                rest[place - mark.end] = " "
        if specific(lexicon, "".join(rest)):
            reading.facts.setdefault("purposed", (mark.start, end))


def derive(lexicon: Lexicon, facts: dict[str, _T]) -> None:
    """Add the facts that follow from others."""
    for rule in lexicon.derive:
        first, wanted_first = rule.when[0]
        if (first in facts) is wanted_first and all(
            (fact in facts) is wanted for fact, wanted in rule.when
        ):
            for fact in rule.facts:
                facts.setdefault(fact, facts[first])


def _grades(lexicon: Lexicon, text: str, reading: Reading) -> None:
    named = lexicon.any_grade.search(text) is not None
    for pattern, grade in lexicon.grades if named else lexicon.common_grades:
        if grade.needs and grade.needs not in reading.facts:
            continue
        match = pattern.search(text)
        if match:
            reading.add(grade.facts, match.span())


def cas_numbers(lexicon: Lexicon, text: str, reading: Reading) -> bool:
    """Record what the CAS numbers in a folded text say; tell whether there is one."""
    found = False
    for match in _CAS.finditer(text):
        found = True
        _cas_facts(lexicon, "-".join(match.groups()), match.span(), reading)
    return found


def _cas_facts(lexicon: Lexicon, cas: str, span: tuple[int, int], reading: Reading) -> None:
    """Record what a CAS number says: a listed substance is raw material by itself."""
    name = lexicon.cas.get(cas)
    if name:
        concept = lexicon.concepts[name]
        facts = concept.facts or (name,)
        reading.add((*facts, "cas", "raw", *(f"raw:{f}" for f in facts if len(f) <= 2)), span)
