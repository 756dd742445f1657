"""Whether a text names ordinary goods: the evidence that a clear rests on.

Three things must come together: a word of the vocabulary of ordinary goods names the goods in some
phrase; where it is a material, machine or program, no other word is unknown (it may be a trade
name); and beside finished goods no phrase speaks of a material by an unknown name.
"""

import re
from itertools import pairwise, repeat
from typing import NamedTuple

from services.classification.cutting import COUNTED, MACHINES, phrases_of
from services.classification.text import is_cjk
from services.classification.vocabulary import Kind, Piece
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
        Kind.MEDIUM,
        Kind.WORKS,
        Kind.MACHINE,
    )
)
_SAYING = frozenset(
    (Kind.GOODS, Kind.PRODUCE, Kind.BULK, Kind.STUFF, Kind.MAKER, Kind.USE, Kind.WORD)
)
"""What tells one machine or program from another."""
_DOSES = frozenset(("tablet", "tablets", "tabletten", "錠剤"))
"""In what a medicine comes, where a medicine stands before it."""
_WEAK = frozenset(("master", "compact", "complex", "stream", "bloom", "raw"))
_SHAPED = frozenset((Kind.SHAPE, Kind.PACKING))
_SETS = frozenset(
    ("set", "sets", "kit", "kits", "module", "modules", "套件", "模块", "模组", "套装", "セット")
)
"""What the word right before it makes goods of: infusion set."""
_MADE_OF = {Kind.BULK: Kind.STUFF, Kind.STUFF: Kind.STUFF, Kind.PRODUCE: Kind.GOODS}
"""What a class of material is named by, and what it is then: zinc oxide, milk powder."""
_STUFFS = frozenset((Kind.BULK, Kind.STUFF))
_MATERIALS = frozenset((Kind.FORM, Kind.MIX, Kind.STUFF, Kind.SHAPE))
_MODEL, _INITIALS = 4, 3
"""So short a word is part of a model number, or initials: no name of a material by itself."""
_HOSTS = frozenset((Kind.SHAPE, Kind.STUFF))
_DOPED = re.compile(
    r" (?:modified|doped|activated|exchanged|stabili[sz]ed|enriched|containing|bearing|coated|"
    r"bonded|based|filled|substituted)(?![a-z])"
)
"""What makes an unknown word before it a part of the material."""
_SALT = re.compile(
    r"(?:(?:mon|di|tri|tetra|penta|hexa|hept|sesqui|per|sub|hydr|oxy)o?)?"
    r"(?:oxide|hydroxide|fluoride|chloride|bromide|iodide|sul[fp]h?ide|sul[fp]h?ate|nitrate|"
    r"carbonate|acetate|phosphate|oxalate|boride|carbide|nitride|silicide|hydride|chelate|metal)s?"
)
"""What makes a definite compound of the free element before it: an unknown word is its brand."""
_HEAPS = re.compile(
    r"(?:powders?|flakes?|cake|chunks?|lumps?|concentrates?|residues?|swarf|sludge|fines|ingots?|"
    r"turnings|dross|precursors?|raffinate|eluate|slurry|feedstock)(?! ?(?:free|coat|spray|paint))"
)
"""What material comes as before it is made into goods."""
_SALTS = frozenset(
    (
        "氧化", "氢氧化", "硝酸", "硫酸", "盐酸", "碳酸", "草酸", "醋酸", "乙酸", "磷酸", "氟化",
        "氯化", "溴化", "碘化", "硫化", "氮化", "碳化", "硼化", "硅化", "氢化",
        "酸化", "塩化", "フッ化",
    )
)  # fmt: skip
"""Behind it stands the name of an element, known or not."""
_FINISHED = frozenset((Kind.GOODS, Kind.PRODUCE))
_WHOLE = frozenset((Kind.GOODS, Kind.BULK))
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
        "镀镍",
        "镀锌",
        "镀铬",
        "镀锡",
        "镀金",
        "镀银",
        "ニッケル",
    )
)
_COATED = re.compile(
    r" (?:bonded|coated|filled|lined|insulated|covered|impregnated|wrapped|packed|plated|clad|free|"
    r"based|reinforced|sheathed|cased|encased|molded|moulded|injection)(?![a-z])"
)
"""What makes the name of a material before it a quality of other goods."""
_OPEN = frozenset((Kind.UNKNOWN, Kind.CHEMICAL, Kind.FORM))
_STRANGERS = frozenset((Kind.UNKNOWN, Kind.CHEMICAL))
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


