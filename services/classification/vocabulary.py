"""The vocabulary of ordinary goods: what a word of a description may be."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import ahocorasick

from services.classification.chemistry import CHINESE, systematic
from services.classification.formula import readable
from services.classification.text import fold_term, is_cjk


class Kind(StrEnum):
    """What a word is: a class of the vocabulary, or (below) what no list names."""

    FORM = "form"
    """A class of material, free or not: powder, alloy, oxide, magnet."""
    MIX = "mix"
    """A preparation of anything: paint, ink, paste. Free where no word is unknown."""
    BULK = "bulk"
    """A free material that no rare earth is alloyed or mixed into: paper, cement, polymers."""
    STUFF = "stuff"
    """A free material by its name."""
    GOODS = "goods"
    """Finished goods."""
    PRODUCE = "produce"
    """Plants, animals, food: goods that stay that as powder or flakes."""
    SHAPE = "shape"
    """A shape, part or packing: it is what it is of."""
    UNIT = "unit"
    """A part or a number of anything, but no shape of a material: set, kit, assembly."""
    PACKING = "packing"
    """What goods come in: where anything else is named, that is the goods."""
    MEDIUM = "medium"
    """What goods or data come in or on, and is traded by itself: gift boxes, bulk bags, discs."""
    MAKER = "maker"
    """A maker of finished goods alone."""
    WORKS = "works"
    """A machine, program or service of any kind."""
    USE = "use"
    """What a shape or packing right behind it is for, and goods by that: lunch box, photo film."""
    WORD = "word"
    """A word of ordinary texts."""
    MACHINE = "machine"
    """A machine of a certain kind, as a rule knows it."""
    TAIL = "tail"
    """Behind it stands what is inside the goods, or what they are for."""
    TURN = "turn"
    """What stands before it is what the goods are for."""
    UNKNOWN = "unknown"
    CHEMICAL = "chemical"
    """Unknown, and readable as symbols of elements with a rare earth among them."""
    NOTHING = ""


class Piece(NamedTuple):
    """Part of a folded text, and what it is."""

    start: int
    end: int
    kind: Kind


_LISTED = tuple(Kind)[:14]
"""A word of several classes is of the first."""
_REMEMBERED = 32_768
"""How many tokens are remembered."""
_CLASSES = frozenset((Kind.FORM, Kind.PACKING))
_NAMED = frozenset((Kind.BULK, Kind.STUFF, Kind.PRODUCE, Kind.GOODS))
_STEMS = frozenset((Kind.WORD, Kind.USE, Kind.GOODS, Kind.UNIT, Kind.WORKS))
_PART = 3
"""The parts of a word put together have more letters than this."""
_PREFIXES = (
    "non", "un", "re", "pre", "multi", "semi", "anti", "inter", "sub", "nano", "micro", "over",
    "under", "self", "mono", "bi", "tri", "quad", "electro", "thermo", "tele", "mini", "auto",
    "bio", "cross", "out", "down", "up", "off", "all", "dis", "co", "de", "mis",
)  # fmt: skip
_SHORT, _LONG = 2, 45
"""Tokens of letters up to the one length say nothing, longer ones than the other are no words."""


class Vocabulary:
    """Words of ordinary goods and of ordinary texts, by class.

    `vague` words say nothing; `plain` patterns match tokens with digits that say nothing.
    """

    def __init__(
        self,
        files: Iterable[Mapping[Kind, Mapping[str, Iterable[str]]]],
        plain: Iterable[str],
        vague: Container[str] = (),
    ) -> None:
        self._words: dict[str, Kind] = {}
        self._endings: dict[str, Kind] = {}
        self._signs = ahocorasick.Automaton()
        self._vague = vague
        self._plain = re.compile("|".join(plain) or r"(?!)")
        files = list(files)
        for kind in reversed(_LISTED):
            for file in files:
                for terms in file.get(kind, {}).values():
                    for term in terms:
                        self._add(term, kind)
        self._signs.make_automaton()
        self._firsts = frozenset(name.partition(" ")[0] for name in self._words if " " in name)
        self.kind = lru_cache(maxsize=_REMEMBERED)(self._kind)

    def _add(self, raw: str, kind: Kind) -> None:
        term = fold_term(raw.lstrip("*"))
        if any(map(is_cjk, term)):
            self._signs.add_word(term, (len(term), kind))
        elif raw.startswith("*"):
            self._endings[term] = self._words[term] = kind
        else:
            self._words[term] = kind

    def pair(self, first: str, second: str) -> Kind:
        """Give the class of two words together; NOTHING for none."""
        return self.known(f"{first} {second}") if first in self._firsts else Kind.NOTHING

    def known(self, name: str) -> Kind:
        """Give the class of a word, in either number; NOTHING for none."""
        names = (name, *singulars(name))
        return next((self._words[one] for one in names if one in self._words), Kind.NOTHING)

    def _kind(self, token: str) -> Kind:
        """Say what a token of the text is."""
        known = self.known(token)
        if known:
            return Kind.NOTHING if known is Kind.WORD and token in self._vague else known
        if len(token) > _LONG:
            return Kind.UNKNOWN
        if len(token) <= _SHORT or token in self._vague or self._plain.fullmatch(token):
            return Kind.NOTHING
        if "'" in token:
            return self.kind(token.partition("'")[0])
        if "/" in token and not systematic(token):
            kinds = [self.kind(part) for part in token.split("/")]
            return Kind.UNKNOWN if Kind.UNKNOWN in kinds else kinds[0]
        return self._by_ending(token) or self._by_stem(token)

    def _by_stem(self, token: str) -> Kind:
        if readable(token):
            return Kind.CHEMICAL
        if systematic(token):
            return Kind.STUFF
        if any(self._words.get(stem) in _STEMS for stem in stems(token)):
            return Kind.WORD
        return self._by_parts(token)

    def _by_parts(self, token: str) -> Kind:
        """Read a word put together of two that are known, the last of goods: a heatproofglove."""
        for at in range(_PART, len(token) - _PART):
            if self.known(token[at:]) is Kind.GOODS and self._words.get(token[:at]) in _STEMS:
                return Kind.GOODS
        return Kind.UNKNOWN

    def _by_ending(self, token: str) -> Kind:
        """Read a compound by its end; a class or packing by what it is of (Aluminiumbarren)."""
        for at in range(2, len(token) - 2):
            ending = self._endings.get(token[at:])
            if ending:
                before = self.known(token[:at])
                if ending is Kind.FORM and self._strange(token[:at], token[at:]):
                    return Kind.CHEMICAL
                return before if ending in _CLASSES and before in _NAMED else ending
        return Kind.NOTHING

    def _strange(self, stem: str, ending: str) -> bool:
        """Whether a compound names a material by a stem that nothing knows: Vantoreloxid."""
        if len(stem) <= _PART or ending.startswith("magnet"):
            return False
        return all(self.kind(one) is Kind.UNKNOWN for one in (stem, stem.removesuffix("s")))

    def signs(self, text: str) -> Iterator[Piece]:
        """Find the longest terms of scripts without blanks; single signs only end a run or join."""
        reach = 0
        found = sorted(
            (last + 1 - size, -(last + 1), kind)
            for last, (size, kind) in self._signs.iter(text)
            if size > 1 or kind is Kind.WORD or _ends(text, last + 1)
        )
        found += ((m.start(), -m.end(), Kind.BULK) for m in CHINESE.finditer(text))
        found.sort()
        for start, negative, kind in found:
            if -negative > reach:
                reach = -negative
                yield Piece(start, reach, kind)


_ANDS = frozenset("及和与或等的、，制用")


def _ends(text: str, at: int) -> bool:
    """Whether a run of signs ends here, or a word that joins, describes or makes follows."""
    return at == len(text) or not is_cjk(text[at]) or text[at] in _ANDS


def singulars(word: str) -> Iterator[str]:
    """Give what a regular English plural may be the plural of."""
    if word.endswith("s") and not word.endswith("ss"):
        yield word[:-1]
        if word.endswith("es"):
            yield word[:-3] + "y" if word.endswith("ies") else word[:-2]


def stems(word: str) -> Iterator[str]:
    """Give what a word may be a form of: infused, retaining, evenly, nanocrystalline."""
    for ending in ("ing", "ed", "er", "ly", "ally"):
        if word.endswith(ending) and len(word) >= len(ending) + 3:
            stem = word.removesuffix(ending)
            yield stem
            yield stem + "e"
            if stem[-1] == stem[-2]:
                yield stem[:-1]
    for prefix in _PREFIXES:
        if word.startswith(prefix) and len(word) > len(prefix) + _PART:
            yield word.removeprefix(prefix)
