"""Determine an order: under each regime, who could cover each line, and what holds it.

A sensor: it reads the license book, so a second run may answer differently. What it says of
licenses is advice; the ledger judges again, on its own state, with the same `coverage`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from schemas.base import LARGEST, built, changed
from schemas.checks import (
    AssessedLine,
    AssessedRegime,
    Bound,
    Candidate,
    HoldCause,
    OrderAssessed,
    OrderClassified,
    Rate,
    RequestedItem,
    RequestedParty,
    Unfit,
)
from schemas.classification import (
    RECORD_CONFLICT,
    ClassifiedLine,
    Reason,
    RegimeVerdict,
    Status,
    Verdict,
)
from schemas.decisions import HoldReason
from schemas.orders import Finding, Order, OrderLine
from schemas.regimes import ZONES, day_in
from services.license_check.candidates import Book, Found, Wanted, book_of, candidates, held_by
from services.license_check.content import formula_in
from services.license_check.coverage import in_words, nearness
from services.license_check.facts import Facts
from services.license_check.known import KnownLines
from services.license_check.ladder import Ladder

__all__ = ["Book", "Rules", "book_of", "determine"]
ENGINE: Final = "determine/2"
CANDIDATES_MAX: Final = 16
"""More licenses than this are never tried for one line."""
UNFIT_MAX: Final = 8
SHIP_AFTER_RELEASE: Final = timedelta(days=30)
_LICENSABLE: Final = (Verdict.LICENSE_REQUIRED, Verdict.DENY_PRESUMED)
_REASON_OF: Final = {
    Verdict.REVIEW: HoldReason.CLASSIFICATION_UNCERTAIN,
    Verdict.OVERLAP_EXCLUDED: HoldReason.OVERLAP_ROUTED,
    Verdict.DENY_PRESUMED: HoldReason.DENY_PRESUMED,
}
_CLEAR: Final = (Verdict.NOT_APPLICABLE, Verdict.NO_LICENSE_REQUIRED)
_FOUR_EYES: Final = (HoldReason.CATCH_ALL, HoldReason.PARTY_HIT)
_HOLDS: Final = frozenset(reason.value for reason in HoldReason)


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that decide what holds."""

    require_screening: bool
    event_basis: bool
    ladder: Ladder


@dataclass(slots=True)
class Reads:
    """What one determination reads, and which rates it used."""

    book: Book
    rules: Rules
    rates: Sequence[Rate]
    now: datetime
    screening: tuple[HoldCause, ...]
    known: KnownLines | None
    used: dict[str, Rate] = field(default_factory=dict)


def determine(
    classified: OrderClassified,
    book: Book,
    log_time: datetime,
    rules: Rules,
    rates: Sequence[Rate] = (),
    known: KnownLines | None = None,
) -> OrderAssessed:
    """Assess every line under every regime. `log_time` is the classified record's own time."""
    order = classified.order
    now = classified.as_of if rules.event_basis else log_time
    lines = {line.line_id: line for line in order.lines}
    screening = _screening_holds(order) if rules.require_screening else ()
    steady = known if not screening and not classified.findings else None
    reads = Reads(book, rules, rates, now, screening, steady)
    assessed = tuple(
        _assess_line(line, lines[line.line_id], classified, reads) for line in classified.lines
    )
    return built(
        OrderAssessed,
        order_source=classified.order_source,
        order_id=classified.order_id,
        revision=classified.revision,
        check=classified.check,
        order=order,
        order_digest=classified.order_digest,
        as_of=classified.as_of,
        days=days_of("CN", classified.as_of, now, order),
        lines=assessed,
        findings=classified.findings,
        valid_until_bounds=_bounds(classified, assessed),
        book=dict(book.offsets),
        rates=tuple(reads.used[name] for name in sorted(reads.used)),
        packs=classified.packs,
        engine=f"{classified.engine}+{ENGINE}",
    )


def days_of(regime: str, as_of: datetime, now: datetime, order: Order) -> tuple[date, ...]:
    """List the days of a regime an order is determined for; the graver counts."""
    days = [day_in(regime, as_of), day_in(regime, now)]
    if order.requested_ship_date is not None:
        days.append(order.requested_ship_date)
    return tuple(dict.fromkeys(days))


def _assess_line(
    classified: ClassifiedLine, line: OrderLine, whole: OrderClassified, reads: Reads
) -> AssessedLine:
    known = reads.known.of(classified) if reads.known is not None else {}
    if len(known) == len(classified.regimes):
        return built(AssessedLine, line_id=classified.line_id, regimes=known)
    regimes = {}
    for regime, verdict in classified.regimes.items():
        found = known.get(regime) or _assess(regime, verdict, classified, line, whole, reads)
        if not _licensed_by(regime, verdict):
            known[regime] = found  # it rests on nothing but the objects themselves
        regimes[regime] = found
    return built(AssessedLine, line_id=classified.line_id, regimes=regimes)


