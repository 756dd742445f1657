"""The part a word has in its phrase: the goods, what is inside them, or what they are for."""

import re
from typing import NamedTuple

from services.classification.lexicon import Lexicon, Sense

MAIN, CONTENT, PURPOSE = 0, 1, 2
_GOODS = frozenset(("form", "material", "substance"))
_BETWEEN = frozenset(("", "any", "for", "for any", "the"))
_GAP = 4
"""Characters between two words of one purpose."""


class Hit(NamedTuple):
    """A concept found in a text; start and end count in the folded text."""

    start: int
    end: int
    sense: Sense


def roles_of(text: str, hits: list[Hit], role: int) -> list[int]:
    """Give the role of each find; `role` is that in which the phrase begins."""
    out: list[int] = []
    for place, hit in enumerate(hits):
        if hit.sense.kind == "marker":
            name = hit.sense.name
            if name == "content" and (_fills(text, hits, place) or _WEIGHED.match(text, hit.end)):
                role = MAIN
            elif name == "content":
                role = CONTENT if role != PURPOSE else PURPOSE
            elif name == "purpose":
                role = PURPOSE
            elif name == "resume":
                role = MAIN
            elif name == "content_after" and place and hits[place - 1].end >= hit.start - 1:
                out[place - 1] = max(out[place - 1], CONTENT)
            elif name == "purpose_after" and place and hits[place - 1].end == hit.start:
                _back(hits, out, place)
        out.append(role)
    return out


_COUNTED = re.compile(
    r"(?<![a-z])(?:sets?|pairs?|lots?|packs?|batch(?:es)?|dozens?|rolls?|pallets?|pieces?|pcs|units?|"
    r"kgs?|grams?|tons?|tonnes?|supply|range|assortment|collection|quantity|consignment|shipment) $"
)


_WEIGHED = re.compile(r" ?\d[\d.,]* ?(?:kgs?|g|grams?|lbs?|oz|t|tons?|tonnes?)(?![a-z0-9%])")
"""Goods with a weight of their own lie beside an article, not in it."""


def _fills(text: str, hits: list[Hit], place: int) -> bool:
    """Whether a marker tells what fills a packing, or is counted: `drum of`, `set of`."""
    hit = hits[place]
    if text[hit.start : hit.end] != "of":
        return False
    packed = place > 0 and "container" in hits[place - 1].sense.facts
    return packed or _COUNTED.search(text, max(0, hit.start - 12), hit.start) is not None


def _back(hits: list[Hit], roles: list[int], place: int) -> None:
    """Turn what stands before a word like 用 into the purpose; material stays the goods.

    Unless the word before says what is done to it: 镨钕金属生产用.
    """
    start = hits[place].start
    done = hits[place - 1].end == start and "process" in hits[place - 1].sense.facts
    for earlier in range(place - 1, -1, -1):
        hit = hits[earlier]
        if hit.sense.kind == "marker" or hit.end < start - _GAP:
            break
        phosphor = "phosphor" in hit.sense.facts and hit.end == start
        made = done and hit.sense.kind in _GOODS
        if phosphor or made or hit.sense.kind not in _GOODS or (place == 1 and hit.sense.signal):
            roles[earlier] = PURPOSE
        start = min(start, hit.start)


def absent(lexicon: Lexicon, text: str, hits: list[Hit], place: int) -> bool:
    """Whether a text says of a find that it is not there: no Dy, dysprosium- and terbium-free."""
    if _denied(lexicon, text, hits, place):
        return True
    if hits[place].sense.kind != "element":
        return False
    return any(
        _together(text, hits, at) and _denied(lexicon, text, hits, other)
        for at, other in ((place - 1, place - 1), (place, place + 1))
    )


_JOINED = frozenset(("", "/", "and", "und", "&", "、", "or", "oder", "nor", "和", "及", "或", "与"))


def _together(text: str, hits: list[Hit], place: int) -> bool:
    """Whether a find and the next are two elements of one list."""
    if place < 0 or place + 1 >= len(hits):
        return False
    one, two = hits[place], hits[place + 1]
    return one.sense.kind == two.sense.kind == "element" and (
        text[one.end : two.start].strip() in _JOINED
    )


def _denied(lexicon: Lexicon, text: str, hits: list[Hit], place: int) -> bool:
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
