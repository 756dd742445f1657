"""One regime's verdict on one line and day: jurisdiction, findings, clear, stale, parties."""

from dataclasses import dataclass
from datetime import date

from schemas.classification import LicenseType, Reason, RegimeVerdict, Status, Verdict
from services.classification import chart, parties
from services.classification.facts import Facts, is_code
from services.classification.findings import (
    Finding,
    cited,
    explain,
    meet,
    met,
    negatives,
    order,
    stand,
)
from services.classification.item import Item
from services.classification.jurisdiction import Reach, known, reach
from services.classification.policy import Cited, Compiled, Listed, Pack, PackSet

V = Verdict


@dataclass(slots=True)
class Draft:
    """A verdict in the making."""

    decision: Verdict
    status: Status = Status.NOT_LISTED
    license_type: LicenseType = LicenseType.NONE
    code: str | None = None
    category: int | None = None
    listed: bool = False
    decided: bool = False
    """Whether the code of the goods is known (a code, or surely none)."""
    next_change: date | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A regime's verdict with its reasons."""

    verdict: RegimeVerdict
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]
    intrinsic: Verdict
    """What the goods are under the regime, jurisdiction left aside."""


def evaluate(
    key: str, compiled: Compiled, item: Item, facts: Facts, day: date, packs: PackSet
) -> Outcome:
    """Judge one line under one pack."""
    pack = compiled.pack
    reasons: list[Reason] = []
    missing: list[str] = []
    draft = _goods(key, compiled, item, facts, day, reasons, missing)
    upcoming = packs.next_version(key, day)
    changes = [d for d in (draft.next_change, upcoming) if d is not None]
    draft.next_change = min(changes, default=None)
    _stale(key, pack, draft, day, reasons)
    intrinsic = draft.decision
    foreign_words = facts.holds("foreign_owned") or facts.holds("for:foreign_owned")
    reached = reach(pack, key, item, foreign_words=foreign_words)
    applies, subject = _apply(key, compiled, item, facts, day, draft, reached, reasons, missing)
    verdict = _finish(compiled, draft, applies=applies, subject=subject)
    return Outcome(verdict, tuple(reasons), tuple(missing), intrinsic)


def evaluate_code(
    key: str, compiled: Compiled, item: Item, facts: Facts, day: date, packs: PackSet
) -> RegimeVerdict:
    """Judge a confirmed code: a code the pack does not hold stays open."""
    outcome = evaluate(key, compiled, item, facts, day, packs)
    if (
        facts.codes
        and outcome.verdict.decision is V.NO_LICENSE_REQUIRED
        and not outcome.verdict.listed
    ):
        return outcome.verdict.model_copy(
            update={
                "decision": V.REVIEW,
                "status": Status.UNKNOWN,
                "license_type": LicenseType.UNKNOWN,
            }
        )
    return outcome.verdict


def _goods(
    key: str,
    compiled: Compiled,
    item: Item,
    facts: Facts,
    day: date,
    reasons: list[Reason],
    missing: list[str],
) -> Draft:
    """Say what the goods are: entries met, codes claimed, else whether a clear has evidence."""
    pack = compiled.pack
    found = meet(compiled, facts, day)
    claims, listed, elsewhere = _claims(key, compiled, facts, day, reasons)
    found = order(found + claims)
    draft = Draft(V.NO_LICENSE_REQUIRED, decided=True)
    edges = [f.entry.next_change(day) for f in found]
    draft.next_change = min((e for e in edges if e is not None), default=None)
    against = negatives(pack, facts)
    for negative, matched in against[:2]:
        reasons.append(
            cited(
                key, pack, negative, negative.rule, "NEGATIVE", negative.title, "against", matched
            )
        )
    if found:
        _from_findings(key, compiled, item, found, draft, reasons, missing)
    for code, entry in listed:
        _from_listed(key, pack, item, code, entry, draft, reasons)
    if found or listed:
        return draft
    if elsewhere:
        _uncertain(key, pack, draft, elsewhere, reasons, missing)
        return draft
    if against:
        return draft
    _clear(key, pack, facts, draft, reasons, missing)
    return draft


