"""What the goods are under one pack: entries met, codes claimed, or evidence for a clear."""

from dataclasses import dataclass, field
from datetime import date

from schemas.classification import LicenseType, Reason, Status, Verdict
from services.classification import chart
from services.classification.facts import Facts, is_code
from services.classification.findings import (
    Finding,
    cited,
    explain,
    meet,
    negatives,
    order,
    stand,
    wanting,
)
from services.classification.item import Item
from services.classification.lexicon import HEADS
from services.classification.pack_set import Compiled
from services.classification.policy import Cited, Entry, Listed, Pack

V = Verdict
ON_RECORD = "product"
"""The field of a code that a product record states: what it names was on a list once."""


@dataclass(slots=True)
class Record:
    """The evidence collected on the way to a verdict."""

    reasons: list[Reason] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    terse: bool = False
    """The regime does not reach the order: keep only what another regime may rest on."""


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


def judge(
    key: str,
    compiled: Compiled,
    item: Item,
    facts: Facts,
    day: date,
    record: Record,
) -> Draft:
    """Say what the goods are: entries met, codes claimed, else whether a clear has evidence."""
    pack = compiled.pack
    words = meet(compiled, facts, day)
    claims, listed, elsewhere = _claims(key, compiled, facts, day, record)
    found = order(words + claims)
    draft = Draft(V.NO_LICENSE_REQUIRED, decided=True)
    if found:
        edges = [f.entry.next_change(day) for f in found]
        draft.next_change = min((e for e in edges if e is not None), default=None)
    against = negatives(compiled, facts)
    for negative, matched in () if record.terse else against[:2]:
        record.reasons.append(
            cited(
                key, pack, negative, negative.rule, "NEGATIVE", negative.title, "against", matched
            )
        )
    if found:
        _from_findings(key, compiled, item, facts, found, draft, record)
    for code, entry in listed:
        _from_listed(key, pack, item, code, entry, draft, record)
    if found or listed:
        if not words and draft.decision.gravity < V.REVIEW.gravity:
            _unsettled(key, pack, facts, draft, elsewhere, record)
        return draft
    if elsewhere:
        _uncertain(key, pack, draft, elsewhere, record)
        return draft
    if against and not _unproved(facts):
        return draft
    _clear(key, pack, facts, draft, record)
    return draft


