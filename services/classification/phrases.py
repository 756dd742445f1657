"""Phrases: which word names the goods, what is inside them, what they are for, what is absent."""

import re
from dataclasses import dataclass, field

from services.classification.lexicon import HEADS, Lexicon
from services.classification.roles import CONTENT, MAIN, PURPOSE, Hit, absent, roles_of
from services.classification.text import Folded

_DIMENSION = re.compile(r"\d ?(?:mm|cm)?\s?[x×*]\s?\d|(?<![a-z])(?:d|dia|ø|φ)\s?\d")


@dataclass(slots=True)
class Reading:
    """Everything one text says, as facts with the spans that say so."""

    facts: dict[str, tuple[int, int]] = field(default_factory=dict)
    codes: tuple[tuple[str, int, int], ...] = ()
    content: bool = False
    foreign: bool = False
    folded: Folded = field(default_factory=lambda: Folded("", "", ()))
    hits: tuple[Hit, ...] = ()

    def add(self, facts: tuple[str, ...], span: tuple[int, int], prefix: str = "") -> None:
        """Record facts; the first span that says so stays."""
        for fact in facts:
            self.facts.setdefault(prefix + fact, span)


@dataclass(slots=True)
class Phrase:
    """One phrase: what names the goods in it, and how it speaks of rare earths."""

    head: Hit | None
    signal: bool
    inside: bool
    loose: bool = False
    """Raw material by form, and the name of an article behind it: `erbium oxide glass`."""
    built_in: bool = False
    """Its rare earths are magnets inside something."""
    material: bool = False
    """It names material other than magnets, whatever names the goods."""
    works: bool = False
    """It names equipment, software or technology, whatever names the goods behind it."""
    packed: bool = False
    """Raw material, not magnets, inside something."""
    treated: bool = False
    """It ends with what is done to its material: `NdFeB magnet recycling`."""
    phosphor: bool = False
    """It speaks of a phosphor."""
    joined: bool = False
    """It follows the phrase before by `and`."""


_SHAPED = frozenset(("shape", "powder", "compound"))
_LOOSE = ("material", "form")
_MATERIAL = ("material", "form", "substance")
_MIXED = frozenset(("re_generic", "prnd"))
_COMPOUNDS = frozenset(("oxide", "compound", "metal"))
_FORMS = _COMPOUNDS | {"alloy"}
_WORKS = ("equipment", "software", "technology")
_IMMATERIAL = ("software", "technology")
"""Nothing is built into it: what it holds is what it is about."""
_WITH_MAGNETS = frozenset(("motor", "audio", "magnet_goods", "electronics"))
"""Articles whose magnets are named behind them: `car speaker 6.5 inch neodymium`."""
_MAGNETIC = frozenset(("re_magnet", "nd", "sm"))
_PREPARED = frozenset(("pharma", "catalyst"))
"""Articles that are sold under the name of the compound in them."""


