"""All that a line says, from every field, as one set of facts with its evidence."""

import re
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache

from schemas.base import assembled
from schemas.classification import Match, Reason
from services.classification.item import Item
from services.classification.lexicon import Lexicon
from services.classification.matching import cas_numbers, derive, read
from services.classification.ordinary import Evidence
from services.classification.phrases import Reading
from services.classification.text import Folded, fold_term
from services.classification.vocabulary import Vocabulary
from services.classification.weigh import weigh

_HS = re.compile(r"[0-9]{4,13}")
_CODE = re.compile(
    r"[0-9][A-E][0-9]{3}(\.[a-z](\.[0-9]{1,2}(\.[a-z](\.[0-9]{1,2}(\.[a-z])?)?)?)?)?"
)
_CLAIM = re.compile(r"(?<![a-z0-9.])[0-9][a-e][0-9]{3}(?![0-9])(?:\.[a-z0-9]{1,2}(?![a-z0-9]))*")
"""A code, or its first five characters, in a field that holds more: `ECCN 3A001`, `1C905b`."""


@dataclass(slots=True)
class Facts:
    """Facts and, for each, the field and span that say so."""

    said: dict[str, Match] = field(default_factory=dict)
    content: bool = False
    foreign: bool = False
    empty: bool = False
    watched: str = ""
    codes: tuple[tuple[str, str, Match], ...] = ()
    """(declared for: cn/us/eu or empty, code, where)"""
    notes: tuple[Reason, ...] = ()
    texts: tuple[tuple[str, Folded], ...] = ()
    """Description and end use, folded, for names of parties in them."""
    reading: Reading = field(default_factory=Reading)
    vocabulary: Vocabulary | None = None
    _known: frozenset[str] = frozenset()
    _evidence: Evidence | None = None

    @property
    def evidence(self) -> Evidence:
        """Whether ordinary goods are named; weighed only where a clear rests on it.

        Facts that come from no text (a product record, a confirmed code) name them.
        """
        if self._evidence is None:
            self._evidence = (
                Evidence(self.content)
                if self.vocabulary is None
                else weigh(self.vocabulary, self.reading, self.known)
            )
        return self._evidence

    @property
    def known(self) -> frozenset[str]:
        """Every fact said, as a set."""
        if len(self._known) != len(self.said):
            self._known = frozenset(self.said)
        return self._known

    def holds(self, fact: str) -> bool:
        """Tell whether a fact is known."""
        return fact in self.said


def gather(item: Item, lexicon: Lexicon) -> Facts:
    """Read description, end use, customs code, CAS number, composition and declared codes."""
    text = item.description or ""
    reading = read(lexicon, text)
    facts = Facts(reading=reading, vocabulary=lexicon.vocabulary)
    facts.empty = not text.strip()
    facts.content, facts.foreign = reading.content, reading.foreign
    _take(facts, reading, "description")
    codes = [_text_code(reading, code, start, end) for code, start, end in reading.codes]
    if item.end_use:
        use = read(lexicon, item.end_use, purpose_only=True)
        _take(facts, use, "end_use")
        facts.texts = (("description", reading.folded), ("end_use", use.folded))
    else:
        facts.texts = (("description", reading.folded),)
    if item.cas:
        _substances(facts, item.cas, lexicon)
    _composition(facts, item.composition, lexicon)
    _heading(facts, item, lexicon)
    _unit(facts, item.unit, lexicon)
    _states(facts)
    derive(lexicon, facts.said)
    for regime, value in sorted(item.declared.items()):
        if value:
            match = _whole(f"declared.{regime}", value)
            codes += [(regime, code, match) for code in _claimed(value)]
    facts.codes = tuple(codes)
    return facts


def normal_code(value: str) -> str:
    """Write a control code the usual way: 1C905.b."""
    text = "".join(unicodedata.normalize("NFKC", value).split())
    return text[:5].upper() + text[5:].lower()


def _claimed(value: str) -> list[str]:
    """Give the codes a declared field claims; one that holds none is kept, to be named."""
    whole = normal_code(value)
    if is_code(whole):
        return [whole]
    return [normal_code(code) for code in _CLAIM.findall(fold_term(value))] or [whole]


def is_code(code: str) -> bool:
    """Tell whether a text has the shape of a control code."""
    return _CODE.fullmatch(code) is not None