def _assess(
    regime: str,
    verdict: RegimeVerdict,
    classified: ClassifiedLine,
    line: OrderLine,
    whole: OrderClassified,
    reads: Reads,
) -> AssessedRegime:
    finding = _finding(whole.findings, classified.line_id, regime)
    holds = list(reads.screening) if verdict.decision is not Verdict.NOT_APPLICABLE else []
    item = None
    able: tuple[Candidate, ...] = ()
    unfit: tuple[Unfit, ...] = ()
    for licensed_by in _licensed_by(regime, verdict):
        own = classified.regimes.get(licensed_by, verdict)
        item = _item(own, verdict, line)
        wanted = _wanted(licensed_by, item, whole, line, reads, verdict.decision)
        found = _found(wanted, licensed_by, reads)
        able += _of_regime(found.candidates, licensed_by, item, own=licensed_by == regime)
        unfit += found.unfit
    routed = verdict.decision is Verdict.OVERLAP_EXCLUDED and bool(able)
    if not routed:
        holds += _verdict_holds(regime, verdict, classified.reasons, stated=finding is not None)
    holds += _disputed(regime, verdict, classified.reasons, finding)
    if verdict.decision is Verdict.LICENSE_REQUIRED and not able:
        holds.append(_no_candidate(regime, item, unfit))
    return built(
        AssessedRegime,
        verdict=verdict,
        candidates=able[:CANDIDATES_MAX],
        unfit=unfit[:UNFIT_MAX],
        holds=tuple(dict.fromkeys(holds)),
        item=item,
        finding=finding,
    )


def _found(wanted: Wanted, regime: str, reads: Reads) -> Found:
    held = held_by(reads.book, regime, wanted.facts.exporter)
    found = candidates(wanted, held, reads.rules.ladder)
    reads.used.update({rate.rate_id: rate for rate in found.rates})
    return found


def _of_regime(
    able: tuple[Candidate, ...], regime: str, item: RequestedItem, *, own: bool
) -> tuple[Candidate, ...]:
    """Say of another regime's licenses that they are, and what they must name to be drawn."""
    return able if own else tuple(changed(each, regime=regime, item=item) for each in able)


def _finding(findings: Sequence[Finding], line_id: str, regime: str) -> Finding | None:
    for finding in reversed(findings):
        of_line = finding.line_id in (None, line_id) and finding.regime in (None, regime)
        if finding.action == "classify" and of_line:
            return finding
    return None


def _licensed_by(regime: str, verdict: RegimeVerdict) -> tuple[str, ...]:
    """Name the regimes whose licenses could settle this one."""
    if verdict.decision in _LICENSABLE:
        return (regime,)
    return verdict.routed_to if verdict.decision is Verdict.OVERLAP_EXCLUDED else ()


def _verdict_holds(
    regime: str, verdict: RegimeVerdict, reasons: Sequence[Reason], *, stated: bool
) -> list[HoldCause]:
    """Say in words why a verdict alone does not let the line go.

    What an officer `stated` about the line stands for the list that went stale.
    """
    holds = []
    if verdict.status is Status.STALE and not stated:
        text = f"{regime}: {verdict.pack} is past the day it was last verified for"
        holds.append(HoldCause(code=HoldReason.LIST_STALE, text=text))
    fallback = _REASON_OF.get(verdict.decision)
    named = [
        HoldCause(code=reason.code, text=reason.text)
        for reason in reasons
        if reason.regime == regime and reason.code in _HOLDS and reason.code != "LIST_STALE"
    ]
    graver = [cause for cause in named if cause.code == HoldReason.EMBARGO]
    if fallback is None:
        # What an officer says the item is settles no doubt about who gets it, or what for.
        cleared = stated and verdict.decision is not Verdict.LICENSE_REQUIRED
        doubts = [cause for cause in named if cause.code in _FOUR_EYES] if cleared else []
        return list(dict.fromkeys([*holds, *doubts, *graver]))
    if verdict.decision is Verdict.REVIEW:
        holds += named or (
            [] if holds else [HoldCause(code=fallback, text=f"{regime}: to be reviewed")]
        )
    else:
        words = [cause.text for cause in named if cause.code == fallback]
        text = words[0] if words else f"{regime}: {verdict.decision}"
        holds += [HoldCause(code=fallback, text=text), *graver]
    return list(dict.fromkeys(holds))


def _disputed(
    regime: str, verdict: RegimeVerdict, reasons: Sequence[Reason], finding: Finding | None
) -> list[HoldCause]:
    """Hold goods that the line calls one thing and its product record another.

    A license for the one would not cover the other; an officer says which it is. That it is on no
    list does not end the dispute where a license is needed all the same.
    """
    names_code = finding is not None and finding.code not in (None, "none")
    if names_code or (finding is not None and verdict.decision in _CLEAR):
        return []
    return [
        HoldCause(code=reason.code, text=reason.text)
        for reason in reasons
        if (reason.regime, reason.rule) == (regime, RECORD_CONFLICT)
    ]


