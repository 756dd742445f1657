"""The shared vocabulary: concepts with their terms in several languages, as data."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import ahocorasick
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.classification.source import Clause, PolicyError, load_model, parse_clause
from services.classification.text import fold_term, is_cjk
from services.classification.vocabulary import Kind as Ordinary
from services.classification.vocabulary import Vocabulary

Kind = Literal[
    "element",
    "signal",
    "substance",
    "material",
    "form",
    "article",
    "equipment",
    "software",
    "technology",
    "aid",
    "context",
    "other",
]
HEADS = frozenset(
    ("substance", "material", "form", "article", "equipment", "software", "technology", "aid")
)
Terms = Mapping[str, tuple[str, ...]]
_COMMON = ("purity",)
"""What grades say that most texts about material have."""


def _words(value: object) -> object:
    """Read a scalar of words between blanks; `_` is a blank inside one."""
    return (
        tuple(one.replace("_", " ") for one in value.split()) if isinstance(value, str) else value
    )


Words = Annotated[tuple[str, ...], BeforeValidator(_words)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Concept(_Strict):
    """Something a text can speak of. Its facts are what the rules of the packs ask for."""

    kind: Kind
    terms: Terms
    facts: tuple[str, ...] = ()
    cas: tuple[str, ...] = ()
    authority: str = ""
    not_in: Terms = Field(default_factory=dict)


class Grade(_Strict):
    """A trade grade, as a pattern over the folded text; some need another fact beside them."""

    pattern: str
    facts: tuple[str, ...]
    needs: str = ""


class Heading(_Strict):
    """A customs code that says something by itself, or under which a clear needs more."""

    prefix: str
    facts: tuple[str, ...] = ()
    watch: bool = False
    title: str = ""
    source: str = ""


class SymbolContext(_Strict):
    """The words beside an element's symbol that make it mean the element."""

    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    ambiguous: tuple[str, ...] = ()
    strict_after: tuple[str, ...] = ()
    strict_before: tuple[str, ...] = ()


class Derived(_Strict):
    """A fact that follows from others."""

    when: Annotated[Clause, BeforeValidator(parse_clause)]
    facts: tuple[str, ...]


class Markers(_Strict):
    """Words that say what stands beside them is inside, intended, or absent."""

    content: Terms = Field(default_factory=dict)
    purpose: Terms = Field(default_factory=dict)
    content_after: Terms = Field(default_factory=dict)
    purpose_after: Terms = Field(default_factory=dict)
    absence: Terms = Field(default_factory=dict)
    absence_after: Terms = Field(default_factory=dict)
    resume: Terms = Field(default_factory=dict)
    free_guard: tuple[str, ...] = ()

    ROLES: ClassVar = (
        "content", "content_after", "purpose", "purpose_after", "absence", "absence_after", "resume"
    )  # fmt: skip


class LexiconFile(_Strict):
    """One file of the lexicon."""

    lexicon: str
    symbols: Mapping[str, str] = Field(default_factory=dict)
    symbol_context: SymbolContext = SymbolContext()
    concepts: Mapping[str, Concept] = Field(default_factory=dict)
    markers: Markers | None = None
    vague: Terms = Field(default_factory=dict)
    grades: tuple[Grade, ...] = ()
    headings: tuple[Heading, ...] = ()
    derive: tuple[Derived, ...] = ()
    units: tuple[str, ...] = ()
    fuzzy: Mapping[str, str] = Field(default_factory=dict)
    not_misspelt: tuple[str, ...] = ()
    ordinary: Mapping[Ordinary, Mapping[str, Words]] = Field(default_factory=dict)
    plain: tuple[str, ...] = ()


def parse_lexicon(text: str, source: str) -> LexiconFile:
    """Parse one lexicon file strictly."""
    return load_model(text, source, LexiconFile)


@dataclass(frozen=True, slots=True)
class Sense:
    """What a term can mean: a concept, or a marker."""

    name: str
    kind: str
    facts: tuple[str, ...]
    signal: bool
    german: bool = False
    bound_left: bool = False
    bound_right: bool = False


_UNBOUND = frozenset(("zh", "ja", "ru", "ko"))


def _sense(name: str, kind: str, facts: tuple[str, ...], term: str, lang: str) -> Sense:
    """Make a sense; it says on which sides the term must end a word.

    Han and kana need no bounds; long element names neither (ferroneodymium); German compounds
    end with the term (Ferritmagnet) or begin with an element's name (Neodymoxid).
    """
    word = lang not in _UNBOUND or term.isascii()
    glued = lang == "de" or (len(term) >= 9 and " " not in term)
    named = kind == "element" or (kind == "signal" and glued)
    element = named and len(term) >= 6
    compound = lang == "de" and kind in ("material", "substance") and len(term) >= 8
    left = word and not (element and lang != "de") and not (lang == "de" and len(term) > 3)
    return Sense(
        name=name,
        kind=kind,
        facts=facts,
        signal="re" in facts or kind in ("element", "signal"),
        german=lang == "de",
        bound_left=(left or (element and lang == "de")) and not is_cjk(term[0]),
        bound_right=word and not element and not compound and not is_cjk(term[-1]),
    )