class Evidence(NamedTuple):
    """Whether ordinary goods are named, and the word that stands against a clear."""

    named: bool
    strange: str = ""


def evidence(text: str, found: list[Piece], *, firm: bool, pure: bool) -> Evidence:
    """Weigh a text.

    `firm`: a rule has named the goods, of a kind whose makers' names are many. `pure`: a purity is
    stated, as of a material.
    """
    kinds = {piece.kind for piece in found}
    phrases = list(phrases_of(text, _media(found, kinds)))
    heads = [
        Kind.NOTHING if _only_packs(phrase, phrases) else _head(text, phrase) for phrase in phrases
    ]
    strangers = not kinds.isdisjoint(_STRANGERS)
    if (strangers or Kind.SHAPE in heads) and ";" not in text:  # there the material comes first
        heads = [
            Kind.NOTHING if _finish(text, phrase) else head
            for phrase, head in zip(phrases, heads, strict=True)
        ]
    made = Kind.FORM not in heads and Kind.MAKER in kinds
    if made:  # a part by the maker of finished goods
        heads = [Kind.GOODS if head is Kind.SHAPE else head for head in heads]
    goods = Kind.GOODS in heads and (
        (";" in text and heads[0] is Kind.GOODS)
        or not any(map(_unnamed, heads, phrases, repeat(text)))
    )
    finished = firm or made or goods
    named = finished or not _MATTER.isdisjoint(heads)
    named = named or (Kind.WORKS in heads and any(map(_says, found)))
    named = named or (Kind.UNIT in heads and any(map(_sorted, heads, phrases, repeat(text))))
    named = named or REFERENCE.search(text) is not None
    if not strangers:
        return Evidence(named)
    bulk = not finished and _MATERIALS.isdisjoint(heads) and any(map(_bulk, heads, phrases))
    numbered = not MACHINES.isdisjoint(heads) and _MATERIALS.isdisjoint(heads)
    for phrase, head in zip(phrases, heads, strict=True):
        beside = bulk and any(piece.kind not in _STRANGERS for piece in phrase)
        sure = (finished or beside) and not pure
        strange = _strange(text, phrase, head, finished=sure, numbered=numbered)
        if strange:
            return Evidence(named, text[strange.start : strange.end])
    return Evidence(named)


def _media(found: list[Piece], kinds: set[Kind]) -> list[Piece]:
    """Say of each medium what it is: packing where anything is open or a program, else goods."""
    if Kind.MEDIUM not in kinds:
        return found
    packs = Kind.WORKS in kinds or not kinds.isdisjoint(_OPEN)
    kind = Kind.PACKING if packs else Kind.GOODS
    return [piece._replace(kind=kind) if piece.kind is Kind.MEDIUM else piece for piece in found]


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


def _sorted(head: Kind, phrase: list[Piece], text: str) -> bool:
    """Whether a phrase names a set or module by the known word right before it."""
    return head is Kind.UNIT and any(
        text[piece.start : piece.end] in _SETS
        and before.end + 1 >= piece.start
        and before.kind in (Kind.WORD, Kind.USE, Kind.GOODS)
        and _says(before)
        for before, piece in pairwise(phrase)
    )


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
        if sign and place and _salt(text, phrase[place - 1], piece):
            return piece
        beside = phrase[place + 1].kind if place + 1 < len(phrase) else Kind.NOTHING
        named = beside in _CLASSES and not _says_little(text, *phrase[place + 1 : place + 3])
        named = named or (sign and beside in _STUFFS)
        named = named or (bulk and (beside in _HOSTS or bool(_DOPED.match(text, piece.end))))
        if Kind.PACKING in kinds and head in _WHOLE and _owned(phrase, place):
            continue
        short = not sign and piece.end - piece.start <= _INITIALS
        if named or (every and not short and (signs or not sign)):
            return piece
    return None