def _from_findings(
    key: str,
    compiled: Compiled,
    item: Item,
    facts: Facts,
    found: list[Finding],
    draft: Draft,
    record: Record,
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
    if pack.licensing == "country_chart" and draft.listed:
        _by_chart(key, compiled, item, found, draft, record)
    for finding in _telling(found)[:4]:
        if record.terse and not finding.entry.listed:
            continue
        record.reasons.append(explain(key, pack, finding, facts))
        if finding.verdict is V.REVIEW:
            record.missing.append(
                wanting(finding, facts) or f"status of {finding.entry.code} on this day"
            )


def _telling(found: list[Finding]) -> list[Finding]:
    """Leave out an entry that a more exact one of the same verdict says with the same words."""
    told: list[Finding] = []
    for finding in found:
        words = set(finding.matched)
        same = (t for t in told if t.verdict is finding.verdict and t.status is finding.status)
        if finding.verdict is not V.REVIEW and words and any(words <= set(t.matched) for t in same):
            continue
        told.append(finding)
    return told


def _by_chart(
    key: str, compiled: Compiled, item: Item, found: list[Finding], draft: Draft, record: Record
) -> None:
    """Let the chart decide each code met; what is open beside them stays open."""
    pack = compiled.pack
    draft.decision, draft.license_type = V.NO_LICENSE_REQUIRED, LicenseType.NONE
    for finding in found:
        decision = finding.verdict
        code = finding.entry.code
        if code:
            base = code[:5]
            decision, text = chart.decide(pack, compiled.listed.get(base), item.destination or "")
            effect, why = _effect(decision)
            record.reasons.append(
                cited(key, pack, finding.entry, base, why, f"{code}: {text}", effect)
            )
        if decision.gravity > draft.decision.gravity:
            draft.decision, draft.license_type = decision, _license_for(decision)
            draft.code = code or draft.code


def _license_for(decision: Verdict) -> LicenseType:
    return LicenseType.DUAL_USE if decision is V.LICENSE_REQUIRED else LicenseType.UNKNOWN


def _effect(decision: Verdict) -> tuple[str, str]:
    if decision is V.REVIEW:
        return "missing", "MISSING_FACT"
    return ("for" if decision is V.LICENSE_REQUIRED else "against"), "COUNTRY_CHART"


def _from_listed(
    key: str, pack: Pack, item: Item, code: str, listed: Listed, draft: Draft, record: Record
) -> None:
    """A declared code of the list itself counts as the code it claims."""
    decision, text = chart.decide(pack, listed, item.destination or "")
    source = Cited(citation=f"{pack.listed_citation}: {listed.code}", tag=pack.listed_tag)
    effect, why = _effect(decision)
    if why == "COUNTRY_CHART":
        why = "DECLARED_CODE"
    record.reasons.append(
        cited(key, pack, source, listed.code, why, f"declared {code}: {text}", effect)
    )
    draft.listed = True
    if draft.code is None or decision.gravity > draft.decision.gravity:
        draft.code, draft.status, draft.decided = code, Status.IN_FORCE, True
    if decision.gravity > draft.decision.gravity:
        draft.decision = decision
        draft.license_type = _license_for(decision)


def _claims(
    key: str, compiled: Compiled, facts: Facts, day: date, record: Record
) -> tuple[list[Finding], list[tuple[str, Listed]], list[str]]:
    """Sort the declared codes: this pack's entries, this pack's list, another regime's list."""
    pack = compiled.pack
    mine: list[Finding] = []
    listed: list[tuple[str, Listed]] = []
    elsewhere: list[str] = []
    for regime, code, match in facts.codes:
        own = not regime or regime.upper() == pack.regime
        source = Cited(citation="design: a declared code is a claim", tag="J")
        entry = entry_of(compiled, code) if own else None
        if entry is None and not is_code(code) and match.field != ON_RECORD:
            if own and regime:
                text = (
                    f"declared code {match.text!r} is a placeholder or malformed and does not count"
                )
                record.reasons.append(
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
        if entry is not None:
            mine.append(stand(entry, day, (match,)))
        elif own and code[:5] in compiled.listed:
            listed.append((code, compiled.listed[code[:5]]))
        else:
            elsewhere.append(code)
    return mine, listed, elsewhere


def entry_of(compiled: Compiled, code: str) -> Entry | None:
    """Find the entry a code names: its own, or that of the nearest paragraph above it.

    A listed entry goes by the name of its rule too: not every list has codes.
    """
    upper = code.upper()
    while upper:
        if upper in compiled.by_code:
            return compiled.by_code[upper]
        upper = upper.rpartition(".")[0]
    return None


def _uncertain(key: str, pack: Pack, draft: Draft, codes: list[str], record: Record) -> None:
    if not record.terse:
        source = Cited(citation="design: a code listed anywhere is a signal of risk", tag="J")
        declared = ", ".join(sorted(set(codes)))
        text = f"code {declared} is declared, but the words place the goods nowhere in this list"
        record.reasons.append(
            cited(key, pack, source, "declared", "CLASSIFICATION_UNCERTAIN", text, "missing")
        )
        record.missing.append("what the goods of the declared code are under this list")
    draft.decision, draft.status, draft.license_type = V.REVIEW, Status.UNKNOWN, LicenseType.UNKNOWN
    draft.decided = False


def _unsettled(
    key: str, pack: Pack, facts: Facts, draft: Draft, elsewhere: list[str], record: Record
) -> None:
    """A claimed code that demands nothing settles no doubt that stands without it."""
    if elsewhere:
        _uncertain(key, pack, draft, elsewhere, record)
        return
    text = _doubt(pack, facts)
    if text:
        source = Cited(citation="design: a declared code never lowers", tag="J")
        said = f"the declared code demands nothing, and {text}"
        record.reasons.append(
            cited(key, pack, source, "declared", "CLASSIFICATION_UNCERTAIN", said, "missing")
        )
        record.missing.append("a description that says what the goods are")
        draft.decision, draft.license_type = V.REVIEW, LicenseType.UNKNOWN


_GOODS = frozenset(f"head:{kind}" for kind in HEADS - {"form"})
"""What names the goods; a mere form (`oxide for`) does not."""
_NAMED = frozenset(("head:form", "not_re_magnet", "ysz", "zirconia"))


def _doubt(pack: Pack, facts: Facts) -> str:
    """What keeps the words from naming free goods; empty where nothing does."""
    known = facts.known
    if facts.empty:
        return "the description is empty"
    if facts.foreign:
        return "the description is in a script that is not read"
    if not known.isdisjoint(pack.signals):
        return "words speak of what this list controls, and no rule places them"
    return _unsaid(facts) or _unproved(facts)


def _unsaid(facts: Facts) -> str:
    """What keeps the words from saying what the goods are."""
    known = facts.known
    unnamed = known.isdisjoint(_GOODS)
    if unnamed and "for:re" in known:
        return "the description names a rare-earth use, not the goods"
    if unnamed and "no:re" in known and known.isdisjoint(_NAMED):
        return "the description says what is absent, not what the goods are"
    if not facts.content:
        return "the description does not say what the goods are"
    if facts.watched:
        return (
            f"the customs code lies under {facts.watched}, and the words do not settle what it is"
        )
    return ""


def _unproved(facts: Facts) -> str:
    """What is missing for a clear: goods of the ordinary vocabulary, and no unknown name.

    A rare earth in a known form names the goods; in none, it says no more than the words beside it.
    """
    bare = facts.holds("st:bare")
    if facts.holds("re") and not bare:
        return ""
    if bare and (text := _unsaid(facts)):
        return text
    found = facts.evidence
    if not found.named:
        return "no word names goods that are known to be free"
    if found.strange:
        return f"{found.strange!r} is no known word: it may name a material"
    return ""


def _clear(key: str, pack: Pack, facts: Facts, draft: Draft, record: Record) -> None:
    """A clear needs its own evidence: a specific good is named and nothing speaks for risk."""
    text = _doubt(pack, facts)
    if text:
        if not record.terse:
            source = Cited(citation="design: a clear needs its own evidence", tag="J")
            record.reasons.append(
                cited(key, pack, source, "clear", "CLASSIFICATION_UNCERTAIN", text, "missing")
            )
            record.missing.append("a description that says what the goods are")
        draft.decision, draft.status, draft.decided = V.REVIEW, Status.UNKNOWN, False
        draft.license_type = LicenseType.UNKNOWN
        return
    if record.terse:
        return
    said = "the description names specific goods, and nothing in it is on the list"
    record.reasons.append(cited(key, pack, pack.clear, "clear", "NOT_NAMED", said, "against"))


def mark_stale(key: str, pack: Pack, draft: Draft, day: date, record: Record) -> None:
    if pack.verified_until is None or day < pack.verified_until:
        return
    source = Cited(citation=f"{pack.name}: verified until {pack.verified_until}", tag="J")
    text = f"the list was verified until {pack.verified_until}; its state on {day} is not known"
    record.reasons.append(cited(key, pack, source, "verified_until", "LIST_STALE", text, "missing"))
    draft.status = Status.STALE
    if draft.decision.gravity < V.REVIEW.gravity:
        draft.decision = V.REVIEW
