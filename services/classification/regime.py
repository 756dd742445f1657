"""One regime's verdict on one line and day: jurisdiction, findings, clear, stale, parties."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from schemas.classification import LicenseType, Reason, RegimeVerdict, Status, Verdict
from services.classification import parties
from services.classification.facts import Facts
from services.classification.findings import Finding, cited, explain, met, order, stand
from services.classification.goods import Draft, Record, judge, mark_stale
from services.classification.item import Item
from services.classification.jurisdiction import Reach, known, reach
from services.classification.pack_set import Compiled, PackSet
from services.classification.policy import Pack

V = Verdict
Asked = Sequence[tuple[Verdict, Reason]]
"""What parties, end use and destination ask for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A regime's verdict with its reasons."""

    verdict: RegimeVerdict
    reasons: tuple[Reason, ...]
    missing: tuple[str, ...]


def evaluate(
    key: str, compiled: Compiled, item: Item, facts: Facts, day: date, packs: PackSet
) -> Outcome:
    """Judge one line under one pack."""
    pack = compiled.pack
    foreign_words = facts.holds("foreign_owned") or facts.holds("for:foreign_owned")
    reached = _reach(compiled, key, item, foreign_words=foreign_words)
    record = Record(terse=reached.answer in ("no", "origin", "content"))
    draft = judge(key, compiled, item, facts, day, record)
    ahead = (packs.next_version(key, day), parties.next_named(compiled, item, facts, day))
    for upcoming in ahead:
        if draft.next_change is None or (upcoming is not None and upcoming < draft.next_change):
            draft.next_change = upcoming
    if reached.answer != "no":
        mark_stale(key, pack, draft, day, record)
    applies, subject = _apply(key, compiled, item, facts, day, draft, reached, record)
    verdict = _finish(compiled, draft, applies=applies, subject=subject)
    return Outcome(verdict, tuple(record.reasons), tuple(record.missing))


_REACHES_MAX = 4096
"""How many sets of countries a pack remembers its answer for."""


def _reach(compiled: Compiled, key: str, item: Item, *, foreign_words: bool) -> Reach:
    """Whether the regime reaches the order; remembered, unless the parties decide it."""
    inside = compiled.pack.jurisdiction.territory
    if item.destination in inside and item.parties:
        return reach(compiled.pack, key, item, foreign_words=foreign_words)
    asked = (
        key, item.exporter_country, item.ship_from, item.origin, item.destination, foreign_words
    )  # fmt: skip
    found = compiled.reaches.get(asked)
    if found is None:
        if len(compiled.reaches) >= _REACHES_MAX:
            compiled.reaches.clear()
        found = reach(compiled.pack, key, item, foreign_words=foreign_words)
        compiled.reaches[asked] = found
    return found


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


def _apply(
    key: str,
    compiled: Compiled,
    item: Item,
    facts: Facts,
    day: date,
    draft: Draft,
    reached: Reach,
    record: Record,
) -> tuple[bool, bool | None]:
    """Let jurisdiction, parties, end use and destination act on what the goods are."""
    pack = compiled.pack
    if reached.answer in ("origin", "content"):
        return _beyond(key, compiled, facts, day, draft, reached, record)
    asked = (
        ()
        if reached.answer == "no"
        else (
            *parties.findings(key, compiled, item, facts, day, draft.decision),
            *_places(key, pack, item, draft),
        )
    )
    if reached.answer in ("no", "broker", "open") and not _still(draft, reached, asked):
        return _not_reached(draft, reached, record)
    record.reasons += reached.reasons
    record.missing += reached.missing
    if reached.answer in ("review", "broker", "open"):
        draft.decision = V.REVIEW
    if reached.answer == "open":
        record.reasons += [_if_reached(reason) for _, reason in asked]
        return False, None
    for verdict, reason in asked:
        record.reasons.append(reason)
        if verdict.gravity > draft.decision.gravity:
            draft.decision = verdict
    return True, True


def _not_reached(draft: Draft, reached: Reach, record: Record) -> tuple[bool, bool | None]:
    """The regime does not reach the order, or would ask for nothing if it did."""
    record.reasons += [
        reason if reason.effect == "note" else reason.model_copy(update={"effect": "note"})
        for reason in reached.reasons
    ]
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
    reached: Reach,
    record: Record,
) -> tuple[bool, bool | None]:
    """Goods between third countries, of the territory's origin or with its share in them."""
    pack = compiled.pack
    met_rules = _met_beyond(compiled, facts, day, reached)
    stale = draft.status is Status.STALE
    if not met_rules:
        record.reasons = [r for r in record.reasons if r.code != "LIST_STALE"]
        record.reasons += reached.reasons
        draft.decision, draft.status = V.NOT_APPLICABLE, Status.NOT_LISTED
        draft.license_type, draft.next_change = LicenseType.NONE, None
        return False, False
    finding = order(met_rules)[0]
    record.reasons.append(explain(key, pack, finding, facts))
    draft.decision, draft.status = finding.verdict, finding.status
    changes = [each.entry.next_change(day) for each in met_rules]
    draft.license_type = finding.license_type
    draft.next_change = min((change for change in changes if change is not None), default=None)
    if stale:
        draft.decision, draft.status = V.REVIEW, Status.STALE
    if draft.decision is V.REVIEW:
        record.missing += (finding.entry.missing, *reached.missing)
    return draft.decision is V.REVIEW, True


def _met_beyond(compiled: Compiled, facts: Facts, day: date, reached: Reach) -> list[Finding]:
    """What the rules say that look beyond the territory, each where it is met."""
    rules = compiled.pack.jurisdiction
    names = (rules.origin_rule, rules.content_rule) if reached.answer == "origin" else ()
    entries = [compiled.beyond[name] for name in names or (rules.content_rule,) if name]
    found = [(entry, met(entry, facts)) for entry in entries]
    return [
        stand(entry, day, matched)
        for entry, matched in found
        if matched is not None and entry.status(day) is not Status.NOT_LISTED
    ]


def _if_reached(reason: Reason) -> Reason:
    """What would be asked of the order if the regime reached it: nothing holds by it alone."""
    return reason.model_copy(
        update={"code": "JURISDICTION", "effect": "note", "text": f"if it applies: {reason.text}"}
    )


def _still(draft: Draft, reached: Reach, asked: Asked) -> bool:
    """Whether the regime, if it reaches the order, would ask something of it."""
    if reached.answer == "no":
        return False
    if any(verdict.gravity >= V.REVIEW.gravity for verdict, _ in asked):
        return True
    return draft.listed and (
        reached.answer == "broker" or draft.decision.gravity >= V.REVIEW.gravity
    )


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
            elif verdict is V.DENY_PRESUMED and code != "EMBARGO":
                code = "DENY_PRESUMED"
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
    return _verdict(
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


@lru_cache(maxsize=4096)
def _verdict(**fields: Any) -> RegimeVerdict:
    """Make a verdict once: they are frozen, and few differ."""
    return RegimeVerdict(**fields)


def excluded(key: str, outcome: Outcome, others: dict[str, Outcome], packs: PackSet) -> Outcome:
    """Apply a pack's overlap exclusion: goods another regime lists are routed there."""
    if outcome.verdict.decision is not V.LICENSE_REQUIRED or not outcome.verdict.applies:
        return outcome
    pack = next(c.pack for c in packs.versions(key) if c.pack.name == outcome.verdict.pack)
    rule = pack.exclusion
    if rule is None or rule.reading == "off":
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
    return Outcome(verdict, (*outcome.reasons, reason), outcome.missing)