def _no_candidate(regime: str, item: RequestedItem | None, unfit: tuple[Unfit, ...]) -> HoldCause:
    """Name the nearest miss among the licenses held, or that there is none."""
    nearest = max(unfit, key=lambda miss: nearness(HoldReason(miss.reason)), default=None)
    if nearest is None or HoldReason(nearest.reason) in (
        HoldReason.NO_LICENSE,
        HoldReason.ITEM_MISMATCH,
    ):
        what = "the item" if item is None else in_words(item)
        return HoldCause(code=HoldReason.NO_LICENSE, text=f"{regime}: no license held names {what}")
    text = f"{regime}: {nearest.license_id} {nearest.change}"
    return HoldCause(code=nearest.reason, text=text)


def _item(own: RegimeVerdict, verdict: RegimeVerdict, line: OrderLine) -> RequestedItem:
    codes = (own.control_code, own.annex_i, own.eccn if own.eccn != "EAR99" else None)
    composed = tuple(component.element for component in line.composition or ())
    return RequestedItem(
        codes=tuple(code for code in codes if code is not None),
        category=verdict.category,
        materials=composed,
        sku=line.sku,
        composition=line.composition,
        formula=None if line.composition else formula_in(line.description),
    )


def parties_of(order: Order) -> tuple[RequestedParty, ...] | None:
    """Name the parties a license must name; none stated means unknown."""
    if not order.parties:
        return None
    return tuple(
        RequestedParty(role=party.role, name=party.name, country=party.country)
        for party in order.parties
    )


def _wanted(
    regime: str,
    item: RequestedItem,
    whole: OrderClassified,
    line: OrderLine,
    reads: Reads,
    decision: Verdict,
) -> Wanted:
    order = whole.order
    facts = Facts(
        line_id=line.line_id,
        regime=regime,
        exporter=order.exporter.id,
        item=item,
        parties=parties_of(order),
        destination=order.destination,
        quantity=line.quantity,
        unit=line.unit,
        asked_at=reads.now,
        port=order.port,
        shipping=order.shipping,
        net_weight=line.net_weight,
        gross_weight=line.gross_weight,
        value=line.value,
        order_value=order_value(order, line.currency),
        currency=line.currency,
        conversions=tuple(rate for rate in reads.rates if line.currency in (rate.from_, rate.to)),
        documents=order.documents,
        names_end_user=decision is Verdict.DENY_PRESUMED,
    )
    days = days_of(regime, whole.as_of, reads.now, order)
    asked = line.license_ids or ()
    return Wanted(facts, days, order.purpose, decision, asked, reads.now)


def order_value(order: Order, currency: str | None) -> Decimal | None:
    """Add up what the lines of an order are worth; None unless each states it in one currency."""
    values = [line.value for line in order.lines if line.currency == currency]
    stated = [value for value in values if value is not None]
    total = sum(stated, Decimal(0))
    return total if len(stated) == len(order.lines) and total <= LARGEST else None


def _screening_holds(order: Order) -> tuple[HoldCause, ...]:
    """Hold for every party whose screening is not clear; a hit is graver than silence."""
    holds = []
    if not order.parties:
        text = "no party of the order is stated, so none is screened"
        holds.append(HoldCause(code=HoldReason.PARTY_UNSCREENED, text=text))
    for party in order.parties:
        result = party.screened.result if party.screened else "unknown"
        if result == "hit":
            text = f"{party.role} {party.name}: restricted-party hit"
            holds.append(HoldCause(code=HoldReason.PARTY_HIT, text=text))
        elif result != "clear":
            text = f"{party.role} {party.name}: not screened clear"
            holds.append(HoldCause(code=HoldReason.PARTY_UNSCREENED, text=text))
    return tuple(holds)


def _bounds(classified: OrderClassified, lines: tuple[AssessedLine, ...]) -> tuple[Bound, ...]:
    """List what ends a release: a status change ahead, a list going stale, the ship date + 30 d."""
    bounds = [
        _of_change(regime, str(day))
        for regime, day in {
            (regime, assessed.verdict.next_change)
            for line in lines
            for regime, assessed in line.regimes.items()
            if assessed.verdict.next_change is not None
            and assessed.verdict.decision is not Verdict.NOT_APPLICABLE
        }
    ]
    if classified.verified_until is not None:
        bounds.append(_of_lists(classified.verified_until))
    shipped = classified.order.requested_ship_date
    if shipped is not None:
        last = date.max - SHIP_AFTER_RELEASE
        until = datetime.combine(min(shipped, last), time(), UTC) + SHIP_AFTER_RELEASE
        bounds.append(Bound(until=until, why="30 days after the requested ship date"))
    return tuple(sorted(bounds, key=lambda bound: (bound.until, bound.why)))


@lru_cache(maxsize=1024)
def _of_change(regime: str, day: str) -> Bound:
    until = _start_of(regime, date.fromisoformat(day))
    return Bound(until=until, why=f"{regime}: status changes on {day}")


@lru_cache(maxsize=64)
def _of_lists(day: date) -> Bound:
    return Bound(until=_start_of("CN", day), why=f"lists verified until {day}")


def _start_of(regime: str, day: date) -> datetime:
    return datetime.combine(day, time(), ZONES.get(regime, UTC)).astimezone(UTC)
