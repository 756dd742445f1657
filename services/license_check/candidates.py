"""Which licenses of an exporter could cover a line, in the order they are to be tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from schemas.checks import Candidate, Rate, Unfit
from schemas.classification import Verdict
from schemas.decisions import HoldReason
from schemas.licenses import ANY
from services.license_check.book import License
from services.license_check.coverage import coverage, nearness
from services.license_check.exchange import fresh_rate
from services.license_check.facts import Draw, Facts, Refusal
from services.license_check.ladder import Ladder
from services.license_check.names import folded_name


@dataclass(frozen=True, slots=True)
class Book:
    """The licenses as last read, by regime and holder, and how far each partition was read."""

    licenses: Mapping[tuple[str, str], tuple[License, ...]]
    offsets: Mapping[str, int]


def book_of(licenses: Sequence[License], offsets: Mapping[str, int]) -> Book:
    """Sort licenses by regime and holder; other exporters' licenses are no near miss."""
    sorted_: dict[tuple[str, str], list[License]] = {}
    for license_ in licenses:
        if license_.terms is not None:
            place = (license_.terms.regime, folded_name(license_.terms.holder))
            sorted_.setdefault(place, []).append(license_)
    return Book({place: tuple(found) for place, found in sorted_.items()}, dict(offsets))


def held_by(book: Book, regime: str, holder: str) -> tuple[License, ...]:
    """List the licenses of a regime that an exporter holds, or that anybody may use."""
    own = book.licenses.get((regime, folded_name(holder)), ())
    return (*own, *book.licenses.get((regime, ANY), ()))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a line asks of the book, beyond its facts: what chooses the type and the order."""

    facts: Facts
    days: tuple[date, ...]
    purpose: str
    verdict: Verdict
    asked: tuple[str, ...]
    now: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """Licenses that cover, first to be tried first; those that do not, nearest miss first."""

    candidates: tuple[Candidate, ...] = ()
    unfit: tuple[Unfit, ...] = ()
    rates: tuple[Rate, ...] = ()
    """Rates that the candidates' values rest on."""


def candidates(wanted: Wanted, licenses: Sequence[License], ladder: Ladder) -> Found:
    """Try every license of the regime, and say of each that does not fit what would make it."""
    fitting: list[tuple[object, Candidate]] = []
    unfit: list[Unfit] = []
    rates: dict[str, Rate] = {}
    for license_ in licenses:
        judged = _judge(license_, wanted, ladder)
        if isinstance(judged, Draw):
            candidate = Candidate(
                license_id=license_.license_id,
                quantity=judged.quantity,
                unit=judged.unit,
                value=judged.value,
                currency=judged.currency,
            )
            place = ladder.place(license_, candidate, wanted.asked)
            if place is not None:
                fitting.append((place, candidate))
                rates.update(_rates(wanted.facts, judged))
                continue
            judged = Refusal(HoldReason.NO_LICENSE, "stands on no rung of the ladder")
        unfit.append(
            Unfit(license_id=license_.license_id, reason=judged.reason, change=judged.change)
        )
    fitting.sort(key=lambda fit: fit[0])  # type: ignore[arg-type, return-value]
    unfit.sort(key=lambda miss: (-nearness(HoldReason(miss.reason)), miss.license_id))
    return Found(tuple(candidate for _, candidate in fitting), tuple(unfit), tuple(rates.values()))


def _judge(license_: License, wanted: Wanted, ladder: Ladder) -> Draw | Refusal:
    state = license_.refusal_at(wanted.now)
    terms, facts = license_.terms, wanted.facts
    if terms is None:
        return Refusal(HoldReason.LICENSE_UNKNOWN, "is unknown")
    wrong_type = ladder.unfit(terms, wanted.purpose, wanted.verdict, facts.destination)
    if wrong_type is not None:
        return wrong_type
    covered = coverage(terms, facts, wanted.days, license_.documents)
    if isinstance(covered, Refusal) or state is None:
        return covered
    return Refusal(state, f"is not usable: {state}")


def _rates(facts: Facts, judged: Draw) -> dict[str, Rate]:
    own, other = facts.currency, judged.currency
    if own is None or other is None or own == other:
        return {}
    rate = fresh_rate(own, other, facts.conversions, facts.asked_at)
    return {} if rate is None else {rate.rate_id: rate}
