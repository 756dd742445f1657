"""A pack: one regime's rules at one version, as its file says them."""

from collections.abc import Mapping
from datetime import date
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from schemas.classification import LicenseType, Status, Verdict
from services.classification.source import Clause, PolicyError, parse_clause

__all__ = ["Entry", "Pack", "PolicyError"]


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
