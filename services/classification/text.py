"""Folding: one spelling for all the ways a text can be written, with positions kept."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import opencc

_SIMPLIFY = opencc.OpenCC("t2s")
_DASHES = frozenset("-‐‑‒–—―−_﹣－~")
_LOOKALIKE = dict(
    zip(
        "авекмнорстухіјѕԁɡαβεικνορτυχ",
        "abekmhopctyxijsdgabeiknoptux",
        strict=True,
    )
)
_DROP = frozenset(("Mn", "Cf", "Cc", "Me"))


def is_cjk(char: str) -> bool:
    """Tell whether a character is a Han ideograph or kana (written without spaces)."""
    return "㐀" <= char <= "鿿" or "぀" <= char <= "ヿ"


@lru_cache(maxsize=16384)
def fold_char(char: str) -> str:
    """Fold one character: compatibility form, no accents, lower case, simplified Han."""
    if char.isspace() or char in _DASHES:
        return " "
    out: list[str] = []
    for part in unicodedata.normalize("NFKD", char).casefold():
        for piece in unicodedata.normalize("NFKD", part):
            if piece in _DASHES or piece.isspace():
                out.append(" ")
            elif unicodedata.category(piece) not in _DROP:
                out.append(_LOOKALIKE.get(piece, piece))
    folded = "".join(out)
    if len(folded) == 1 and "㐀" <= folded <= "鿿":
        return str(_SIMPLIFY.convert(folded))
    return folded


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text and, for each of its characters, the place in the original."""

    text: str
    origin: str
    places: Sequence[int]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give the original span of a folded one."""
        if end <= start or not self.places:
            return 0, 0
        return self.places[start], self.places[end - 1] + 1


_UNEVEN = re.compile(r"[\x00-\x1f\x7f]|[-_~ ]{2}|^[-_~ ]|[-_~ ]$")
_PLAIN = str.maketrans("-~_", "   ")


def fold(text: str) -> Folded:
    """Fold a text; runs of blanks become one blank, blanks at the ends vanish."""
    if text.isascii() and not _UNEVEN.search(text):
        return Folded(text.lower().translate(_PLAIN), text, range(len(text)))
    chars: list[str] = []
    places: list[int] = []
    blank = True
    for place, char in enumerate(text):
        piece = char.lower() if char.isascii() and char.isalnum() else fold_char(char)
        for part in piece:
            if part == " ":
                if not blank:
                    chars.append(" ")
                    places.append(place)
                blank = True
                continue
            chars.append(part)
            places.append(place)
            blank = False
    if chars and chars[-1] == " ":
        chars.pop()
        places.pop()
    return Folded("".join(chars), text, tuple(places))


def fold_term(term: str) -> str:
    """Fold a term of a pack or lexicon the same way."""
    return fold(term).text
