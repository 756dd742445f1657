"""Findings of one pack on one day: which entries the facts meet, and what follows."""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from schemas.base import built
from schemas.classification import LicenseType, Match, Reason, Status, Verdict
from services.classification.condition import conditions
from services.classification.facts import Facts
from services.classification.pack_set import Compiled, Tested
from services.classification.policy import Cited, Entry, Negative, Pack

_UNKNOWN = frozenset((Status.STALE, Status.UNKNOWN))


@dataclass(frozen=True, slots=True)
class Finding:
    """One entry met, with its standing on the day."""

    entry: Entry
    verdict: Verdict
    status: Status
    license_type: LicenseType
    matched: tuple[Match, ...]


def meet(compiled: Compiled, facts: Facts, day: date) -> list[Finding]:
    """Give every entry whose condition holds."""
    known, index = facts.known, compiled.by_fact
    best: dict[str, Tested] = {}
    for fact in facts.said:
        for tested in index.get(fact, ()):
            clause = tested[2]
            if clause.needs <= known and clause.bars.isdisjoint(known):
                _keep(best, tested)
    for tested in compiled.always:
        if tested[2].holds(known):
            _keep(best, tested)
    said = facts.said
    return [stand(entry, day, clause.evidence(said)) for entry, _, clause in best.values()]


def _keep(best: dict[str, Tested], tested: Tested) -> None:
    """The first of a rule's clauses that holds is the evidence, whatever was said first."""
    other = best.get(tested[0].rule)
    if other is None or tested[1] < other[1]:
        best[tested[0].rule] = tested


def met(rule: Entry, facts: Facts) -> tuple[Match, ...] | None:
    """Give what made a rule apply, or None: one of its clauses must hold whole."""
    for clause in conditions(rule.when):
        if clause.holds(facts.known):
            return clause.evidence(facts.said)
    return None


def stand(entry: Entry, day: date, matched: tuple[Match, ...]) -> Finding:
    """Say what an entry means on a day: a suspended or future one demands nothing."""
    status = entry.status(day)
    verdict, kind = entry.verdict, entry.license_type
    if status in (Status.SUSPENDED, Status.NOT_YET):
        verdict, kind = Verdict.NO_LICENSE_REQUIRED, entry.license_type_suspended
    elif status in (Status.NOT_LISTED, Status.REPEALED):
        verdict, kind = Verdict.NO_LICENSE_REQUIRED, LicenseType.NONE
    elif status in _UNKNOWN:
        verdict, kind = Verdict.REVIEW, entry.license_type_suspended
    return Finding(entry, verdict, status, kind, matched)


def order(found: list[Finding]) -> list[Finding]:
    """Sort by gravity, then by how exactly the entry describes the goods."""
    return sorted(found, key=lambda f: (-f.verdict.gravity, -f.entry.rank, f.entry.rule))


def negatives(compiled: Compiled, facts: Facts) -> list[tuple[Negative, tuple[Match, ...]]]:
    """Give every negative entry that applies."""
    found = []
    known = facts.known
    for negative, clauses in compiled.negatives:
        for clause in clauses:
            if clause.needs <= known and clause.bars.isdisjoint(known):
                found.append((negative, clause.evidence(facts.said)))
                break
    return found


def cited(
    key: str,
    pack: Pack,
    source: Cited,
    rule: str,
    code: str,
    text: str,
    effect: str,
    matched: tuple[Match, ...] = (),
) -> Reason:
    """Make a reason that carries its citation."""
    made = _reason if matched else _plain_reason
    return made(
        regime=key,
        code=code,
        effect=effect,
        rule=f"{pack.name}#{rule}",
        text=text,
        citation=source.citation,
        evidence_tag=source.tag,
        matched=matched,
    )


def _reason(**fields: Any) -> Reason:
    return built(Reason, **fields)


_plain_reason = lru_cache(maxsize=4096)(_reason)
"""What rests on no words of the text is made once."""


def wanting(finding: Finding, facts: Facts) -> str:
    """Name the fact that an entry lacks; `{goods}` is the grade where the text gives one."""
    grade = facts.said.get("ndfeb_grade")
    goods = f"grade {grade.text}" if grade else "the magnet"
    return finding.entry.missing.replace("{goods}", goods)


def explain(key: str, pack: Pack, finding: Finding, facts: Facts) -> Reason:
    """Say in words why an entry counts, or why it demands nothing."""
    entry = finding.entry
    name = f"{entry.code}: {entry.title}" if entry.code else entry.title
    if finding.status in (Status.SUSPENDED, Status.NOT_YET, Status.NOT_LISTED, Status.REPEALED):
        text = f"{name} ({finding.status.value.replace('_', ' ')} on this day)"
        return cited(
            key, pack, entry, entry.rule, finding.status.name, text, "against", finding.matched
        )
    if finding.verdict is Verdict.REVIEW:
        code = entry.reason if entry.verdict is Verdict.REVIEW else "LIST_STALE"
        text = (
            f"{name}; {wanting(finding, facts)}"
            if entry.missing
            else f"{name}; its status on this day is not known"
        )
        return cited(key, pack, entry, entry.rule, code, text, "missing", finding.matched)
    return cited(key, pack, entry, entry.rule, entry.reason, name, "for", finding.matched)