def read_phrase(
    lexicon: Lexicon, text: str, part: tuple[bool, list[Hit]], reading: Reading
) -> Phrase:
    joined, hits = part
    role = reading.facts.get("~role", (MAIN, 0))[0] if joined else MAIN
    head: Hit | None = None
    signal = inside = other = False
    missing: set[tuple[int, int]] = set()
    main: set[str] = set()
    roles = roles_of(text, hits, role)
    hits, roles = _unpacked(hits, roles)
    for place, hit in enumerate(hits):
        sense = hit.sense
        if sense.kind in ("marker", "none"):
            continue
        if absent(lexicon, text, hits, place):
            missing.add((hit.start, hit.end))
            reading.add(sense.facts, (hit.start, hit.end), "no:")
            continue
        at = roles[place]
        reading.add(sense.facts, (hit.start, hit.end), "for:" if at == PURPOSE else "")
        if sense.signal and at != PURPOSE:
            signal, inside = True, inside or at == CONTENT
            other = other or "re_magnet" not in sense.facts
        if at == MAIN and sense.kind in HEADS:
            main.add(sense.kind if "magnet" not in sense.facts else "magnet")
            head = hit if _names(hit, head) else head
    if head is not None and _SHAPES.match(text, head.end):
        head = _magnets(hits, roles, head)
    if head is None or (
        head.sense.kind in ("form", "substance", "material")
        and "magnet" not in head.sense.facts
        and not ("re_magnet" in head.sense.facts and "magnet" in main)
    ):
        _raw(hits, roles, reading, missing)
    reading.facts["~role"] = (roles[-1] if roles else role, 0)
    if head is None and any(hit.sense.kind == "element" for hit in hits):
        head = _inner_head(hits, roles)
    if head is not None:
        reading.add(head.sense.facts, (head.start, head.end), "head:")
        reading.add((head.sense.kind,), (head.start, head.end), "head:")
    loose = signal and not inside and _loose(hits, roles, head, missing)
    loose = loose or _behind(hits, roles, head, missing)
    packed = inside and any(
        role == CONTENT and "raw" in hit.sense.facts and "magnet" not in hit.sense.facts
        for hit, role in zip(hits, roles, strict=True)
    )
    built_in = inside and (not other or any("magnet" in hit.sense.facts for hit in hits))
    works = head is not None and head.sense.kind in _MATERIAL and not main.isdisjoint(_WORKS)
    return Phrase(
        head, signal, inside,
        loose=loose, built_in=built_in, material=not main.isdisjoint(_LOOSE), works=works,
        packed=packed, treated=bool(hits) and "process" in hits[-1].sense.facts, joined=joined,
        phosphor=any("phosphor" in hit.sense.facts for hit in hits),
    )  # fmt: skip


_SHAPES = re.compile(
    r" ?(?:[a-z]+ ){0,2}(?:(?:rings?|arcs?|dis[ck]s?|segments?|tiles?|blocks?|bars?|rods?|cubes?|"
    r"cylinders?|slabs?|slugs?|spheres|blanks)(?![a-z])|[环瓦片块柱](?![㐀-鿿]))"
)


def _magnets(hits: list[Hit], roles: list[int], head: Hit) -> Hit:
    """Name magnets before the article they are shaped for: samarium cobalt rotor rings."""
    if head.sense.name not in _WITH_MAGNETS:
        return head
    return next(
        (
            hit
            for hit, role in zip(hits, roles, strict=True)
            if hit.end <= head.start
            and role == MAIN
            and not _MAGNETIC.isdisjoint(hit.sense.facts)
            and hit.sense.signal
        ),
        head,
    )


def _loose(
    hits: list[Hit], roles: list[int], head: Hit | None, absent: set[tuple[int, int]]
) -> bool:
    if head is None or head.sense.kind != "article" or _PREPARED.intersection(head.sense.facts):
        return False
    optics = "optics" in head.sense.facts
    return any(
        hit.end <= head.start
        and role == MAIN
        and hit.sense.kind in ("form", "material", "element")
        and "raw" in hit.sense.facts
        and "magnet" not in hit.sense.facts
        and not (optics and "formula" in hit.sense.facts)
        and (hit.start, hit.end) not in absent
        for hit, role in zip(hits, roles, strict=True)
    )


def _behind(
    hits: list[Hit], roles: list[int], head: Hit | None, absent: set[tuple[int, int]]
) -> bool:
    """Whether a rare earth stands behind the article without a word of containment."""
    if head is None or head.sense.kind != "article" or head.sense.signal:
        return False
    return any(
        hit.start >= head.end
        and role == MAIN
        and hit.sense.signal
        and not (head.sense.name in _WITH_MAGNETS and "nd" in hit.sense.facts)
        and (hit.start, hit.end) not in absent
        for hit, role in zip(hits, roles, strict=True)
    )


def _names(hit: Hit, head: Hit | None) -> bool:
    """Whether a later word names the goods; "laser system" and "magnet rods" keep the first."""
    if head is None:
        return True
    if "magnet" in head.sense.facts and not _SHAPED.isdisjoint(hit.sense.facts):
        return False
    return hit.end > head.end and not (
        "generic" in hit.sense.facts and head.sense.kind == "article"
    )