def _text_code(reading: Reading, code: str, start: int, end: int) -> tuple[str, str, Match]:
    return "", normal_code(code), _match("description", reading, start, end)


def _match(name: str, reading: Reading, start: int, end: int) -> Match:
    first, last = reading.folded.span(start, end)
    text = reading.folded.origin[first:last]
    return assembled(Match, {"field": name, "text": text, "start": first, "end": last})


def _whole(name: str, value: str) -> Match:
    return assembled(Match, {"field": name, "text": value, "start": 0, "end": len(value)})


def _take(facts: Facts, reading: Reading, name: str) -> None:
    cache: dict[tuple[int, int], Match] = {}
    for fact, span in reading.facts.items():
        if fact not in facts.said:
            match = cache.get(span)
            if match is None:
                match = cache[span] = _match(name, reading, *span)
            facts.said[fact] = match


def _substances(facts: Facts, value: str, lexicon: Lexicon) -> None:
    extra = Reading()
    if not cas_numbers(lexicon, fold_term(value), extra):
        text = f"{value[:40]!r} is no CAS number and was not used"
        facts.notes += (_unread("CAS_MALFORMED", "cas", value, text),)
    for fact in extra.facts:
        facts.said.setdefault(fact, _whole("cas", value))
    if "cas" in extra.facts:
        _substance(facts)


def _unread(code: str, name: str, value: str, text: str) -> Reason:
    """Note that a field could not be read, so nothing rests on it."""
    return Reason(
        regime="*",
        code=code,
        effect="note",
        rule="input",
        text=text,
        matched=(_whole(name, value),),
    )


def _substance(facts: Facts) -> None:
    """A listed substance by its number is material by itself; beside an article, a conflict."""
    said = facts.said
    state = "st:conflict" if "head:article" in said else "st:strong"
    said.pop("st:bare", None)
    said.setdefault(state, said["cas"])


def _composition(
    facts: Facts, composition: tuple[tuple[str, Decimal], ...], lexicon: Lexicon
) -> None:
    for element, percent in composition:
        symbols = _symbols(lexicon, element)
        if not symbols:
            text = f"component {element[:40]!r} names no known element and was not used"
            facts.notes += (_unread("COMPOSITION_UNREAD", "composition", element, text),)
        for symbol in symbols:
            fact = f"has:{symbol}" if percent > 0 else f"no:{symbol}"
            facts.said.setdefault(fact, _whole("composition", element))


@lru_cache(maxsize=4096)
def _symbols(lexicon: Lexicon, component: str) -> tuple[str, ...]:
    """Give the elements a component names: by symbol, name or formula; `re` where by no name."""
    folded = fold_term(component)
    if _SYMBOL.fullmatch(folded):
        return (folded,)
    said = read(lexicon, component).facts
    named = tuple(fact for fact in said if fact in _RARE)
    return named or (("re",) if "re" in said else ())


_SYMBOL = re.compile(r"[a-z]{1,2}")


def _heading(facts: Facts, item: Item, lexicon: Lexicon) -> None:
    raw = item.hs_code
    if raw:
        digits = fold_term(raw).replace(".", "").replace(" ", "")
        if _HS.fullmatch(digits):
            _look_up(facts, digits, _whole("hs_code", raw), lexicon)
        else:
            text = f"customs code {raw!r} is not 4 to 13 digits and was not used"
            facts.notes += (_unread("HS_MALFORMED", "hs_code", raw, text),)
    _spoken_heading(facts, lexicon)


def _look_up(facts: Facts, digits: str, match: Match, lexicon: Lexicon) -> None:
    for size in range(4, len(digits) + 1):
        heading = lexicon.headings.get(digits[:size])
        if heading is None:
            continue
        for fact in heading.facts:
            facts.said.setdefault(fact if fact.startswith("hs_") else f"hs:{fact}", match)
        if heading.watch:
            facts.watched = f"{heading.prefix} {heading.title}"
    if "hs:re" in facts.said or "hs_mixture" in facts.said:
        facts.said.setdefault("hs_watched", match)


_RARE = frozenset(
    (
        "la",
        "ce",
        "pr",
        "nd",
        "pm",
        "sm",
        "eu",
        "gd",
        "tb",
        "dy",
        "ho",
        "er",
        "tm",
        "yb",
        "lu",
        "y",
        "sc",
    )
)


