"""The evidence of a clear, from what a text was read as."""

import re
from collections.abc import Collection

from services.classification.cutting import pieces
from services.classification.ordinary import Evidence, evidence
from services.classification.phrases import Reading
from services.classification.roles import Hit
from services.classification.vocabulary import Kind, Piece, Vocabulary

_SURE = {
    "substance": Kind.STUFF,
    "material": Kind.STUFF,
    "element": Kind.STUFF,
    "signal": Kind.STUFF,
    "aid": Kind.STUFF,
    "equipment": Kind.MACHINE,
    "software": Kind.WORKS,
    "technology": Kind.WORKS,
}
_BY_FACT = (
    ("not_re_magnet", Kind.STUFF),
    ("other_phosphor", Kind.STUFF),
    ("base_metal", Kind.STUFF),
    ("bronze", Kind.STUFF),
    ("grade_word", Kind.WORD),
    ("tablet", Kind.FORM),
    ("ysz", Kind.STUFF),
    ("zirconia", Kind.STUFF),
    ("oxide_ware", Kind.STUFF),
)
"""What a fact makes of a find, whatever its kind: some articles are sold as material as well."""
_PAIRED = frozenset((Kind.STUFF, Kind.GOODS))
_MATERIALS = frozenset((Kind.MIX, Kind.BULK, Kind.STUFF))
_GENERAL = frozenset(("general_centrifuge", "generic_software", "not_re_magnet"))
"""Kinds of goods of makers without number: their names are no doubt."""
_INSIDE = frozenset(("of", "from", "on", "by", "based on", "made of", "made from"))
"""Markers of content behind which the goods themselves may stand."""

_PURE = re.compile(r"(?<![\d.,$])99[.,]\d+(?! ?(?:mm|cm|m|kg|g|lb|x|usd|eur|db)(?![a-z]))")
"""A purity without its sign."""


def weigh(vocabulary: Vocabulary, reading: Reading, known: Collection[str]) -> Evidence:
    """Weigh the description of a line."""
    text = reading.folded.text
    sure: list[Piece] = []
    loose: list[Piece] = []
    for hit in reading.hits:
        kind = _sure(hit, text)
        if kind is Kind.GOODS:
            stuff = vocabulary.known(text[hit.start : hit.end])
            kind = stuff if stuff in _MATERIALS else kind
        if hit.sense.signal and "re" not in known:  # said to be absent, or what the goods are for
            kind = Kind.WORD
        if kind in _PAIRED:
            sure.append(_paired(vocabulary, text, hit, kind))
        elif kind:
            sure.append(Piece(hit.start, hit.end, kind))
        else:
            other = Kind.FORM if hit.sense.kind == "form" else Kind.WORD
            loose.append(Piece(hit.start, hit.end, other))
    found = pieces(vocabulary, text, sure, loose)
    works = "head:equipment" in known or "head:software" in known
    civil = works and ("civil_purpose" in known or "for:civil_purpose" in known)
    pure = "purity" in known or ("99" in text and _PURE.search(text) is not None)
    return evidence(text, found, firm=civil or not _GENERAL.isdisjoint(known), pure=pure)


_NEXT = re.compile(r" ([a-zß-ÿ]+)(?![\w'])")
_LAST = re.compile(r"(?<![\w'])([a-z]+) $")


def _paired(vocabulary: Vocabulary, text: str, hit: Hit, kind: Kind) -> Piece:
    """A find, or what it makes with the word beside it: copper wire, brake fluid, clay crucible."""
    before = _LAST.search(text, max(0, hit.start - 16), hit.start)
    if before and vocabulary.pair(before[1], text[hit.start : hit.end]) is Kind.GOODS:
        return Piece(before.start(), hit.end, Kind.GOODS)
    after = _NEXT.match(text, hit.end)
    pair = vocabulary.pair(text[hit.start : hit.end], after[1]) if after else Kind.NOTHING
    return Piece(hit.start, after.end() if after and pair else hit.end, pair or kind)


_ONE = re.compile(r"\d in 1(?!\d)")
"""Several things in one: 3 in 1."""


def _sure(hit: Hit, text: str) -> Kind:
    """What a find surely is; NOTHING where the vocabulary may know better."""
    sense = hit.sense
    if sense.kind == "marker":
        if sense.name == "purpose_after":
            return Kind.TURN
        opens = sense.name in ("content", "purpose") and text[hit.start : hit.end] not in _INSIDE
        return Kind.TAIL if opens and not _ONE.match(text, hit.start - 2) else Kind.NOTHING
    if "generic" in sense.facts:
        return Kind.NOTHING
    named = next((kind for fact, kind in _BY_FACT if fact in sense.facts), Kind.NOTHING)
    if named or sense.kind == "article":
        return named or Kind.GOODS
    return _SURE.get(sense.kind, Kind.NOTHING)
