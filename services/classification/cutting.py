"""A text cut into pieces of the vocabulary of ordinary goods, and these into phrases."""

import re
from collections.abc import Iterable, Iterator

from services.classification.text import is_cjk
from services.classification.vocabulary import Kind, Piece, Vocabulary

COUNTED = frozenset((Kind.SHAPE, Kind.UNIT, Kind.PACKING))
"""What a number before it makes an amount of: 10 sets."""
MACHINES = frozenset((Kind.MACHINE, Kind.WORKS))
_MARKS = frozenset((Kind.TAIL, Kind.TURN))
_WHOLE = frozenset((Kind.GOODS, Kind.WORD))
_TOKEN = re.compile(r"[a-zß-ÿ']+\d[a-z0-9./]*|\d[a-z0-9./]*|[a-zß-ÿ']+|[^\W\d_]")
_KANA = re.compile("[ぁ-ゖー]")
"""Hiragana are particles and endings."""
_SYMBOL = re.compile(
    r"(?<![a-z0-9.])(?<!\d )(?:"
    r"(?:nd|sm|gd|tb|dy|yb|lu|sc|ho|er|eu|pr|tm|la|ce)(?= ?\d{2}\.\d| \d ?n\b| ?[>≥])"
    r"|(?:nd|sm|gd|tb|dy|yb|lu)(?= (?:metal|chips|lumps|ingots?|pieces|chunks|powder|oxide|alloy)))"
)
"""The symbol of a rare earth before a purity or a form."""
_FREE_SYMBOL = re.compile(
    r"(?<![a-z0-9.:/])(?:ti|al|cu|ni|zr|ta|mo|cr|si|zn|sn|ag|au|pt|pd|nb|hf|mn|fe|mg|bi|sb|pb|ga|ge|"
    r"te|ru|rh|ir)"
    r"(?= (?:sputter\w* )?(?:targets?|metal|foil|sheet|wire|powder|pellets|granules)(?![a-z]))"
)
"""The symbol of a free metal before a form of it."""
_ANY_SYMBOL = re.compile(r"(?<![a-z0-9.])[a-z]{2}(?![a-z])")
_ONES = b"\x01" * 64
_PAIR = re.compile(
    r"(?<![a-z0-9.])(?:la|ce|pr|nd|sm|eu|gd|tb|dy|ho|er|tm|yb|lu|sc)[ :/+-]"
    r"(?:la|ce|pr|nd|sm|eu|gd|tb|dy|ho|er|tm|yb|lu|sc|al|mg|fe|co|ni|cu|zr|ti|ga|caf2)(?![a-z])"
)
"""Two symbols side by side, a rare earth first."""
_CUT = re.compile(r"[,;|()\[\]{}，；、。•]|:(?= )|\. |\n")
_ROMAN = re.compile(r"\([iv]{1,4}(?:,[iv]{1,4})?\)")
"""An oxidation state in its brackets: no end of a phrase."""
_BLANK = re.compile(r"(?<=[㐀-鿿぀-ヿ]) | (?=[㐀-鿿぀-ヿ])")
"""A blank beside signs that need none ends a phrase."""
_JOINS = frozenset(("及", "和", "与", "或", "等", "及其"))


def pieces(vocabulary: Vocabulary, text: str, sure: list[Piece], loose: list[Piece]) -> list[Piece]:
    """Cut a text into what is known of it and the tokens that remain, in order.

    `loose` readings count where neither a sure one nor the vocabulary knows the words.
    """
    found = list(sure)
    if _ANY_SYMBOL.search(text):
        found += (Piece(*m.span(), Kind.CHEMICAL) for m in _PAIR.finditer(text))
        found += (Piece(*m.span(), Kind.CHEMICAL) for m in _SYMBOL.finditer(text))
        found += (Piece(*m.span(), Kind.STUFF) for m in _FREE_SYMBOL.finditer(text))
    covered = bytearray(len(text))
    signs = [] if text.isascii() else list(vocabulary.signs(text))
    if signs:
        whole = [sign for sign in signs if sign.kind in _WHOLE]
        found = [piece for piece in found if not any(_within(piece, sign) for sign in whole)]
    _cover(covered, found)
    if signs:
        for piece in signs:
            if covered.find(0, *piece[:2]) >= 0:
                found.append(piece)
                _cover(covered, (piece,))
    maybe = bytearray(len(text))
    _cover(maybe, loose)
    last: tuple[int, str] = (-2, "")
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        if covered.find(0, start, end) < 0:
            last = (-2, "")
            continue
        token = match.group()
        pair = vocabulary.pair(last[1], token) if last[0] == start - 1 else Kind.NOTHING
        kind = pair or _kind(vocabulary, token, counted=last[1][-1:].isdigit())
        if pair:
            found[-1] = Piece(found[-1].start, end, pair)
        if pair or kind is not Kind.UNKNOWN or maybe.find(0, start, end) >= 0:
            found += () if pair else (Piece(start, end, kind),)
            _cover(covered, found[-1:])
        last = (end, token)
    found += (p for p in loose if covered.find(0, p.start, p.end) >= 0)
    return sorted(piece for piece in found if piece.kind)


def _within(piece: Piece, sign: Piece) -> bool:
    """Whether a machine or marker is but a part of another word: 压机 in 四柱液压机, 供 in 子供."""
    if piece.end > sign.end or piece.start < sign.start or piece[:2] == sign[:2]:
        return False
    if piece.kind in MACHINES:
        return sign.kind is Kind.GOODS and sign.start < piece.start
    return piece.kind in _MARKS


def _cover(covered: bytearray, found: Iterable[Piece]) -> None:
    for start, end, _ in found:
        covered[start:end] = _ONES[: end - start] if end - start <= 64 else b"\x01" * (end - start)


def _kind(vocabulary: Vocabulary, token: str, *, counted: bool) -> Kind:
    if len(token) == 1 and not token.isascii():
        return Kind.UNKNOWN if is_cjk(token) and not _KANA.match(token) else Kind.NOTHING
    kind = vocabulary.kind(token)
    return Kind.NOTHING if counted and kind in COUNTED else kind


def phrases_of(text: str, found: list[Piece]) -> Iterator[list[Piece]]:
    cuts = [match.start() for match in _CUT.finditer(_ROMAN.sub(_blanked, text))]
    if not text.isascii():
        cuts += (match.start() for match in _BLANK.finditer(text))
        cuts += (piece.start for piece in found if text[piece.start : piece.end] in _JOINS)
        cuts.sort()
    part: list[Piece] = []
    at = 0
    for piece in found:
        moved = False
        while at < len(cuts) and cuts[at] <= piece.start:
            at, moved = at + 1, True
        if moved and part:
            yield part
            part = []
        part.append(piece)
    if part:
        yield part


def _blanked(match: re.Match[str]) -> str:
    return " " * len(match.group())