def _composed(said: dict[str, Match], element: str) -> None:
    """A rare earth in the stated composition is one in the goods, in the form the words say."""
    match = said[f"has:{element}"]
    said.setdefault(element, match)
    first = "re" not in said
    said.setdefault("re", match)
    formed = any(
        form in said for form in ("oxide", "metal", "alloy", "compound", "powder", "shape")
    )
    if formed and "magnet" not in said:
        said.setdefault(f"raw:{element}", match)
    if not first and any(fact.startswith("st:") for fact in said):
        return
    if "head:article" in said:
        said.setdefault("st:contained", match)
    else:
        strong = formed or "magnet" in said
        said.setdefault("st:strong" if strong else "st:bare", match)


_NUMBER = re.compile(r"[0-9]{4}")
_SPOKEN = re.compile(
    r"(?<![0-9.])(?:[0-9]{8,13}|[0-9]{4}\.[0-9]{2}(?:\.?[0-9]{2}){0,2}|[0-9]{4}(?: [0-9]{2,4}){2})"
    r"(?![0-9.])"
)


def _spoken_heading(facts: Facts, lexicon: Lexicon) -> None:
    """A customs code in the description counts like one in its own field."""
    name, folded = facts.texts[0]
    if _NUMBER.search(folded.text) is None:
        return
    for found in _SPOKEN.finditer(folded.text):
        start, end = folded.span(*found.span())
        match = Match(field=name, text=folded.origin[start:end], start=start, end=end)
        digits = found.group().replace(".", "").replace(" ", "")
        _look_up(facts, digits, match, lexicon)


def _unit(facts: Facts, unit: str | None, lexicon: Lexicon) -> None:
    if unit and fold_term(unit).rstrip(".") not in lexicon.units:
        text = f"unit {unit[:40]!r} is not known; the verdict does not rest on it"
        facts.notes += (_unread("UNIT_UNKNOWN", "unit", unit, text),)


def _states(facts: Facts) -> None:
    """Let composition and customs code speak where the words do not."""
    said = facts.said
    has = [f[4:] for f in said if f.startswith("has:")]
    for element in has:
        if element in _RARE or element == "re":
            _composed(said, element)
        else:
            said.setdefault(f"p_{element}", said[f"has:{element}"])
    if "hs:re" in said:
        _hear_customs(said, said["hs:re"])


def _hear_customs(said: dict[str, Match], match: Match) -> None:
    """Let a customs code of rare earths speak where the words do not, or say otherwise."""
    settled = "st:strong" in said or ("st:works" in said and "st:contained" not in said)
    if settled and "re" in said:
        _gainsaid(said, match)
        return
    if "head:article" in said or "st:conflict" in said or "st:contained" in said:
        said.setdefault("re", match)
        said.pop("st:contained", None)
        said.setdefault("st:conflict", match)
        return
    if "not_re_magnet" in said:
        said.setdefault("st:conflict", match)
        return
    named = "re" in said
    if "hs:re_magnet" in said:
        _magnets(said)
    for fact in [f for f in said if f.startswith("hs:")]:
        if not named and len(fact) <= 5:
            said.setdefault(f"raw:{fact[3:]}", match)
        if not named or fact in ("hs:raw", "hs:metal", "hs:oxide", "hs:compound", "hs:ore"):
            said.setdefault(fact[3:], match)
    said.pop("st:bare", None)
    said.setdefault("st:strong", match)


def _gainsaid(said: dict[str, Match], match: Match) -> None:
    """The customs code names another rare earth than the rest, or magnets: both may be true."""
    for fact in [f for f in said if f.startswith("hs:") and f[3:] in _RARE and f[3:] not in said]:
        said.setdefault(fact[3:], match)
        said.setdefault(f"raw:{fact[3:]}", match)
    if "hs:re_magnet" in said and "magnet" not in said:
        said.setdefault("st:conflict", match)


def _magnets(said: dict[str, Match]) -> None:
    """Under the heading of magnets a rare earth by its name alone is what the magnet is of."""
    for fact in [f for f in said if f.startswith("raw:") or f == "hs:raw"]:
        said.pop(fact)
    for fact in ("re_magnet", "magnet"):
        said.setdefault(fact, said["hs:re"])
