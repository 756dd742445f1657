"""Packs: one regime's rules at one version, parsed strictly and compiled once."""

import hashlib
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.base import canonical
from schemas.classification import LicenseType, PackRef, Status, Verdict
from services.classification.condition import Condition, conditions
from services.classification.lexicon import Lexicon, LexiconFile, parse_lexicon
from services.classification.source import Clause, PolicyError, parse_clause

__all__ = ["Entry", "Pack", "PackSet", "PolicyError", "parse_lexicon"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _words(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


Countries = Annotated[tuple[str, ...], BeforeValidator(_words)]
When = tuple[Annotated[Clause, BeforeValidator(parse_clause)], ...]


class Period(_Strict):
    """Days on which an entry has a status: from (inclusive) to (exclusive)."""

    start: date | None = Field(default=None, alias="from")
    end: date | None = Field(default=None, alias="to")
    status: Status

    def holds(self, day: date) -> bool:
        """Tell whether a day is inside."""
        return (self.start is None or self.start <= day) and (self.end is None or day < self.end)


class Cited(_Strict):
    """A statement of law or fact with its source."""

    citation: str = Field(min_length=1)
    tag: Literal["C", "I", "G", "J"]


class Entry(Cited):
    """One rule: what it is recognised by and what follows."""

    rule: str
    code: str | None = None
    codes: tuple[str, ...] = ()
    category: int | None = None
    title: str
    when: When = ()
    verdict: Verdict
    license_type: LicenseType = LicenseType.NONE
    license_type_suspended: LicenseType = LicenseType.NONE
    reason: str = "TERM_MATCH"
    missing: str = ""
    listed: bool = True
    beyond: bool = False
    """Only for transactions outside the territory; its `origin_rule` or `content_rule` names it."""
    rank: int = 0
    controls: tuple[str, ...] = ()
    timeline: tuple[Period, ...] = ()

    def status(self, day: date) -> Status:
        """Say where the entry stands on a day; without a timeline it is always in force."""
        if not self.timeline:
            return Status.IN_FORCE
        for period in self.timeline:
            if period.holds(day):
                return period.status
        return Status.NOT_LISTED

    def next_change(self, day: date) -> date | None:
        """Give the next day on which the status differs from that of `day`."""
        edges = sorted(
            edge
            for period in self.timeline
            for edge in (period.start, period.end)
            if edge is not None and edge > day
        )
        now = self.status(day)
        return next((edge for edge in edges if self.status(edge) is not now), None)


class Negative(Cited):
    """What is not controlled although words come close, and who says so."""

    rule: str
    title: str
    when: When


class Listed(_Strict):
    """A code of a list that has no recognition of its own: heading, reasons, licence columns."""

    code: str
    title: str
    controls: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


class Jurisdiction(Cited):
    """Which transactions the regime reaches. Each field says what a link to the territory does."""

    territory: Countries
    exporter: Literal["applies", "broker", "none"] = "none"
    location: Literal["applies", "review", "none"] = "none"
    origin: Literal["applies", "none"] = "none"
    domestic: Literal["not_applicable", "deemed"] = "not_applicable"
    origin_rule: str = ""
    """The entry for goods of the territory's origin moved between other countries."""
    content_rule: str = ""
    """The entry for goods of another origin, which may hold a share of the territory's."""


class Place(Cited):
    """What follows from the destination alone."""

    rule: str
    countries: Countries
    listed: Verdict | None = None
    other: Verdict | None = None
    reason: str
    title: str


class PartyRule(Cited):
    """A named party; days as in an entry's period."""

    rule: str
    names: tuple[str, ...]
    country: str | None = None
    start: date | None = Field(default=None, alias="from")
    verdict: Verdict = Verdict.DENY_PRESUMED


class EndUse(Cited):
    """What follows from a stated end use."""

    rule: str
    fact: str
    verdict: Verdict
    reason: str
    title: str
    countries: Countries = ()
    listed_only: bool = False


class Exclusion(Cited):
    """An item that other regimes list is excluded here and routed there."""

    rule: str
    reading: Literal["listed_item", "jurisdictional", "off"]
    regimes: tuple[str, ...]
    title: str


class Watched(_Strict):
    """A source somebody must look at, and when it was last looked at."""

    source: str
    last_checked: date


class Mixed(_Strict):
    """How a declared code counts: which of the pack's entries a code prefix belongs to."""

    pattern: str
    placeholder: tuple[str, ...] = ()


class Pack(_Strict):
    """One version of one regime."""

    pack: str
    version: str
    regime: str
    title: str
    authority: str
    zone: str
    effective: Period
    verified_until: date | None = None
    watch: tuple[Watched, ...] = Field(min_length=1)
    note: str = ""
    code_field: Literal["control_code", "eccn", "annex_i"]
    unlisted_code: str | None = None
    declared: Mixed
    jurisdiction: Jurisdiction
    licensing: Literal["always", "country_chart"] = "always"
    chart: Mapping[str, Countries] = Field(default_factory=dict)
    chart_open: Countries = ()
    clear: Cited
    signals: tuple[str, ...] = ()
    """Facts that forbid a clear for want of a rule: what they speak of must be placed."""
    entries: tuple[Entry, ...]
    listed: tuple[Listed, ...] = ()
    listed_citation: str = ""
    listed_tag: Literal["C", "I", "G", "J"] = "G"
    negatives: tuple[Negative, ...] = ()
    destinations: tuple[Place, ...] = ()
    parties: tuple[PartyRule, ...] = ()
    end_uses: tuple[EndUse, ...] = ()
    exclusion: Exclusion | None = None
    foreign_party: Cited | None = None

    @cached_property
    def name(self) -> str:
        """`cn-reported@2025-10-09`."""
        return f"{self.pack}@{self.version}"


Tested = tuple[Entry, int, Condition]
"""An entry, the number of one of its clauses, and the clause compiled."""


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A pack ready for use: its digest (with the lexicon's) and its entries by a needed fact."""

    pack: Pack
    digest: str
    by_fact: Mapping[str, tuple[Tested, ...]]
    always: tuple[Tested, ...]
    negatives: tuple[tuple[Negative, tuple[Condition, ...]], ...]
    names: tuple[str, ...]
    """Every named party, as the pack writes it."""
    beyond: Mapping[str, Entry]
    by_code: Mapping[str, Entry]
    listed: Mapping[str, Listed]
    reaches: dict[Hashable, Any] = field(default_factory=dict, compare=False)
    """Answers of the jurisdiction already given, by the countries asked about."""


def _compile(pack: Pack, lexicon_digest: str) -> Compiled:
    by_fact: dict[str, list[Tested]] = {}
    always: list[Tested] = []
    by_code: dict[str, Entry] = {}
    for entry in pack.entries:
        if entry.beyond:
            continue
        for number, condition in enumerate(conditions(entry.when)):
            first = condition.shown[0] if condition.shown else ""
            rules = by_fact.setdefault(first, []) if first else always
            rules.append((entry, number, condition))
        for code in (entry.code, *entry.codes, entry.rule if entry.listed else None):
            if code:
                by_code.setdefault(code.upper(), entry)
    # Only what the file says: a field that a later release adds must not rename the past.
    stated = pack.model_dump(mode="json", by_alias=True, exclude_unset=True)
    content = {"pack": stated, "lexicon": lexicon_digest}
    return Compiled(
        pack,
        hashlib.sha256(canonical(content)).hexdigest(),
        {key: tuple(found) for key, found in by_fact.items()},
        tuple(always),
        tuple((negative, conditions(negative.when)) for negative in pack.negatives),
        tuple(name for rule in pack.parties for name in rule.names),
        {entry.rule: entry for entry in pack.entries if entry.beyond},
        by_code,
        {item.code: item for item in pack.listed},
    )


_STANDINGS_MAX = 4096
"""How many days' versions are remembered."""


class PackSet:
    """The packs in use, with the lexicon, compiled once. Treat as frozen."""

    def __init__(
        self, packs: Iterable[Pack], lexicon: Iterable[LexiconFile], keys: Mapping[str, str]
    ) -> None:
        """`keys` maps the key of a verdict (CN, US, …) to the name of its pack."""
        self.packs = tuple(packs)
        self.lexicon_files = tuple(lexicon)
        self.lexicon = Lexicon(self.lexicon_files)
        files = [file.model_dump(mode="json", exclude_unset=True) for file in self.lexicon_files]
        digest = hashlib.sha256(canonical(sorted(files, key=lambda f: f["lexicon"]))).hexdigest()
        self._compiled = tuple(_compile(pack, digest) for pack in self.packs)
        self.keys = dict(keys)
        self._by_key = {
            key: tuple(
                sorted(
                    (c for c in self._compiled if c.pack.pack == name),
                    key=lambda c: c.pack.effective.start or date.min,
                )
            )
            for key, name in keys.items()
        }
        self._standings: dict[tuple[str, date], tuple[Compiled, date | None]] = {}

    def versions(self, key: str) -> tuple[Compiled, ...]:
        """All versions of a regime's pack, oldest first."""
        return self._by_key[key]

    def on(self, key: str, day: date) -> Compiled:
        """The version in effect on a day; before the first, the first."""
        return self._standing(key, day)[0]

    def next_version(self, key: str, day: date) -> date | None:
        """The next day another version takes effect."""
        return self._standing(key, day)[1]

    def _standing(self, key: str, day: date) -> tuple[Compiled, date | None]:
        found = self._standings.get((key, day))
        if found is None:
            if len(self._standings) >= _STANDINGS_MAX:
                self._standings.clear()
            starts = (c.pack.effective.start for c in self._by_key[key])
            upcoming = min((s for s in starts if s is not None and s > day), default=None)
            found = self._standings[key, day] = (self._in_effect(key, day), upcoming)
        return found

    def _in_effect(self, key: str, day: date) -> Compiled:
        versions = self._by_key[key]
        for compiled in reversed(versions):
            if compiled.pack.effective.holds(day):
                return compiled
        return versions[0] if day < (versions[0].pack.effective.start or date.min) else versions[-1]

    @property
    def refs(self) -> tuple[PackRef, ...]:
        """Every pack that a verdict may rest on."""
        return tuple(
            PackRef(regime=key, pack=c.pack.name, digest=c.digest)
            for key, versions in self._by_key.items()
            for c in versions
        )

    @property
    def verified_until(self) -> date | None:
        """The earliest day on which one of the packs is no longer verified."""
        days = (c.pack.verified_until for v in self._by_key.values() for c in v[-1:])
        return min((day for day in days if day is not None), default=None)


def choose(cn: str, *, addendum: bool = False) -> dict[str, str]:
    """The packs behind each verdict key for a choice of Chinese pack.

    `addendum`: the one to the EAR that the report announces, beside the list as it stands.
    """
    chosen = {
        "reported": {"CN": "cn-reported"},
        "gazetted": {"CN": "cn-gazetted"},
        "both": {"CN": "cn-reported", "CN-GAZETTED": "cn-gazetted"},
    }[cn]
    more = {"US-ADDENDUM": "us-addendum-reported"} if addendum else {}
    return {**chosen, "US": "us-ear", "EU": "eu-dual-use", **more}