def _inner_head(hits: list[Hit], roles: list[int]) -> Hit | None:
    """`dysprosium-containing magnet`: the goods may stand behind the word of containment."""
    inner = [
        hit
        for hit, role in zip(hits, roles, strict=True)
        if role == CONTENT and hit.sense.kind in HEADS
    ]
    return max(inner, key=lambda hit: hit.end, default=None)


def _raw(hits: list[Hit], roles: list[int], reading: Reading, absent: set[tuple[int, int]]) -> None:
    """`raw:dy` where an element by name stands in a phrase about material, not about magnets.

    `raw:re_generic`, `raw:prnd` where the phrase names a compound or metal of rare earths so.
    """
    formed = any(not _FORMS.isdisjoint(hit.sense.facts) for hit in hits)
    for hit, role in zip(hits, roles, strict=True):
        sense = hit.sense
        span = (hit.start, hit.end)
        if role == PURPOSE or span in absent or "re_magnet" in sense.facts:
            continue
        if sense.kind == "element" or (sense.kind == "material" and "raw" in sense.facts):
            reading.add(tuple(f for f in sense.facts if len(f) <= 2), span, "raw:")
        if formed and not _MIXED.isdisjoint(sense.facts):
            reading.add(tuple(sorted(_MIXED.intersection(sense.facts))), span, "raw:")


def _unpacked(hits: list[Hit], roles: list[int]) -> tuple[list[Hit], list[int]]:
    """Leave out the names of articles that say what a packing is made of: `steel drum`."""
    packed = {
        place
        for place, hit in enumerate(hits)
        if hit.sense.kind == "article"
        and any(
            "container" in after.sense.facts and 0 <= after.start - hit.end <= 1
            for after in hits[place + 1 : place + 4]
        )
    }
    if not packed:
        return hits, roles
    kept = [place for place in range(len(hits)) if place not in packed]
    return [hits[place] for place in kept], [roles[place] for place in kept]


def relate(states: list[Phrase], reading: Reading, text: str) -> None:
    """Say how the rare-earth words relate to the goods: `st:` facts."""
    facts = reading.facts
    facts.pop("~role", None)
    _set_apart(states, facts, text)
    kinds = _kinds(states)
    explicit = [s for s, kind in zip(states, kinds, strict=True) if s.signal and kind in _MATERIAL]
    article = any(kind == "article" for kind in kinds)
    works = any(kind in _WORKS for kind in kinds) or any(s.works and s.signal for s in states)
    if any(kind in _WORKS for kind in kinds):
        explicit = [s for s in explicit if not s.treated]
    heads = [s for s in states if s.head and "magnet" in s.head.sense.facts]
    if heads and _firm(heads, facts, text):
        facts["st:loose"] = facts["magnet"]
    if "re" not in facts:
        if "for:re" in facts and works:
            facts["st:works"] = facts["for:re"]
        return
    span = facts["re"]
    if "aid" in kinds and not explicit:
        _with_aid(states, kinds, facts, works=works)
        return
    if works and _context(states, kinds, facts):
        facts["st:works"] = span
    if article:
        _beside_article(states, kinds, explicit, facts, text)
    else:
        _by_itself(states, kinds, explicit, facts, works=works)


def _by_itself(
    states: list[Phrase],
    kinds: list[str],
    explicit: list[Phrase],
    facts: dict[str, tuple[int, int]],
    *,
    works: bool,
) -> None:
    """Where no article is named: is the rare earth of a form, or bare?"""
    span = facts["re"]
    if "cas" in facts or not works:
        formed = explicit or any(kind in ("material", "form") for kind in kinds)
        formed = formed or not facts.keys().isdisjoint(("raw", "purity", "phosphor"))
        formed = formed or {"ndfeb_grade", "re_magnet", "magnet"} <= facts.keys()
        formed = formed or {"re_magnet", "loose"} <= facts.keys()
        facts["st:strong" if formed else "st:bare"] = span
    elif explicit:
        facts["st:strong"] = span
    elif "process" not in facts and _vague_works(states, kinds):
        facts["st:bare"] = span


def _vague_works(states: list[Phrase], kinds: list[str]) -> bool:
    """Whether no word says what equipment is meant, and a rare earth stands by itself: parts."""
    works = [s for s, kind in zip(states, kinds, strict=True) if kind in _WORKS]
    vague = all(s.head and "generic" in s.head.sense.facts for s in works)
    return vague and any(s.signal and not kind for s, kind in zip(states, kinds, strict=True))


