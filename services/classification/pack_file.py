"""Reading a pack file: typed strictly, then checked for what would silence a rule or stop a run.

A rule that asks for a fact nobody can say, a country that does not exist, a column the chart does
not hold: each would clear goods without a word, so none of them is accepted.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from schemas.classification import Verdict
from schemas.decisions import HoldReason
from schemas.regimes import ZONES
from services.classification.jurisdiction import known
from services.classification.lexicon import HEADS, LexiconFile
from services.classification.parties import bare_name
from services.classification.policy import Cited, EndUse, Entry, Negative, Pack, Period
from services.classification.policy import Place as PlaceRule
from services.classification.source import PolicyError, line_of, load_tree, validate

Place = tuple[str | int, ...]
Fault = tuple[Place, str]
"""Where in the file (a path of keys and indices), and what is wrong."""
_FACT: Final = re.compile(r"[a-z0-9_]+(?::[a-z0-9_]+)?")
_ANYWHERE: Final = ("*", "all", "all?")
_FINDABLE: Final = (
    Verdict.NO_LICENSE_REQUIRED,
    Verdict.REVIEW,
    Verdict.LICENSE_REQUIRED,
    Verdict.DENY_PRESUMED,
)
_HOLDS: Final = frozenset(HoldReason)


def parse_pack(text: str, source: str, lexicon: Sequence[LexiconFile] = ()) -> Pack:
    """Parse one pack; anything doubtful is refused with file and line.

    With the lexicon that is read beside it, so is a rule that asks for a fact no text can say.
    """
    tree, lines = load_tree(text, source)
    pack = validate(tree, lines, source, Pack)
    for place, fault in (*_faults(pack), *(_unsayable(pack, lexicon) if lexicon else ())):
        raise PolicyError(source, line_of(lines, place), fault)
    return pack


def archived_pack(text: str, source: str) -> Pack:
    """Parse a pack that a release has used: what it was read as then is what it says for ever."""
    tree, lines = load_tree(text, source)
    return validate(tree, lines, source, Pack)


def check_versions(packs: Iterable[Pack]) -> None:
    """Refuse two versions of one pack for one day, and a day between two that has none."""
    by_name: dict[str, list[Pack]] = {}
    for pack in packs:
        by_name.setdefault(pack.pack, []).append(pack)
    for versions in by_name.values():
        versions.sort(key=lambda pack: pack.effective.start or date.min)
        for before, after in pairwise(versions):
            if before.effective.end != after.effective.start:
                fault = f"its days do not end where those of {after.name} begin"
                raise PolicyError(before.name, 1, fault)


def _faults(pack: Pack) -> Iterator[Fault]:
    yield from _given_twice(pack)
    yield from _frame(pack)
    for index, entry in enumerate(pack.entries):
        place: Place = ("entries", index)
        yield from _timeline(entry, place)
        yield from _entry(entry, place)
    for index, negative in enumerate(pack.negatives):
        yield from _clauses(negative, ("negatives", index))
    yield from _places(pack)
    yield from _parties(pack)
    yield from _listed(pack)


def _rules(pack: Pack) -> Iterator[tuple[Place, Cited, str]]:
    for name in ("entries", "negatives", "destinations", "parties", "end_uses"):
        for index, rule in enumerate(getattr(pack, name)):
            yield (name, index), rule, rule.rule


def _given_twice(pack: Pack) -> Iterator[Fault]:
    rules: set[str] = set()
    for place, rule, name in _rules(pack):
        if name in rules:
            yield place, f"rule {name} is given twice"
        rules.add(name)
        if not rule.citation.strip():
            yield (*place, "citation"), f"rule {name} has no citation"
    codes: set[str] = set()
    named = [(("entries", i), c) for i, e in enumerate(pack.entries) for c in _codes(e)]
    listed = [(("listed", i), item.code) for i, item in enumerate(pack.listed)]
    for place, code in (*named, *listed):
        if code.upper() in codes:
            yield place, f"code {code} is given twice"
        codes.add(code.upper())


def _codes(entry: Entry) -> tuple[str, ...]:
    return entry.codes if entry.code is None else (entry.code, *entry.codes)


def _frame(pack: Pack) -> Iterator[Fault]:
    try:
        ZoneInfo(pack.zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield ("zone",), f"there is no zone {pack.zone!r}"
    for name in ("jurisdiction", "clear", "exclusion", "foreign_party"):
        stated = getattr(pack, name)
        if stated is not None and not stated.citation.strip():
            yield (name,), f"{name} has no citation"
    start, end, until = pack.effective.start, pack.effective.end, pack.verified_until
    if start and end and start >= end:
        yield ("effective",), "the pack is never in effect"
    if start and until and until <= start:
        yield ("verified_until",), "the pack is verified until before it is in effect"
    yield from _countries(pack.jurisdiction.territory, ("jurisdiction",))
    for regime in pack.exclusion.regimes if pack.exclusion else ():
        if regime not in ZONES:
            yield ("exclusion",), f"there is no regime {regime!r}"
    beyond = {entry.rule for entry in pack.entries if entry.beyond}
    wanted = {pack.jurisdiction.origin_rule, pack.jurisdiction.content_rule} - {""}
    for rule in sorted(wanted ^ beyond):
        yield ("jurisdiction",), f"{rule} is not both named here and an entry marked `beyond`"


def _countries(codes: Iterable[str], place: Place) -> Iterator[Fault]:
    for code in codes:
        if not known(code):
            yield place, f"{code!r} is not a known country"


def _timeline(entry: Entry, place: Place) -> Iterator[Fault]:
    place = (*place, "timeline")

    def start(period: Period) -> date:
        return period.start or date.min

    periods = sorted(entry.timeline, key=start)
    for before, after in pairwise(periods):
        if before.end is None or start(after) < before.end:
            yield place, f"periods of {entry.rule} overlap"
    for period in periods:
        if period.start and period.end and period.start >= period.end:
            yield place, f"a period of {entry.rule} is empty"


def _entry(entry: Entry, place: Place) -> Iterator[Fault]:
    yield from _clauses(entry, place)
    if not entry.when and not _codes(entry):
        yield place, f"rule {entry.rule} can never apply: it has neither a condition nor a code"
    if entry.verdict not in _FINDABLE:
        yield (*place, "verdict"), f"no rule finds {entry.verdict}"
    if entry.verdict is Verdict.REVIEW and entry.reason not in _HOLDS:
        yield (*place, "reason"), f"{entry.reason!r} is no reason to hold an order"
    if entry.verdict is Verdict.REVIEW and not entry.missing.strip():
        yield place, f"rule {entry.rule} does not say what is missing"


def _clauses(rule: Entry | Negative, place: Place) -> Iterator[Fault]:
    for clause in rule.when:
        for fact, _ in clause:
            if not _FACT.fullmatch(fact):
                yield (*place, "when"), f"{fact!r} is no fact: facts are joined by & alone"


def _places(pack: Pack) -> Iterator[Fault]:
    several: tuple[tuple[str, tuple[PlaceRule | EndUse, ...]], ...] = (
        ("destinations", pack.destinations),
        ("end_uses", pack.end_uses),
    )
    for name, rules in several:
        for index, rule in enumerate(rules):
            yield from _countries(rule.countries, (name, index))
            if rule.reason not in _HOLDS:
                yield (name, index), f"{rule.reason!r} is no reason to hold an order"


def _parties(pack: Pack) -> Iterator[Fault]:
    for index, rule in enumerate(pack.parties):
        if not rule.names or not all(bare_name(name) for name in rule.names):
            yield ("parties", index), f"rule {rule.rule} names nobody"
        yield from _countries((rule.country,) if rule.country else (), ("parties", index))


def _listed(pack: Pack) -> Iterator[Fault]:
    if pack.listed and not pack.listed_citation.strip():
        yield ("listed",), "listed codes without a citation"
    if pack.licensing == "country_chart" and not pack.chart:
        yield ("licensing",), "there is no chart to license by"
    for column, countries in pack.chart.items():
        yield from _countries(countries, ("chart", column))
    yield from _countries(pack.chart_open, ("chart_open",))
    for index, item in enumerate(pack.listed):
        for column in item.columns:
            if column.rstrip("?") not in pack.chart:
                yield ("listed", index), f"the chart has no column {column!r}"
        for other in item.other:
            where = other.partition("=")[2]
            if not where:
                yield ("listed", index), f"{other!r} does not say where it applies"
            elif where not in _ANYWHERE:
                yield from _countries(where.split(" "), ("listed", index))


_STATES: Final = frozenset(("loose", "strong", "bare", "conflict", "contained", "works", "aid"))
_MADE: Final = frozenset(
    ("re", "purity", "purposed", "specific", "cas", "formula", "grade", "doped_host", "st")
)
"""Facts that reading itself adds, beside those of the lexicon."""
_PREFIXES: Final = ("", "st", "for", "no", "head", "raw", "has", "hs")


def _unsayable(pack: Pack, lexicon: Iterable[LexiconFile]) -> Iterator[Fault]:
    """A rule that asks for a fact no text can say would be silent for ever."""
    sayable = _sayable(lexicon)
    wanted: list[tuple[Place, str]] = [
        ((name, index, "when"), fact)
        for name in ("entries", "negatives")
        for index, rule in enumerate(getattr(pack, name))
        for clause in rule.when
        for fact, _ in clause
    ]
    wanted += [(("end_uses", index), use.fact) for index, use in enumerate(pack.end_uses)]
    wanted += [(("signals",), fact) for fact in pack.signals]
    for place, fact in wanted:
        prefix, _, name = fact.rpartition(":")
        said = name in _STATES if prefix == "st" else name in sayable
        if not said or prefix not in _PREFIXES:
            yield place, f"no text can say {fact!r}"


def _sayable(lexicon: Iterable[LexiconFile]) -> frozenset[str]:
    found = set(_MADE) | HEADS
    for file in lexicon:
        for name, concept in file.concepts.items():
            found.update(concept.facts or (name,))
        for facts in (
            *(grade.facts for grade in file.grades),
            *(derived.facts for derived in file.derive),
            *(heading.facts for heading in file.headings),
        ):
            found.update(facts)
    return frozenset(found)
