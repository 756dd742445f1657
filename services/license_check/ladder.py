"""The order in which licenses are tried for a line, as data: type first, then the record."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.checks import Candidate
from schemas.classification import Verdict
from schemas.decisions import HoldReason
from schemas.licenses import ANY, LicenseTerms
from services.license_check.book import License
from services.license_check.facts import Refusal

LicenseKind = Literal["individual", "general", "registration", "exception"]
Preference = Literal["expires_first", "least_flexible", "least_stranded"]
KINDS: Final = ("individual", "general", "registration", "exception")
ANYWHERE: Final = 1_000
"""What `*` counts as, where the names on a license are counted: more than any list of names."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _words(value: object) -> object:
    return tuple(value.split()) if isinstance(value, str) else value


def _yes(value: object) -> object:
    return {"yes": True, "no": False}.get(value, value) if isinstance(value, str) else value


Yes = Annotated[bool, BeforeValidator(_yes)]


class TypeRule(_Strict):
    """What a type of license may serve; what is left out is no restriction."""

    type: LicenseKind
    purposes: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    verdicts: Annotated[tuple[Verdict, ...], BeforeValidator(_words)] = ()
    not_to: Annotated[tuple[str, ...], BeforeValidator(_words)] = ()
    """Country groups the type never serves."""
    citation: str = Field(min_length=1)
    tag: Literal["C", "I", "G", "J"]


class Rung(_Strict):
    """One step of the ladder; a license stands on it if all that it states is so."""

    rung: str = Field(min_length=1)
    types: Annotated[tuple[LicenseKind, ...], BeforeValidator(_words)] = KINDS
    named_by_order: Yes = False
    names_end_user: Yes = False

    def carries(self, terms: LicenseTerms, *, asked: bool) -> bool:
        """Tell whether a license stands here; `asked`: the order names it."""
        named = bool(terms.end_users) and ANY not in terms.end_users
        return (
            terms.type in self.types
            and (asked or not self.named_by_order)
            and (named or not self.names_end_user)
        )


class CountryGroup(_Strict):
    """Countries under one name, with its source."""

    group: str = Field(min_length=1)
    title: str
    citation: str = Field(min_length=1)
    tag: Literal["C", "I", "G", "J"]
    countries: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...], BeforeValidator(_words)
    ]


class GroupFile(_Strict):
    """Every country group a license may name."""

    format: Literal["1"]
    groups: tuple[CountryGroup, ...]

    @model_validator(mode="after")
    def _once(self) -> "GroupFile":
        names = [each.group for each in self.groups]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"group {twice[0]} is given twice")
        return self

    def members(self) -> dict[str, tuple[str, ...]]:
        """Give the countries by group."""
        return {each.group: each.countries for each in self.groups}


class LadderFile(_Strict):
    """The whole strategy, strictly read."""

    format: Literal["1"]
    version: str
    types: tuple[TypeRule, ...]
    ladder: tuple[Rung, ...] = Field(min_length=1)
    prefer: Annotated[tuple[Preference, ...], BeforeValidator(_words)]

    @model_validator(mode="after")
    def _each_type_once(self) -> "LadderFile":
        found = [rule.type for rule in self.types]
        if sorted(found) != sorted(KINDS):
            raise ValueError(f"types must name each of {', '.join(KINDS)} once")
        return self


class Ladder:
    """A strategy, ready to be asked. `groups`: the countries of the groups it names."""

    def __init__(self, file: LadderFile, groups: Mapping[str, tuple[str, ...]]) -> None:
        self._rungs, self._prefer = file.ladder, file.prefer
        self._rules = {rule.type: rule for rule in file.types}
        self.version = file.version
        missing = [name for rule in file.types for name in rule.not_to if name not in groups]
        if missing:
            raise ValueError(f"country group {missing[0]} is not known")
        self._never = {
            rule.type: frozenset(code for name in rule.not_to for code in groups[name])
            for rule in file.types
        }

    def unfit(
        self, terms: LicenseTerms, purpose: str, verdict: Verdict, destination: str
    ) -> Refusal | None:
        """Tell why a license of its type does not serve a line at all."""
        rule = self._rules[terms.type]
        if rule.purposes and purpose not in rule.purposes:
            text = f"is a {terms.type}, for {' or '.join(rule.purposes)}, not for a {purpose}"
        elif rule.verdicts and verdict not in rule.verdicts:
            text = f"is an {terms.type}, which does not overcome {verdict}"
        elif destination in self._never[terms.type]:
            text = f"is an {terms.type}, never used for {destination} ({' '.join(rule.not_to)})"
        else:
            return None
        return Refusal(HoldReason.NO_LICENSE, text)

    def place(self, license_: License, candidate: Candidate, asked: tuple[str, ...]) -> Any:
        """Rank a license that covers: lower is tried first. None: it stands on no rung."""
        terms = license_.terms
        assert terms is not None, "what covers has terms"
        named = terms.license_id in asked
        for height, rung in enumerate(self._rungs):
            if rung.carries(terms, asked=named):
                wish = asked.index(terms.license_id) if named else len(asked)
                own = [_PREFERENCES[name](license_, candidate) for name in self._prefer]
                return (height, wish, *own, terms.license_id)
        return None


def _expires(license_: License, candidate: Candidate) -> Any:
    del candidate
    return license_.terms.valid_to if license_.terms else None


def _flexibility(license_: License, candidate: Candidate) -> int:
    """Count whom and where a license names: the fewer, the fewer other orders it could serve."""
    del candidate
    terms = license_.terms
    if terms is None:
        return 0
    countries = [len((terms.groups or {}).get(name, (name,))) for name in terms.destinations]
    wide = ANYWHERE * ((ANY in terms.destinations) + (ANY in terms.end_users))
    return wide + sum(countries) + len(terms.end_users)


def _stranded(license_: License, candidate: Candidate) -> tuple[bool, Decimal]:
    """Tell what would be left over, too little perhaps for the next; what is short comes last."""
    left = license_.remaining_quantity
    rest = None if left is None else left - candidate.quantity
    return (rest is None or rest < 0, rest if rest is not None and rest >= 0 else Decimal(0))


_PREFERENCES: Final = {
    "expires_first": _expires,
    "least_flexible": _flexibility,
    "least_stranded": _stranded,
}