def _set_apart(states: list[Phrase], facts: dict[str, tuple[int, int]], text: str) -> None:
    """Take a text for raw material where it names some beside a phosphor."""
    if "phosphor" in facts and any(_apart(state, text) for state in states):
        for fact in ("phosphor", "head:phosphor", "re_phosphor"):
            facts.pop(fact, None)


def _apart(state: Phrase, text: str) -> bool:
    """Whether a phrase names raw material that no phosphor beside it speaks for: Tb4O7."""
    head = state.head
    if head is None or not state.signal or state.inside or state.phosphor:
        return False
    raw = not _COMPOUNDS.isdisjoint(head.sense.facts) and head.sense.kind in _LOOSE
    return raw and text[head.end : head.end + 1] not in (":", "(")


def _with_aid(
    states: list[Phrase], kinds: list[str], facts: dict[str, tuple[int, int]], *, works: bool
) -> None:
    """An extractant or reagent: works beside it are works, a rare earth beside it is one."""
    span = facts["st:aid"] = facts["re"]
    if works and ("for:re" in facts or "re_generic" in facts):
        facts["st:works"] = span
    if any(s.signal and not kind for s, kind in zip(states, kinds, strict=True)):
        facts["st:bare"] = span


def _beside_article(
    states: list[Phrase],
    kinds: list[str],
    explicit: list[Phrase],
    facts: dict[str, tuple[int, int]],
    text: str,
) -> None:
    """Where an article is named: is the rare earth loose beside it, inside it, or is it open?"""
    span = facts["re"]
    named = any(
        s.signal and not s.inside and kind != "article" and kind not in _WORKS
        for s, kind in zip(states, kinds, strict=True)
    )
    if ("raw" in facts or "magnet" not in facts) and not any(s.signal for s in states):
        facts["st:conflict"] = span
        return
    firm = explicit and "oxide_ware" not in facts and _firm(explicit, facts, text)
    beside = _beside(states, facts)
    if firm:
        facts["st:strong"] = span
    if beside or (not firm and (explicit or named)):
        facts["st:conflict"] = span
    elif not firm:
        facts["st:contained"] = span


_ASIDE = ("st:loose", "cas", "tablet", "bulk_drug")


def _kinds(states: list[Phrase]) -> list[str]:
    """What names the goods in each phrase; `yield and impurities` goes on about the same works."""
    kinds: list[str] = []
    for state in states:
        kind = state.head.sense.kind if state.head else ""
        if not kind and state.joined and kinds and kinds[-1] in _WORKS:
            kind = kinds[-1]
        kinds.append(kind)
    return kinds


def _beside(states: list[Phrase], facts: dict[str, tuple[int, int]]) -> bool:
    """Whether an article stands beside material: loose magnets, a substance by its number, what
    a container holds, or a word (tablet) that is as well a form of material."""
    if "container" in facts and any(s.packed for s in states):
        return True
    return any(s.loose for s in states) or not facts.keys().isdisjoint(_ASIDE)


def _context(states: list[Phrase], kinds: list[str], facts: dict[str, tuple[int, int]]) -> bool:
    """Whether equipment, software or technology is about rare earths, not merely holding some."""
    if "for:re" in facts or "re_generic" in facts:
        return True
    article = "article" in kinds
    immaterial = not set(_IMMATERIAL).isdisjoint(kinds)
    return any(
        s.signal
        and (not s.built_in or immaterial)
        and (kind in _WORKS or s.works or (not article and (immaterial or not s.inside)))
        for s, kind in zip(states, kinds, strict=True)
    )


def _firm(explicit: list[Phrase], facts: dict[str, tuple[int, int]], text: str) -> bool:
    """Loose material beside the name of an article stays material."""
    if "loose" in facts or "grade" in facts or "purity" in facts or "cas" in facts:
        return True
    for phrase in explicit:
        head = phrase.head
        if phrase.material or (head and text[head.end - 1 : head.end] == "s"):
            return True
    return bool(_DIMENSION.search(text))