def _salt(text: str, before: Piece, piece: Piece) -> bool:
    """Whether an unknown sign stands where a compound names its element: 氧化 and then 珂."""
    return before.end == piece.start and text[before.start : before.end] in _SALTS


def _owned(phrase: list[Piece], place: int) -> bool:
    """Whether goods stand behind a word, before what they come in: basmati rice, bag."""
    behind = phrase[place + 1 :]
    return any(
        (piece.kind in _FINISHED or piece.kind is Kind.BULK)
        and (at + 1 == len(behind) or behind[at + 1].kind is not Kind.PACKING)
        for at, piece in enumerate(behind)
    )


def _model(token: str) -> bool:
    """Whether a word looks like part of the model number of a machine."""
    return token.isascii() and (len(token) <= _MODEL or any(map(str.isdigit, token)))


def _head(text: str, phrase: list[Piece]) -> Kind:
    """What names the goods in a phrase: the last name before a tail, and nothing behind it.

    A class of material behind a stuff is that stuff (zinc oxide); a stuff or shape behind goods
    is what they are of or come in (shirt cotton, glass bottles).
    """
    head = of = Kind.NOTHING
    used = -2
    for place, piece in enumerate(phrase):
        start, end, kind = piece
        if kind is Kind.TAIL:
            break
        if kind is Kind.TURN or (kind is Kind.UNKNOWN and is_cjk(text[start])):
            head = of = Kind.NOTHING
        if kind in _NAMES:
            if _describes(text, phrase, place, head):
                continue
            if kind is Kind.FORM and of is Kind.STUFF and _SALT.fullmatch(text, start, end):
                head = of = Kind.BULK
                continue
            if head is not Kind.BULK or text[start:end] not in _GRAINS:
                head = _next(head, kind, of)
            if used >= start - 1 and kind in _SHAPED:
                head = Kind.GOODS
        used = end if kind is Kind.USE else -2
        kept = of is Kind.STUFF or kind is Kind.FORM
        of = _MADE_OF.get(kind, of if kept else Kind.NOTHING)
    return head


def _describes(text: str, phrase: list[Piece], place: int, head: Kind) -> bool:
    """Whether a name is but a quality of other goods, or what a medicine comes in."""
    start, end, kind = phrase[place]
    if kind in _STUFFS:
        return _COATED.match(text, end) is not None
    if kind is not Kind.FORM:
        return False
    dose = head is Kind.GOODS and text[start:end] in _DOSES
    return dose or _says_little(text, *phrase[place : place + 2])


def _says_little(text: str, piece: Piece, behind: Piece | None = None) -> bool:
    """Whether a word of material only says of what, or of which sort, other goods are.

    `metal` before goods (metal zipper); `master` and the like where no other such word follows.
    """
    if piece.kind is not Kind.FORM:
        return False
    said = text[piece.start : piece.end]
    if said in _WEAK:
        return behind is None or behind.kind is not Kind.FORM
    if behind is None or said not in ("metal", "金属"):
        return False
    return behind.kind is Kind.GOODS and behind.start <= piece.end + 1


def _next(head: Kind, kind: Kind, of: Kind) -> Kind:
    if kind in _CLASSES:
        return of or kind
    if kind in _STUFFS:
        return head if head is Kind.GOODS else kind
    if kind in COUNTED:
        return head or (Kind.UNIT if kind is Kind.UNIT else Kind.SHAPE)
    return Kind.GOODS if kind is Kind.PRODUCE else kind