def _from_findings(
    key: str,
    compiled: Compiled,
    item: Item,
    found: list[Finding],
    draft: Draft,
    reasons: list[Reason],
    missing: list[str],
) -> None:
    pack = compiled.pack
    top = found[0]
    chosen = next((f for f in found if f.entry.code and f.verdict is top.verdict), None)
    chosen = chosen or next((f for f in found if f.entry.code), None)
    draft.decision, draft.license_type = top.verdict, top.license_type
    draft.category = next((f.entry.category for f in found if f.entry.category), None)
    draft.listed = any(f.entry.listed for f in found)
    if top.verdict is V.REVIEW and chosen and chosen.verdict.gravity < V.REVIEW.gravity:
        draft.status, draft.decided = Status.UNKNOWN, False
    elif chosen:
        draft.code, draft.status = chosen.entry.code, chosen.status
        if chosen.license_type is not LicenseType.NONE and top.verdict is V.NO_LICENSE_REQUIRED:
            draft.license_type = chosen.license_type
    elif top.verdict is V.REVIEW and not top.entry.listed:
        draft.status, draft.decided = Status.UNKNOWN, False
    elif not top.entry.listed:
        draft.status = Status.NOT_LISTED
    else:
        draft.status = top.status
    if pack.licensing == "country_chart" and chosen and chosen.entry.code:
        _by_chart(key, compiled, item, chosen, draft, reasons)
    for finding in found[:4]:
        reasons.append(explain(key, pack, finding))
        if finding.verdict is V.REVIEW:
            missing.append(finding.entry.missing or f"status of {finding.entry.code} on this day")


def _by_chart(
    key: str, compiled: Compiled, item: Item, chosen: Finding, draft: Draft, reasons: list[Reason]
) -> None:
    pack = compiled.pack
    base = (chosen.entry.code or "")[:5]
    listed = compiled.listed.get(base)
    decision, text = chart.decide(pack, listed, item.destination or "")
    draft.decision = decision
    draft.license_type = (
        LicenseType.DUAL_USE if decision is V.LICENSE_REQUIRED else LicenseType.NONE
    )
    effect, code = _effect(decision)
    reasons.append(
        cited(key, pack, chosen.entry, base, code, f"{chosen.entry.code}: {text}", effect)
    )


def _effect(decision: Verdict) -> tuple[str, str]:
    if decision is V.REVIEW:
        return "missing", "MISSING_FACT"
    return ("for" if decision is V.LICENSE_REQUIRED else "against"), "COUNTRY_CHART"


def _from_listed(
    key: str, pack: Pack, item: Item, code: str, listed: Listed, draft: Draft, reasons: list[Reason]
) -> None:
    """A declared code of the list itself counts as the code it claims."""
    decision, text = chart.decide(pack, listed, item.destination or "")
    source = Cited(citation=f"{pack.listed_citation}: {listed.code}", tag=pack.listed_tag)
    effect, why = _effect(decision)
    if why == "COUNTRY_CHART":
        why = "DECLARED_CODE"
    reasons.append(cited(key, pack, source, listed.code, why, f"declared {code}: {text}", effect))
    draft.listed = True
    if draft.code is None or decision.gravity > draft.decision.gravity:
        draft.code, draft.status, draft.decided = code, Status.IN_FORCE, True
    if decision.gravity > draft.decision.gravity:
        draft.decision = decision
        draft.license_type = (
            LicenseType.DUAL_USE if decision is V.LICENSE_REQUIRED else LicenseType.UNKNOWN
        )


def _claims(
    key: str, compiled: Compiled, facts: Facts, day: date, reasons: list[Reason]
) -> tuple[list[Finding], list[tuple[str, Listed]], list[str]]:
    """Sort the declared codes: this pack's entries, this pack's list, another regime's list."""
    pack = compiled.pack
    mine: list[Finding] = []
    listed: list[tuple[str, Listed]] = []
    elsewhere: list[str] = []
    for regime, code, match in facts.codes:
        own = not regime or regime.upper() == pack.regime
        source = Cited(citation="design: a declared code is a claim", tag="J")
        if not is_code(code):
            if own and regime:
                text = (
                    f"declared code {match.text!r} is a placeholder or malformed and does not count"
                )
                reasons.append(
                    cited(
                        key,
                        pack,
                        source,
                        "declared",
                        "DECLARED_NOT_COUNTED",
                        text,
                        "note",
                        (match,),
                    )
                )
            continue
        entry = _entry(compiled, code)
        if own and entry is not None:
            mine.append(stand(entry, day, (match,)))
        elif own and code[:5] in compiled.listed:
            listed.append((code, compiled.listed[code[:5]]))
        else:
            elsewhere.append(code)
    return mine, listed, elsewhere