def _looser(one: Sense, two: Sense) -> Sense:
    """A word of two languages is bound only where both bind it."""
    return replace(
        one,
        german=one.german or two.german,
        bound_left=one.bound_left and two.bound_left,
        bound_right=one.bound_right and two.bound_right,
    )


class Lexicon:
    """All lexicon files together, compiled once into one automaton."""

    def __init__(self, files: tuple[LexiconFile, ...]) -> None:
        self.files = files
        self.concepts: dict[str, Concept] = {}
        self.cas: dict[str, str] = {}
        self.symbols: dict[str, str] = {}
        self.context = SymbolContext()
        self.guard: tuple[str, ...] = ()
        senses: dict[str, dict[tuple[str, str], Sense]] = {}
        vague: set[str] = set()
        for file in files:
            self.symbols |= file.symbols
            if file.symbol_context.after:
                self.context = file.symbol_context
            for name, concept in file.concepts.items():
                self._add_concept(senses, name, concept)
            if file.markers:
                self._add_markers(senses, file.markers)
            for terms in file.vague.values():
                vague.update(fold_term(term) for term in terms)
        self.vague_words = frozenset(word for word in vague if word.isascii())
        self.vague_cjk = _longest_first(word for word in vague if not word.isascii())
        self.grades = tuple(
            (re.compile(rf"(?<![a-z0-9.])(?:{g.pattern})(?![a-z0-9])"), g)
            for file in files
            for g in file.grades
        )
        rare = "|".join(g.pattern for _, g in self.grades if g.facts != _COMMON)
        self.any_grade = re.compile(rf"(?<![a-z0-9.])(?:{rare or '(?!)'})(?![a-z0-9])")
        """Whether any but the common ones is there: they are thirty, and each is a search."""
        self.common_grades = tuple(each for each in self.grades if each[1].facts == _COMMON)
        self.units = frozenset(fold_term(unit) for file in files for unit in file.units)
        self.fuzzy = tuple((name, symbol) for file in files for name, symbol in file.fuzzy.items())
        self.not_misspelt = frozenset(word for file in files for word in file.not_misspelt)
        self.split_names = {
            name: (symbol, re.compile(" ?".join(name)))
            for name, symbol in self.fuzzy
            if len(name) >= 7
        }
        self.any_split = re.compile("|".join(self.split_names) or r"(?!)")
        self.derive = tuple(d for file in files for d in file.derive)
        ordinary = [file.ordinary for file in files if file.ordinary]
        plain = [one for file in files for one in file.plain]
        self.vocabulary = Vocabulary(ordinary, plain, self.vague_words) if ordinary else None
        """None in the lexicons of releases before it: a clear asked for a content word alone."""
        self.headings = {h.prefix: h for file in files for h in file.headings}
        self.automaton = ahocorasick.Automaton()
        for term, found in senses.items():
            self.automaton.add_word(term, (len(term), tuple(found.values())))
        self.automaton.make_automaton()

    def _add_concept(
        self, senses: dict[str, dict[tuple[str, str], Sense]], name: str, concept: Concept
    ) -> None:
        if name in self.concepts:
            raise PolicyError(f"policy/lexicon: {name}", 1, "the concept is defined twice")
        self.concepts[name] = concept
        self.cas |= dict.fromkeys(concept.cas, name)
        facts = concept.facts or (name,)
        for lang, terms in concept.terms.items():
            for raw in terms:
                term = fold_term(raw)
                found = senses.setdefault(term, {})
                sense = _sense(name, concept.kind, facts, term, lang)
                known = found.get((name, concept.kind))
                found[(name, concept.kind)] = _looser(known, sense) if known else sense
        for lang, terms in concept.not_in.items():
            for raw in terms:
                term = fold_term(raw)
                senses.setdefault(term, {})[("", "none")] = _sense("", "none", (), term, lang)

    def _add_markers(
        self, senses: dict[str, dict[tuple[str, str], Sense]], markers: Markers
    ) -> None:
        self.guard = tuple(fold_term(word) for word in markers.free_guard)
        for role in (
            "content",
            "content_after",
            "purpose",
            "purpose_after",
            "absence",
            "absence_after",
            "resume",
        ):
            for lang, terms in getattr(markers, role).items():
                for raw in terms:
                    term = fold_term(raw)
                    senses.setdefault(term, {})[(role, "marker")] = _sense(
                        role, "marker", (), term, lang
                    )


def _longest_first(words: object) -> re.Pattern[str]:
    items = sorted(words, key=lambda w: (-len(w), w))  # type: ignore[call-overload]
    return re.compile("|".join(re.escape(word) for word in items) or r"(?!)")
