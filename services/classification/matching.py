"""Reading a line: which concepts it speaks of, in which role, and what the goods are.

The result is a set of facts, which the packs' rules ask for:

- `dysprosium`-like facts of a concept, where it stands for the goods or what is in them;
- `for:x` where it stands for the purpose, `no:x` where the text says it is absent;
- `head:x` for the concept that names the goods in a phrase;
- `st:strong|bare|conflict|contained`: how the rare-earth words relate to the goods.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TypeVar

from services.classification import formula
from services.classification.lexicon import HEADS, Lexicon, Sense
from services.classification.text import Folded, fold, is_cjk

_T = TypeVar("_T")
MAIN, CONTENT, PURPOSE = 0, 1, 2
_SEPARATOR = re.compile(
    r"[,;|()\[\]{}，；、。:•+&]|(?<!w)/(?!\d)|\. |(?<![a-z])and(?![a-z])|(?<![a-z])und(?![a-z])"
)
_BETWEEN = frozenset(("", "any", "for", "for any", "the"))
_JOINING = frozenset(("and", "und", "&", "+", "、"))
_DIMENSION = re.compile(r"\d ?(?:mm|cm)?\s?[x×*]\s?\d|(?<![a-z])(?:d|dia|ø|φ)\s?\d")
CODE = re.compile(
    r"(?<![a-z0-9.])[0-9][a-e][0-9]{3}(?:\.?[a-z]\b)?(?:\.[0-9]{1,2})?(?:\.[a-z])?(?![a-z0-9])"
)
_CAS = re.compile(r"(?<![0-9])(\d{2,7}) (\d\d) (\d)(?![0-9])")


@dataclass(frozen=True, slots=True)
class Hit:
    """A concept found in a text; start and end count in the folded text."""

    start: int
    end: int
    sense: Sense


@dataclass(slots=True)
class Reading:
    """Everything one text says, as facts with the spans that say so."""

    facts: dict[str, tuple[int, int]] = field(default_factory=dict)
    articles: dict[str, tuple[int, int]] = field(default_factory=dict)
    codes: tuple[tuple[str, int, int], ...] = ()
    content: bool = False
    foreign: bool = False
    folded: Folded = field(default_factory=lambda: Folded("", "", ()))

    def add(self, facts: tuple[str, ...], span: tuple[int, int], prefix: str = "") -> None:
        """Record facts; the first span that says so stays."""
        for fact in facts:
            self.facts.setdefault(prefix + fact, span)


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
            stop = (
                end if right or not sense.bound_right else _ending(text, end, german=sense.german)
            )
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
    hits.sort(key=lambda h: (h.start, -h.end))
    if purpose_only:
        for place, hit in enumerate(hits):
            if hit.sense.kind not in ("marker", "none"):
                absent = _absent(lexicon, text, hits, place)
                reading.add(hit.sense.facts, (hit.start, hit.end), "no:" if absent else "for:")
        return reading
    phrases = _phrases(text, hits)
    states = [_phrase(lexicon, text, part, reading) for part in phrases]
    _stated_purpose(lexicon, text, hits, reading)
    _grades(lexicon, text, reading)
    _cas_numbers(lexicon, text, reading)
    _relate(states, reading, text)
    derive(lexicon, reading.facts)
    reading.codes = tuple((m.group(), m.start(), m.end()) for m in CODE.finditer(text))
    reading.content, reading.foreign = _content(lexicon, folded)
    return reading


def _formulas(lexicon: Lexicon, text: str) -> list[Hit]:
    wanted = _wanted(lexicon)
    out: list[Hit] = []
    for match in formula.TOKEN.finditer(text):
        found = formula.elements(match.group(), wanted)
        if not found:
            continue
        ours = tuple(s for s in found if s in wanted)
        partners = (f"p_{s}" for s in found if s not in ours)
        facts = (*ours, "re", "formula", *_form_of(found, ours), *partners)
        out.append(
            Hit(
                match.start(),
                match.end(),
                Sense("formula", "material", facts, True, False, False, False),
            )
        )
    return out


def _form_of(found: tuple[str, ...], ours: tuple[str, ...]) -> tuple[str, ...]:
    others = {s for s in found if s not in ours}
    if others <= {"o"} and others:
        return ("oxide", "raw")
    if {"fe", "b"} <= others:
        return ("ndfeb", "re_magnet") if "nd" in ours or "pr" in ours else ("alloy", "raw")
    if "co" in others and "sm" in ours and "o" not in others:
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
    for pattern, group in _symbol_patterns(lexicon):
        for match in pattern.finditer(text):
            symbol = match.group(group)
            sense = Sense(symbol, "element", (symbol, "re"), True, False, False, False)
            out.append(Hit(match.start(group), match.end(group), sense))
    return out


@lru_cache(maxsize=8)
def _symbol_patterns(lexicon: Lexicon) -> tuple[tuple[re.Pattern[str], str], ...]:
    context = lexicon.context

    def either(words: tuple[str, ...]) -> str:
        return "|".join(re.escape(fold(w).text) for w in sorted(words, key=len, reverse=True))

    clear = either(tuple(s for s in lexicon.symbols if s not in context.ambiguous))
    doubtful = either(context.ambiguous)
    purity = (
        r"\d(?:\.\d+)?n?\d?(?![a-z])|[(\[]?\d\d(?:\.\d+)? ?%|[≥>≤<=]|\d+(?:\.\d+)? ?(?:wt ?%|%)"
    )
    stop = r"(?![a-z])"
    return (
        (
            re.compile(
                rf"(?<![a-z0-9.])(?P<s>{clear}) ?(?:(?:{either(context.after)}){stop}|{purity})"
            ),
            "s",
        ),
        (re.compile(rf"(?<![a-z])(?:{either(context.before)}) ?(?P<s>{clear})(?![a-z0-9])"), "s"),
        (re.compile(rf"(?:\d ?n|%) (?P<s>{clear})(?![a-z0-9])"), "s"),
        (
            re.compile(
                rf"(?<![a-z0-9.])(?<!\d )(?P<s>{doubtful}) ?(?:(?:{either(context.strict_after)}){stop}|metal ingots?{stop}|metal {purity}|[≥>≤<=] ?\d)"
            ),
            "s",
        ),
        (re.compile(rf"(?:{either(context.strict_before)}) ?(?P<s>{doubtful})(?![a-z0-9])"), "s"),
    )


def _phrases(text: str, hits: list[Hit]) -> list[tuple[bool, list[Hit]]]:
    """Cut at punctuation, at `and`, and at blanks beside Han; a formula is never cut."""
    solid = [h for h in hits if h.sense.kind != "marker"]
    cuts: list[tuple[int, bool]] = []
    for match in _SEPARATOR.finditer(text):
        if not any(h.start < match.end() and match.start() < h.end for h in solid):
            cuts.append((match.start(), match.group() in _JOINING))
    for place, char in enumerate(text):
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


@dataclass(slots=True)
class _Phrase:
    head: Hit | None
    signal: bool
    inside: bool
    named: tuple[int, int]


_ROLE = MAIN


def _phrase(lexicon: Lexicon, text: str, part: tuple[bool, list[Hit]], reading: Reading) -> _Phrase:
    joined, hits = part
    role = reading.facts.get("~role", (MAIN, 0))[0] if joined else MAIN
    head: Hit | None = None
    signal = inside = False
    named = (0, 0)
    absent: set[tuple[int, int]] = set()
    roles = _roles(hits, role)
    for place, hit in enumerate(hits):
        sense = hit.sense
        if sense.kind in ("marker", "none"):
            continue
        if _absent(lexicon, text, hits, place):
            absent.add((hit.start, hit.end))
            reading.add(sense.facts, (hit.start, hit.end), "no:")
            continue
        at = roles[place]
        reading.add(sense.facts, (hit.start, hit.end), "for:" if at == PURPOSE else "")
        if at == PURPOSE:
            continue
        if sense.kind == "article" and at == MAIN:
            reading.articles.setdefault(sense.name, (hit.start, hit.end))
        if sense.signal:
            signal = True
            inside = inside or at == CONTENT
            named = named if named != (0, 0) else (hit.start, hit.end)
        if at == MAIN and sense.kind in HEADS and (head is None or hit.end > head.end):
            head = hit
    if head is None or (
        head.sense.kind in ("form", "substance", "material") and "magnet" not in head.sense.facts
    ):
        _raw(hits, roles, reading, absent)
    reading.facts["~role"] = (roles[-1] if roles else role, 0)
    if head is not None:
        reading.add(head.sense.facts, (head.start, head.end), "head:")
        reading.add((head.sense.kind,), (head.start, head.end), "head:")
    return _Phrase(head, signal, inside, named)


def _raw(hits: list[Hit], roles: list[int], reading: Reading, absent: set[tuple[int, int]]) -> None:
    """`raw:dy` where an element by name stands in a phrase about material, not about magnets."""
    for hit, role in zip(hits, roles, strict=True):
        sense = hit.sense
        span = (hit.start, hit.end)
        if (
            role != PURPOSE
            and span not in absent
            and (sense.kind == "element" or sense.name in ("formula", "raw"))
        ):
            if "re_magnet" not in sense.facts:
                reading.add(tuple(f for f in sense.facts if len(f) <= 2), span, "raw:")


def _roles(hits: list[Hit], role: int) -> list[int]:
    out: list[int] = []
    for place, hit in enumerate(hits):
        if hit.sense.kind == "marker":
            name = hit.sense.name
            if name == "content":
                role = CONTENT if role != PURPOSE else PURPOSE
            elif name == "purpose":
                role = PURPOSE
            elif name == "resume":
                role = MAIN
            elif name == "purpose_after" and place and hits[place - 1].end == hit.start:
                _back(hits, out, place)
        out.append(role)
    return out


def _back(hits: list[Hit], roles: list[int], place: int) -> None:
    """Turn what stands directly before a word like 用 into the purpose."""
    start = hits[place].start
    for earlier in range(place - 1, -1, -1):
        if hits[earlier].end < start or hits[earlier].sense.kind == "marker":
            break
        roles[earlier] = PURPOSE
        start = min(start, hits[earlier].start)


def _absent(lexicon: Lexicon, text: str, hits: list[Hit], place: int) -> bool:
    hit = hits[place]
    for other in hits[max(0, place - 4) : place]:
        if other.sense.name == "absence" and text[other.end : hit.start].strip() in _BETWEEN:
            return True
    for other in hits[place + 1 : place + 4]:
        if other.sense.name == "absence_after" and text[hit.end : other.start].strip() == "":
            rest = text[other.end :].lstrip()
            if not rest.startswith(lexicon.guard):
                return True
    return False


def derive(lexicon: Lexicon, facts: dict[str, _T]) -> None:
    """Add the facts that follow from others."""
    for rule in lexicon.derive:
        if all((fact in facts) is wanted for fact, wanted in rule.when):
            for fact in rule.facts:
                facts.setdefault(fact, facts[rule.when[0][0]])


def _stated_purpose(lexicon: Lexicon, text: str, hits: list[Hit], reading: Reading) -> None:
    """`purposed`: the text says what the goods are for, in words no concept covers."""
    for mark in hits:
        if mark.sense.name != "purpose":
            continue
        stop = _SEPARATOR.search(text, mark.end)
        end = stop.start() if stop else len(text)
        rest = list(text[mark.end : end])
        for hit in hits:
            for place in range(max(hit.start, mark.end), min(hit.end, end)):
                rest[place - mark.end] = " "
        if _specific(lexicon, "".join(rest)):
            reading.facts.setdefault("purposed", (mark.start, end))


def _grades(lexicon: Lexicon, text: str, reading: Reading) -> None:
    for pattern, grade in lexicon.grades:
        if grade.needs and grade.needs not in reading.facts:
            continue
        match = pattern.search(text)
        if match:
            reading.add(grade.facts, match.span())


def _cas_numbers(lexicon: Lexicon, text: str, reading: Reading) -> None:
    for match in _CAS.finditer(text):
        cas_facts(lexicon, "-".join(match.groups()), match.span(), reading)


def cas_facts(lexicon: Lexicon, cas: str, span: tuple[int, int], reading: Reading) -> None:
    """Record what a CAS number says: a listed substance is raw material by itself."""
    name = lexicon.cas.get(cas)
    if name:
        concept = lexicon.concepts[name]
        facts = concept.facts or (name,)
        reading.add((*facts, "cas", "raw", *(f"raw:{f}" for f in facts if len(f) <= 2)), span)


def _relate(states: list[_Phrase], reading: Reading, text: str) -> None:
    """Say how the rare-earth words relate to the goods: `st:` facts."""
    facts = reading.facts
    facts.pop("~role", None)
    kinds = [s.head.sense.kind if s.head else "" for s in states]
    explicit = [
        s
        for s, kind in zip(states, kinds, strict=True)
        if s.signal and (kind in ("material", "form") or (kind == "substance"))
    ]
    article = any(kind == "article" for kind in kinds)
    works = any(kind in ("equipment", "software", "technology") for kind in kinds)
    if "re" not in facts:
        if "for:re" in facts and works:
            facts["st:works"] = facts["for:re"]
        return
    span = facts["re"]
    if works and _context(states, kinds, facts):
        facts["st:works"] = span
    named = any(
        s.signal and not s.inside and kind not in ("article", "equipment", "software", "technology")
        for s, kind in zip(states, kinds, strict=True)
    )
    if not article and not works:
        formed = explicit or any(kind in ("material", "form") for kind in kinds)
        formed = formed or "raw" in facts or "purity" in facts
        facts["st:strong" if formed else "st:bare"] = span
    elif explicit and (_firm(explicit, facts, text) or not article):
        facts["st:strong"] = span
    elif explicit:
        facts["st:conflict"] = span
    elif named and article:
        facts["st:conflict"] = span
    elif article:
        facts["st:contained"] = span


def _context(states: list[_Phrase], kinds: list[str], facts: dict[str, tuple[int, int]]) -> bool:
    """Whether equipment, software or technology is about rare earths, not merely holding some."""
    if "for:re" in facts or "re_generic" in facts:
        return True
    works = ("equipment", "software", "technology")
    article = "article" in kinds
    return any(
        s.signal and not s.inside and (kind in works or not article)
        for s, kind in zip(states, kinds, strict=True)
    )


def _firm(explicit: list[_Phrase], facts: dict[str, tuple[int, int]], text: str) -> bool:
    """Loose material beside the name of an article stays material."""
    if "loose" in facts or "grade" in facts or "purity" in facts or "cas" in facts:
        return True
    for phrase in explicit:
        head = phrase.head
        if head and (text[head.end - 1 : head.end] == "s" or "magnet" not in head.sense.facts):
            return head.sense.kind != "substance"
    return bool(_DIMENSION.search(text))


_LATIN = re.compile(r"[a-z]+(?:'[a-z]+)?")
_VOWEL = re.compile(r"[aeiouy]")
_NUMBERED = re.compile(r"(?<![a-z])[a-z]*\d[a-z0-9./]*")


def _content(lexicon: Lexicon, folded: Folded) -> tuple[bool, bool]:
    """Whether a word names specific goods, and whether a script stands there that is not read."""
    text = folded.text
    if not text.isascii():
        letters = [char for char in folded.origin if char.isalpha()]
        strange = sum(_strange(char) for char in letters)
        if strange * 2 > len(letters):
            return False, True
    return _specific(lexicon, text), False


def _specific(lexicon: Lexicon, text: str) -> bool:
    """Whether a word is left that is neither vague nor a number nor a part number."""
    if not text.isascii() and any(is_cjk(char) for char in lexicon.vague_cjk.sub("", text)):
        return True
    for match in _LATIN.finditer(_NUMBERED.sub(" ", text)):
        word = match.group()
        if len(word) > 2 and word not in lexicon.vague_words and _VOWEL.search(word):
            if word.removesuffix("s") not in lexicon.vague_words:
                return True
    return False


def _strange(char: str) -> bool:
    """A letter of a script the lexicon does not cover (not Latin, Han or kana)."""
    return not (char.isascii() or is_cjk(char) or char < "ɐ" or "Ḁ" <= char <= "ỿ" or char > "＀")