def _entry(compiled: Compiled, code: str) -> object:
    upper = code.upper()
    while upper:
        if upper in compiled.by_code:
            return compiled.by_code[upper]
        upper = upper.rpartition(".")[0]
    return None


def _uncertain(
    key: str, pack: Pack, draft: Draft, codes: list[str], reasons: list[Reason], missing: list[str]
) -> None:
    source = Cited(citation="design: a code listed anywhere is a signal of risk", tag="J")
    text = f"code {', '.join(sorted(set(codes)))} is declared, but the words place the goods nowhere in this list"
    reasons.append(
        cited(key, pack, source, "declared", "CLASSIFICATION_UNCERTAIN", text, "missing")
    )
    missing.append("what the goods of the declared code are under this list")
    draft.decision, draft.status, draft.license_type = V.REVIEW, Status.UNKNOWN, LicenseType.UNKNOWN
    draft.decided = False


def _clear(
    key: str, pack: Pack, facts: Facts, draft: Draft, reasons: list[Reason], missing: list[str]
) -> None:
    """A clear needs its own evidence: a specific good is named and nothing speaks for risk."""
    text = ""
    if facts.empty:
        text = "the description is empty"
    elif facts.foreign:
        text = "the description is in a script that is not read"
    elif not facts.content:
        text = "the description does not say what the goods are"
    elif facts.watched:
        text = (
            f"the customs code lies under {facts.watched}, and the words do not settle what it is"
        )
    if text:
        reasons.append(
            cited(key, pack, pack.clear, "clear", "CLASSIFICATION_UNCERTAIN", text, "missing")
        )
        missing.append("a description that says what the goods are")
        draft.decision, draft.status, draft.decided = V.REVIEW, Status.UNKNOWN, False
        draft.license_type = LicenseType.UNKNOWN
        return
    said = "the description names specific goods, and nothing in it is on the list"
    reasons.append(cited(key, pack, pack.clear, "clear", "NOT_NAMED", said, "against"))


def _stale(key: str, pack: Pack, draft: Draft, day: date, reasons: list[Reason]) -> None:
    if pack.verified_until is None or day < pack.verified_until:
        return
    source = Cited(citation=f"{pack.name}: verified until {pack.verified_until}", tag="J")
    text = f"the list was verified until {pack.verified_until}; its state on {day} is not known"
    reasons.append(cited(key, pack, source, "verified_until", "LIST_STALE", text, "missing"))
    draft.status = Status.STALE
    if draft.decision.gravity < V.REVIEW.gravity:
        draft.decision = V.REVIEW


def _apply(
    key: str,
    compiled: Compiled,
    item: Item,
    facts: Facts,
    day: date,
    draft: Draft,
    reached: Reach,
    reasons: list[Reason],
    missing: list[str],
) -> tuple[bool, bool | None]:
    """Let jurisdiction, parties, end use and destination act on what the goods are."""
    pack = compiled.pack
    if reached.answer == "origin":
        return _beyond(key, compiled, facts, day, draft, reasons, missing)
    if reached.answer in ("no", "broker", "open") and not _still(draft, reached):
        return _not_reached(draft, reached, reasons)
    reasons += reached.reasons
    missing += reached.missing
    if reached.answer in ("review", "broker", "open"):
        draft.decision = V.REVIEW
    if reached.answer == "open":
        return False, None
    for verdict, reason in (
        *parties.findings(key, pack, item, facts, day, draft.decision),
        *_places(key, pack, item, draft),
    ):
        reasons.append(reason)
        if verdict.gravity > draft.decision.gravity:
            draft.decision = verdict
    return True, True


def _not_reached(draft: Draft, reached: Reach, reasons: list[Reason]) -> tuple[bool, bool | None]:
    """The regime does not reach the order, or would ask for nothing if it did."""
    reasons += [reason.model_copy(update={"effect": "note"}) for reason in reached.reasons]
    if reached.answer == "open":
        return False, None
    draft.decision, draft.status = V.NOT_APPLICABLE, Status.NOT_LISTED
    draft.license_type = LicenseType.NONE
    return False, False


