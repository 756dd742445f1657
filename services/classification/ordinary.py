"""Whether a text names ordinary goods: the evidence that a clear rests on.

Three things must come together: a word of the vocabulary of ordinary goods names the goods in some
phrase; where it is a material, machine or program, no other word is unknown (it may be a trade
name); and beside finished goods no phrase speaks of a material by an unknown name.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import NamedTuple

from services.classification.text import is_cjk
from services.classification.vocabulary import Kind, Piece, Vocabulary
from services.classification.wording import REFERENCE

_NAMES = frozenset(
    (
        Kind.GOODS,
        Kind.PRODUCE,
        Kind.BULK,
        Kind.STUFF,
        Kind.MIX,
        Kind.FORM,
        Kind.SHAPE,
        Kind.UNIT,
        Kind.PACKING,
        Kind.WORKS,
        Kind.MACHINE,
    )
)
_SAYING = frozenset((Kind.GOODS, Kind.PRODUCE, Kind.BULK, Kind.STUFF, Kind.MAKER, Kind.WORD))
"""What tells one machine or program from another."""
_MADE_OF = {Kind.BULK: Kind.STUFF, Kind.STUFF: Kind.STUFF, Kind.PRODUCE: Kind.GOODS}
"""What a class of material is named by, and what it is then: zinc oxide, milk powder."""
_STUFFS = frozenset((Kind.BULK, Kind.STUFF))
_MACHINES = frozenset((Kind.MACHINE, Kind.WORKS))
_MATERIALS = frozenset((Kind.FORM, Kind.MIX, Kind.STUFF, Kind.SHAPE))
_MODEL = 4
_HOSTS = frozenset((Kind.SHAPE, Kind.STUFF))
_DOPED = re.compile(
    r" (?:modified|doped|activated|exchanged|stabili[sz]ed|enriched|containing|bearing|coated|"
    r"bonded|based|filled|substituted)(?![a-z])"
)
"""What makes an unknown word before it a part of the material."""
_SALT = re.compile(
    r"(?:(?:mon|di|tri|tetra|penta|hexa|hept|sesqui|per|sub|hydr|oxy)o?)?"
    r"(?:oxide|hydroxide|fluoride|chloride|bromide|iodide|sul[fp]h?ide|sul[fp]h?ate|nitrate|"
    r"carbonate|acetate|phosphate|oxalate|boride|carbide|nitride|silicide|hydride|chelate)s?"
)
"""What makes a definite compound of the free element before it: an unknown word is its brand."""
_HEAPS = re.compile(
    r"(?:powders?|flakes?|cake|chunks?|lumps?|concentrates?|residues?|swarf|sludge|fines|ingots?|"
    r"turnings|dross|precursors?|raffinate|eluate|slurry|feedstock)(?! ?(?:free|coat|spray|paint))"
)
"""What material comes as before it is made into goods."""
_OF_ANY = frozenset((Kind.FORM, Kind.MIX, Kind.SHAPE))
_CLASSES = frozenset((Kind.FORM, Kind.MIX))
_MATTER = frozenset((Kind.BULK, Kind.STUFF, Kind.MIX, Kind.MACHINE))
_FINISHES = frozenset(
    (
        "nickel",
        "zinc",
        "epoxy",
        "gold",
        "chrome",
        "copper",
        "silver",
        "tin",
        "镍",
        "锌",
        "环氧",
        "铬",
    )
)
_COATED = re.compile(
    r" (?:bonded|coated|filled|lined|insulated|covered|impregnated|wrapped|packed|plated|clad|free|"
    r"based|reinforced|sheathed|cased|encased|molded|moulded|injection)(?![a-z])"
)
"""What makes the name of a material before it a quality of other goods."""
_OPEN = frozenset((Kind.UNKNOWN, Kind.CHEMICAL, Kind.FORM))
_STRANGERS = frozenset((Kind.UNKNOWN, Kind.CHEMICAL))
_COUNTED = frozenset((Kind.SHAPE, Kind.UNIT, Kind.PACKING))
"""What a number before it makes an amount of: 10 sets."""
_GRAINS = frozenset(
    (
        "granule", "granules", "granulate", "granulates", "pellet", "pellets", "flake", "flakes",
        "chips", "fines", "powder", "powders", "nanopowder", "crystal", "crystals", "lump", "lumps",
        "turnings", "scrap", "swarf", "target", "targets", "dispersion", "suspension", "slurry",
        "solution", "solutions", "grit",
        "粉", "粉末", "颗粒", "粒", "溶液", "靶", "靶材",
    )
)  # fmt: skip
"""Forms in which a bulk material stays that material."""
_TOKEN = re.compile(r"[a-zß-ÿ']+\d[a-z0-9./]*|\d[a-z0-9./]*|[a-zß-ÿ']+|[^\W\d_]")
_CUT = re.compile(r"[,;|()\[\]{}，；、。•]|:(?= )|\. |\n")
_ROMAN = re.compile(r"\([iv]{1,4}(?:,[iv]{1,4})?\)")
"""An oxidation state in its brackets: no end of a phrase."""
_BLANK = re.compile(r"(?<=[㐀-鿿぀-ヿ]) | (?=[㐀-鿿぀-ヿ])")
"""A blank beside signs that need none ends a phrase."""
_JOINS = frozenset(("及", "和", "与", "或", "等", "及其"))
_KANA = re.compile("[ぁ-ゖー]")
"""Hiragana are particles and endings."""
_SYMBOL = re.compile(
    r"(?<![a-z0-9.])(?<!\d )(?:"
    r"(?:nd|sm|gd|tb|dy|yb|lu|sc|ho|er|eu|pr|tm|la|ce)(?= ?\d{2}\.\d| \d ?n\b| ?[>≥])"
    r"|(?:nd|sm|gd|tb|dy|yb|lu)(?= (?:metal|chips|lumps|ingots?|pieces|chunks|powder|oxide|alloy)))"
)
"""The symbol of a rare earth before a purity or a form."""
_ONES = b"\x01" * 64
_PAIR = re.compile(
    r"(?<![a-z0-9.])(?:la|ce|pr|nd|sm|eu|gd|tb|dy|ho|er|tm|yb|lu|sc)[ :/+-]"
    r"(?:la|ce|pr|nd|sm|eu|gd|tb|dy|ho|er|tm|yb|lu|sc|al|mg|fe|co|ni|cu|zr|ti|ga|caf2)(?![a-z])"
)
"""Two symbols side by side, a rare earth first."""


class Evidence(NamedTuple):
    """Whether ordinary goods are named, and the word that stands against a clear."""

    named: bool
    strange: str = ""


def pieces(vocabulary: Vocabulary, text: str, sure: list[Piece], loose: list[Piece]) -> list[Piece]:
    """Cut a text into what is known of it and the tokens that remain, in order.

    `loose` readings count where neither a sure one nor the vocabulary knows the words.
    """
    found = [
        *sure,
        *(Piece(*m.span(), Kind.CHEMICAL) for m in _PAIR.finditer(text)),
        *(Piece(*m.span(), Kind.CHEMICAL) for m in _SYMBOL.finditer(text)),
    ]
    covered = bytearray(len(text))
    signs = [] if text.isascii() else list(vocabulary.signs(text))
    if signs:
        goods = [sign for sign in signs if sign.kind is Kind.GOODS]
        found = [piece for piece in found if not any(_within(piece, sign) for sign in goods)]
    _cover(covered, found)
    if signs:
        for piece in signs:
            if not all(covered[piece.start : piece.end]):
                found.append(piece)
                _cover(covered, (piece,))
    maybe = bytearray(len(text))
    _cover(maybe, loose)
    last: tuple[int, str] = (-2, "")
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        if all(covered[start:end]):
            last = (-2, "")
            continue
        token = match.group()
        pair = vocabulary.pair(last[1], token) if last[0] == start - 1 else Kind.NOTHING
        kind = pair or _kind(vocabulary, token, counted=last[1][-1:].isdigit())
        if pair:
            found[-1] = Piece(found[-1].start, end, pair)
        if pair or kind is not Kind.UNKNOWN or not all(maybe[start:end]):
            found += () if pair else (Piece(start, end, kind),)
            _cover(covered, found[-1:])
        last = (end, token)
    found += (p for p in loose if not all(covered[p.start : p.end]))
    return sorted(piece for piece in found if piece.kind)


def _within(piece: Piece, sign: Piece) -> bool:
    """Whether a machine is but the last part of the name of other goods: 压机 in 四柱液压机."""
    inside = sign.start < piece.start and piece.end <= sign.end
    return inside and piece.kind in _MACHINES


def _cover(covered: bytearray, found: Iterable[Piece]) -> None:
    for start, end, _ in found:
        covered[start:end] = _ONES[: end - start] if end - start <= 64 else b"\x01" * (end - start)


def _kind(vocabulary: Vocabulary, token: str, *, counted: bool) -> Kind:
    if len(token) == 1 and not token.isascii():
        return Kind.UNKNOWN if is_cjk(token) and not _KANA.match(token) else Kind.NOTHING
    kind = vocabulary.kind(token)
    return Kind.NOTHING if counted and kind in _COUNTED else kind


def evidence(text: str, found: list[Piece], *, firm: bool, pure: bool) -> Evidence:
    """Weigh a text.

    `firm`: a rule has named the goods, of a kind whose makers' names are many. `pure`: a purity is
    stated, as of a material.
    """
    phrases = list(_phrases(text, found))
    heads = [
        Kind.NOTHING if _only_packs(phrase, phrases) else _head(text, phrase) for phrase in phrases
    ]
    if Kind.SHAPE in heads and ";" not in text:  # the nomenclature names the material first
        heads = [
            Kind.NOTHING if _finish(text, phrase) else head
            for phrase, head in zip(phrases, heads, strict=True)
        ]
    made = Kind.FORM not in heads and any(piece.kind is Kind.MAKER for piece in found)
    goods = Kind.GOODS in heads and not any(map(_unnamed, heads, phrases, repeat(text)))
    finished = firm or made or goods
    named = finished or not _MATTER.isdisjoint(heads)
    named = named or (Kind.WORKS in heads and any(map(_says, found)))
    named = named or REFERENCE.search(text) is not None
    finished = finished or (_MATERIALS.isdisjoint(heads) and any(map(_bulk, heads, phrases)))
    numbered = not _MACHINES.isdisjoint(heads) and _MATERIALS.isdisjoint(heads)
    for phrase, head in zip(phrases, heads, strict=True):
        strange = _strange(text, phrase, head, finished=finished and not pure, numbered=numbered)
        if strange:
            return Evidence(named, text[strange.start : strange.end])
    return Evidence(named)


def _bulk(head: Kind, phrase: list[Piece]) -> bool:
    """Whether a phrase names a bulk material by known words: what stands beside describes it."""
    return head is Kind.BULK and all(piece.kind not in _STRANGERS for piece in phrase)


def _unnamed(head: Kind, phrase: list[Piece], text: str) -> bool:
    """Whether a phrase speaks of raw material without its name, not of what goods are made of."""
    return head is Kind.FORM and any(
        p.kind is Kind.FORM and _HEAPS.match(text, p.start) for p in phrase
    )


def _finish(text: str, phrase: list[Piece]) -> bool:
    """Whether a phrase says no more than what a shape is coated with."""
    said = [text[p.start : p.end] for p in phrase if p.kind is not Kind.WORD]
    return bool(said) and _FINISHES.issuperset(said)


def _only_packs(phrase: list[Piece], phrases: list[list[Piece]]) -> bool:
    """Whether a phrase is about what goods come in that another phrase names by an unknown word."""
    return phrase[-1].kind is Kind.PACKING and any(
        piece.kind in _OPEN for other in phrases if other is not phrase for piece in other
    )


def _says(piece: Piece) -> bool:
    """Whether a word tells one machine or program from another; single signs only join."""
    return piece.kind in _SAYING and piece.end - piece.start > 1


def _strange(
    text: str, phrase: list[Piece], head: Kind, *, finished: bool, numbered: bool
) -> Piece | None:
    """Find the unknown word of a phrase that may name a material.

    `numbered`: machines are named, and no material; a number with letters is their model.
    What remains of signs without blanks counts beside a class of material or a machine alone:
    they are not cut into words.
    """
    kinds = {piece.kind for piece in phrase}
    bulk = head is Kind.BULK
    every = not (finished or bulk) or head in _OF_ANY or Kind.PACKING in kinds
    signs = not kinds.isdisjoint((Kind.FORM, Kind.WORKS, Kind.MACHINE))
    for place, piece in enumerate(phrase):
        if piece.kind is Kind.CHEMICAL:
            return piece
        if piece.kind is not Kind.UNKNOWN:
            continue
        if numbered and _model(text[piece.start : piece.end]):
            continue
        sign = is_cjk(text[piece.start])
        beside = phrase[place + 1].kind if place + 1 < len(phrase) else Kind.NOTHING
        named = beside in _CLASSES or (sign and beside in _STUFFS)
        named = named or (bulk and (beside in _HOSTS or bool(_DOPED.match(text, piece.end))))
        if named or (every and (signs or not sign)):
            return piece
    return None


def _blanked(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _model(token: str) -> bool:
    """Whether a word looks like part of the model number of a machine."""
    return token.isascii() and (len(token) <= _MODEL or any(map(str.isdigit, token)))


def _phrases(text: str, found: list[Piece]) -> Iterator[list[Piece]]:
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


def _head(text: str, phrase: list[Piece]) -> Kind:
    """What names the goods in a phrase: the last name before a tail, and nothing behind it.

    A class of material behind a stuff is that stuff (zinc oxide); a stuff or shape behind goods
    is what they are of or come in (shirt cotton, glass bottles).
    """
    head = of = Kind.NOTHING
    for piece in phrase:
        if piece.kind is Kind.TAIL:
            break
        if piece.kind is Kind.TURN or (piece.kind is Kind.UNKNOWN and is_cjk(text[piece.start])):
            head = of = Kind.NOTHING
        if piece.kind in _STUFFS and _COATED.match(text, piece.end):
            continue
        if of is Kind.STUFF and piece.kind is Kind.FORM and _SALT.fullmatch(text, *piece[:2]):
            head = of = Kind.BULK
            continue
        grains = head is Kind.BULK and text[piece.start : piece.end] in _GRAINS
        if piece.kind in _NAMES and not grains:
            head = _next(head, piece.kind, of)
        kept = of is Kind.STUFF or piece.kind is Kind.FORM
        of = _MADE_OF.get(piece.kind, of if kept else Kind.NOTHING)
    return head


def _next(head: Kind, kind: Kind, of: Kind) -> Kind:
    if kind in _CLASSES:
        return of or kind
    if kind in _STUFFS:
        return head if head is Kind.GOODS else kind
    if kind in _COUNTED:
        return head or (Kind.UNIT if kind is Kind.UNIT else Kind.SHAPE)
    return Kind.GOODS if kind is Kind.PRODUCE else kind
