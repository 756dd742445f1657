"""Packs in use: compiled once, with the lexicon, and which version counts on a day."""

import hashlib
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from schemas.base import canonical
from schemas.classification import PackRef
from services.classification.condition import Condition, conditions
from services.classification.lexicon import Lexicon, LexiconFile
from services.classification.policy import Entry, Listed, Negative, Pack

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


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """Where a regime's packs stand on a day. It is one object for all days that answer alike."""

    compiled: Compiled
    """The version in effect; before the first, the first."""
    upcoming: date | None
    """The next day another version takes effect."""


def dates_in(value: Any) -> Iterator[date]:
    """Every date that stands anywhere in plain data."""
    if isinstance(value, date):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from dates_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from dates_in(each)


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
        self._standings: dict[tuple[str, date], Standing] = {}
        self._stretches: dict[Hashable, Standing] = {}

    def versions(self, key: str) -> tuple[Compiled, ...]:
        """All versions of a regime's pack, oldest first."""
        return self._by_key[key]

    def on(self, key: str, day: date) -> Compiled:
        """The version in effect on a day; before the first, the first."""
        return self.standing(key, day).compiled

    def next_version(self, key: str, day: date) -> date | None:
        """The next day another version takes effect."""
        return self.standing(key, day).upcoming

    def standing(self, key: str, day: date) -> Standing:
        """Where the packs of a regime stand on a day."""
        found = self._standings.get((key, day))
        if found is None:
            if len(self._standings) >= _STANDINGS_MAX:
                self._standings.clear()
                self._stretches.clear()
            found = self._standings[key, day] = self._stand(key, day)
        return found

    def _stand(self, key: str, day: date) -> Standing:
        starts = (c.pack.effective.start for c in self._by_key[key])
        upcoming = min((s for s in starts if s is not None and s > day), default=None)
        compiled = self._in_effect(key, day)
        until = compiled.pack.verified_until
        # Between two dates that the packs name nothing changes; of a stale list the day is told.
        stale = until is not None and day >= until
        stretch = day if stale else bisect_right(self.edges[key], day)
        return self._stretches.setdefault((key, stretch), Standing(compiled, upcoming))

    @cached_property
    def edges(self) -> dict[str, list[date]]:
        """Every day on which anything may change, by regime: each date that its packs name."""
        return {
            key: sorted({day for c in versions for day in dates_in(c.pack.model_dump())})
            for key, versions in self._by_key.items()
        }

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