def _beyond(
    key: str,
    compiled: Compiled,
    facts: Facts,
    day: date,
    draft: Draft,
    reasons: list[Reason],
    missing: list[str],
) -> tuple[bool, bool | None]:
    """Goods of the territory's origin between third countries: the pack's own rule for them."""
    pack = compiled.pack
    entry = compiled.beyond[pack.jurisdiction.origin_rule]
    matched = met(entry, facts)
    stale = draft.status is Status.STALE
    if matched is None or entry.status(day) is Status.NOT_LISTED:
        draft.decision, draft.status = V.NOT_APPLICABLE, Status.NOT_LISTED
        draft.license_type, draft.next_change = LicenseType.NONE, None
        return False, False
    finding = stand(entry, day, matched)
    reasons.append(explain(key, pack, finding))
    draft.decision, draft.status = finding.verdict, finding.status
    draft.license_type, draft.next_change = finding.license_type, entry.next_change(day)
    if stale:
        draft.decision, draft.status = V.REVIEW, Status.STALE
    if draft.decision is V.REVIEW:
        missing.append(entry.missing)
    return draft.decision is V.REVIEW, True


def _still(draft: Draft, reached: Reach) -> bool:
    """Whether goods that the regime may reach are of a kind it cares about."""
    if reached.answer == "open":
        return draft.decision.gravity >= V.REVIEW.gravity and draft.listed
    return reached.answer == "broker" and draft.listed


def _places(key: str, pack: Pack, item: Item, draft: Draft) -> list[tuple[Verdict, Reason]]:
    out: list[tuple[Verdict, Reason]] = []
    for place in pack.destinations:
        if item.destination not in place.countries or not known(item.destination):
            continue
        verdict = place.listed if draft.listed else place.other
        if verdict is not None:
            code = place.reason
            if verdict is V.REVIEW:
                code = "CATCH_ALL"
            out.append((verdict, cited(key, pack, place, place.rule, code, place.title, "for")))
    return out


def _finish(
    compiled: Compiled, draft: Draft, *, applies: bool, subject: bool | None
) -> RegimeVerdict:
    pack = compiled.pack
    update: dict[str, object] = {}
    if pack.code_field == "eccn":
        code = draft.code or (pack.unlisted_code if draft.decided else None)
        listed = compiled.listed.get((draft.code or "")[:5])
        update = {
            "eccn": code,
            "subject_to_ear": subject,
            "controls": listed.controls if listed else (),
        }
    elif pack.code_field == "annex_i":
        update = {"annex_i": draft.code}
    else:
        update = {
            "control_code": draft.code if applies else None,
            "category": draft.category if applies else None,
        }
    if (
        draft.decision is V.REVIEW
        and draft.license_type is LicenseType.NONE
        and draft.status is Status.UNKNOWN
    ):
        draft.license_type = LicenseType.UNKNOWN
    return RegimeVerdict(
        decision=draft.decision,
        applies=applies,
        status=draft.status,
        listed=draft.listed,
        license_type=draft.license_type,
        pack=pack.name,
        digest=compiled.digest,
        next_change=draft.next_change.isoformat() if draft.next_change else None,
        **update,
    )


def excluded(key: str, outcome: Outcome, others: dict[str, Outcome], packs: PackSet) -> Outcome:
    """Apply a pack's overlap exclusion: goods another regime lists are routed there."""
    pack = next(c.pack for c in packs.versions(key) if c.pack.name == outcome.verdict.pack)
    rule = pack.exclusion
    if rule is None or rule.reading == "off":
        return outcome
    if outcome.verdict.decision is not V.LICENSE_REQUIRED or not outcome.verdict.applies:
        return outcome
    routed: list[str] = []
    codes: list[str] = []
    for regime in rule.regimes:
        other = others.get(regime)
        if other is None or not other.verdict.listed:
            continue
        if rule.reading == "jurisdictional" and not other.verdict.applies:
            continue
        code = other.verdict.eccn or other.verdict.annex_i
        if code and code != "EAR99":
            routed.append(regime)
            codes.append(f"{regime} {code}")
    if not routed:
        return outcome
    text = f"{rule.title}: {', '.join(codes)}"
    reason = cited(key, pack, rule, rule.rule, "OVERLAP_ROUTED", text, "for")
    verdict = outcome.verdict.model_copy(
        update={"decision": V.OVERLAP_EXCLUDED, "routed_to": tuple(routed)}
    )
    return Outcome(verdict, (*outcome.reasons, reason), outcome.missing, outcome.intrinsic)
