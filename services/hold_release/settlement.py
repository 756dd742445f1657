"""When a line is settled under a regime, and what is still in its way. Pure questions only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from schemas.checks import AssessedLine, AssessedRegime, HoldCause
from schemas.classification import Verdict
from schemas.decisions import DecisionReason, HoldReason
from schemas.regimes import end_of
from services.hold_release.state import OrderState, Reservation

_CLEAR = (Verdict.NOT_APPLICABLE, Verdict.NO_LICENSE_REQUIRED)
_LICENSE_ONLY = (Verdict.LICENSE_REQUIRED, Verdict.DENY_PRESUMED)
_DRAWABLE = (*_LICENSE_ONLY, Verdict.OVERLAP_EXCLUDED)


@dataclass(frozen=True, slots=True)
class Need:
    """A line × regime that only a reservation settles."""

    line_id: str
    regime: str
    assessed: AssessedRegime


def reason_of(code: str) -> HoldReason:
    """Read a reason another stage gave; one from a later release holds like any doubt."""
    known = HoldReason.__members__.get(code)
    return HoldReason.CLASSIFICATION_UNCERTAIN if known is None else known


def acknowledged(
    state: OrderState, hold: HoldCause, line_id: str | None, regime: str | None
) -> bool:
    """Tell whether officers settled this very reason; another party's hit is another reason."""
    return bool(state.findings) and any(
        finding.action == "release"
        and (finding.fact, finding.value) == (hold.code, hold.text)
        and finding.line_id in (None, line_id)
        and finding.regime in (None, regime)
        for finding in state.findings
    )


def _fault_acknowledged(state: OrderState, fault: DecisionReason) -> bool:
    """Tell whether officers settled this very fault; the next of its kind is another."""
    return any(
        finding.action == "release" and (finding.fact, finding.value) == (fault.code, fault.text)
        for finding in state.findings
    )


def open_reasons(state: OrderState) -> list[DecisionReason]:
    """List what stands in the way of asking for licenses."""
    reasons = [fault for fault in state.faults if not _fault_acknowledged(state, fault)]
    known = state.assessed
    if known is None:
        return reasons
    for line in known.lines:
        for regime, assessed in line.regimes.items():
            if assessed.holds or assessed.verdict.decision not in _CLEAR:
                reasons += _line_reasons(state, line.line_id, regime, assessed)
    return reasons


def _line_reasons(
    state: OrderState, line_id: str, regime: str, assessed: AssessedRegime
) -> list[DecisionReason]:
    reasons = [
        DecisionReason(line_id=line_id, regime=regime, code=reason_of(hold.code), text=hold.text)
        for hold in assessed.holds
        if not acknowledged(state, hold, line_id, regime)
    ]
    if reasons:
        return reasons
    decision = assessed.verdict.decision
    licensed = decision in _DRAWABLE and bool(assessed.candidates)
    if decision in _CLEAR or licensed or _by_finding(state, line_id, regime, assessed):
        return []
    # Nothing named a reason, nothing settles it: a gap in determination must not release.
    code = HoldReason.CLASSIFICATION_UNCERTAIN
    if decision is Verdict.DENY_PRESUMED:
        code = HoldReason.DENY_PRESUMED
    text = f"{regime}: {decision} is not settled"
    return [DecisionReason(line_id=line_id, regime=regime, code=code, text=text)]


def _by_finding(state: OrderState, line_id: str, regime: str, assessed: AssessedRegime) -> bool:
    """Tell whether officers settled a verdict that needs no license to be settled."""
    if assessed.verdict.decision in _LICENSE_ONLY:
        return False
    return bool(assessed.holds) and all(
        acknowledged(state, hold, line_id, regime) for hold in assessed.holds
    )


def needs(state: OrderState) -> Iterator[Need]:
    """List the lines × regimes that need a reservation."""
    known = state.assessed
    if known is None:
        return
    for line in known.lines:
        for regime, assessed in line.regimes.items():
            if not assessed.candidates or assessed.verdict.decision not in _DRAWABLE:
                continue
            overlap = assessed.verdict.decision is Verdict.OVERLAP_EXCLUDED
            if overlap and _by_finding(state, line.line_id, regime, assessed):
                continue
            if drawn_under(line, regime) == regime:
                yield Need(line.line_id, regime, assessed)


def drawn_under(line: AssessedLine, regime: str) -> str:
    """Name the regime whose reservation settles a line under this one.

    An overlap is settled by a reservation of the regime it is routed to; where that one needs a
    license for the line itself, one reservation settles both.
    """
    verdict = line.regimes[regime].verdict
    if verdict.decision is not Verdict.OVERLAP_EXCLUDED:
        return regime
    for other in verdict.routed_to:
        own = line.regimes.get(other)
        if own is not None and own.candidates and own.verdict.decision in _LICENSE_ONLY:
            return other
    return regime


def settled_by(
    state: OrderState, line: AssessedLine, regime: str
) -> Literal["none", "license", "officer"] | None:
    """Say how a line is settled under a regime; None while it is not."""
    line_id, assessed = line.line_id, line.regimes[regime]
    plain = not assessed.holds and not assessed.candidates and assessed.finding is None
    if plain and assessed.verdict.decision in _CLEAR:
        return "none"
    if standing(state, line_id, drawn_under(line, regime)) is not None:
        return "license"
    if _line_reasons(state, line_id, regime, assessed):
        return None
    if _by_finding(state, line_id, regime, assessed) or assessed.finding is not None:
        return None if assessed.verdict.decision in _LICENSE_ONLY else "officer"
    return "none" if assessed.verdict.decision in _CLEAR else None


def standing(state: OrderState, line_id: str, regime: str) -> Reservation | None:
    """Find the granted reservation of a line × regime."""
    for entry in state.reservations:
        if (entry.line_id, entry.regime) == (line_id, regime) and entry.state == "granted":
            return entry
    return None


def valid_until(state: OrderState, clock: datetime, ship_after: timedelta) -> datetime:
    """Compute the end of a release: the earliest of all that it rests on.

    An officer's finding carries its own `valid_until`, which replaces that of what it settles.
    """
    assert state.assessed is not None, "nothing was assessed"
    own = [f.valid_until for f in state.findings if f.valid_until is not None]
    bounds = [
        bound.until
        for bound in state.assessed.valid_until_bounds
        if not (own and _settled_by_officer(state, bound.why))
    ]
    licenses = [_end_of(entry) for entry in state.reservations if entry.state == "granted"]
    return min([*bounds, *own, *licenses], default=clock + ship_after)


def _settled_by_officer(state: OrderState, why: str) -> bool:
    return "verified until" in why and any(f.fact == "LIST_STALE" for f in state.findings)


def _end_of(entry: Reservation) -> datetime:
    """End of the license's last day, in its regime's zone."""
    assert entry.valid_to is not None, "a grant states its validity"
    return end_of(entry.regime, date.fromisoformat(entry.valid_to))
