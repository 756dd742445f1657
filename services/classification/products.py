"""What a product record says of a line, and how far it counts.

A record is an officer's statement about a product, once for all its orders: codes by regime, with
citation. Where it is current it makes the verdict, and it is the evidence that a vague text lacks
for a clear. It never lowers what the line's own words or declared codes demand.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Final, Literal

from schemas.base import canonical
from schemas.classification import (
    RECORD_CONFLICT,
    LicenseType,
    Match,
    Reason,
    RegimeVerdict,
    Status,
    Verdict,
)
from schemas.reference import ProductClassified
from services.classification.facts import Facts, is_code, normal_code
from services.classification.goods import ON_RECORD, Draft, Record, entry_of, judge
from services.classification.item import Item
from services.classification.pack_set import Compiled, PackSet
from services.classification.policy import Pack
from services.classification.regime import Outcome, evaluate

V = Verdict
UNLISTED: Final = ("EAR99", "NONE")
"""Words for "no list names it", beside no code at all."""
_CLEAR: Final = "#clear"
_ENTRY: Final = re.compile(r"^[a-z0-9]+(-[a-z0-9]+)+$")


@dataclass(frozen=True, slots=True)
class Product:
    """The newest record of one product; `record` is None where it could not be read."""

    sku: str
    record: ProductClassified | None
    offset: int
    digest: str
    """SHA-256 of the record's value, hex."""


def meant(code: str | None) -> str | None:
    """Write a code, or the name of an entry, the usual way; None: no list names the goods."""
    if code is None or code.strip().upper() in UNLISTED:
        return None
    return usual if is_code(usual := normal_code(code)) else usual.lower()


def is_well_formed(code: str) -> bool:
    """Whether a text can be a code, or the name of an entry where a list has no codes."""
    return is_code(code) or _ENTRY.match(code) is not None


def code_of(record: ProductClassified, regime: str) -> str | None:
    """Give the code a record states under a regime."""
    return meant(record.codes[regime])


@lru_cache(maxsize=4096)
def entries_digest(compiled: Compiled, code: str | None) -> str:
    """SHA-256 of what a pack holds on a code; without one, of everything it lists.

    Citations and evidence tags are left out: a source read again changes no list.
    """
    pack = compiled.pack
    if code is None:
        entries, listed = pack.entries, pack.listed
    else:
        entry, named = entry_of(compiled, code), compiled.listed.get(code[:5])
        entries = () if entry is None else (entry,)
        listed = () if named is None else (named,)
    content = {
        "entries": [e.model_dump(mode="json", exclude={"citation", "tag"}) for e in entries],
        "listed": [item.model_dump(mode="json") for item in listed],
    }
    return hashlib.sha256(canonical(content)).hexdigest()


def is_current(record: ProductClassified, regime: str, compiled: Compiled) -> bool:
    """Tell whether the list still says of the code what the officer read.

    By the digest of the entries where the record has it, else by that of the whole pack; a record
    with neither is never current.
    """
    named = record.entries.get(regime)
    if named is not None:
        return named == entries_digest(compiled, code_of(record, regime))
    return record.packs.get(regime) == compiled.digest


def evaluate_product(
    key: str,
    compiled: Compiled,
    item: Item,
    facts: Facts,
    day: date,
    packs: PackSet,
    product: Product,
) -> Outcome:
    """Judge one line under one pack, with what is on record about the product."""
    record = product.record
    if record is None or not _is_well_formed(record):
        return _unreadable(key, compiled, evaluate(key, compiled, item, facts, day, packs), product)
    if key in record.codes and is_current(record, key, compiled):
        return _current(key, compiled, item, facts, day, packs, record)
    claimed = replace(facts, codes=(*facts.codes, *_claims(key, record)))
    outcome = evaluate(key, compiled, item, claimed, day, packs)
    if key not in record.codes:
        return outcome
    text = f"{_said(key, record)}; its entries have changed since, so it counts as a declared code"
    return _with(outcome, _reason(key, record, "note", text))


def _is_well_formed(record: ProductClassified) -> bool:
    """Whether every code has the shape of one; a record that says gibberish says nothing."""
    codes = (code_of(record, regime) for regime in record.codes)
    return all(code is None or is_well_formed(code) for code in codes)


def _unreadable(key: str, compiled: Compiled, outcome: Outcome, product: Product) -> Outcome:
    """What cannot be read clears nothing: it may have said anything."""
    if outcome.verdict.decision is not V.NO_LICENSE_REQUIRED:
        return outcome
    reason = Reason(
        regime=key,
        code="CLASSIFICATION_UNCERTAIN",
        effect="missing",
        rule=f"{compiled.pack.name}#product",
        text=f"the record of product {product.sku} cannot be read",
        citation="design: unknown means held",
        evidence_tag="J",
    )
    verdict = _reviewed(outcome.verdict)
    return replace(
        outcome,
        verdict=verdict,
        reasons=(*outcome.reasons, reason),
        missing=(*outcome.missing, "a readable record of the product"),
    )


def _claims(key: str, record: ProductClassified) -> tuple[tuple[str, str, Match], ...]:
    """Codes that count as declared ones: the stale one, else those of the other regimes."""
    regimes = [key] if key in record.codes else sorted(record.codes)
    return tuple(
        (regime.partition("-")[0], code, Match(field=ON_RECORD, text=code, start=0, end=len(code)))
        for regime in regimes
        if (code := code_of(record, regime)) is not None
    )


def _current(
    key: str,
    compiled: Compiled,
    item: Item,
    facts: Facts,
    day: date,
    packs: PackSet,
    record: ProductClassified,
) -> Outcome:
    """The record's code makes the verdict, unless the line demands more or something else."""
    code = code_of(record, key)
    words = evaluate(key, compiled, item, facts, day, packs)
    alone = _only(compiled.pack, facts, code)
    stated = _without_words(evaluate(key, compiled, item, alone, day, packs))
    stated = _with(stated, _reason(key, record, "for" if code else "against", _said(key, record)))
    if words.verdict.decision is stated.verdict.decision is V.NOT_APPLICABLE:
        return _graver(words, stated)
    seen = Record()
    own = judge(key, compiled, item, replace(facts, codes=()), day, seen)
    if _is_silent(compiled.pack, facts, seen) and _claims_no_other(compiled, facts, code):
        notes = [r for r in words.reasons if r.effect == "note" and r not in stated.reasons]
        return replace(stated, reasons=(*notes, *stated.reasons))
    if facts.codes:
        own = judge(key, compiled, item, facts, day, Record())
    disputed = _conflict(compiled, own, code, _declared(compiled, facts))
    found = _graver(words, stated)
    return _disputed(key, found, record, disputed) if disputed else found


def _only(pack: Pack, facts: Facts, code: str | None) -> Facts:
    """The code in place of the words; what is said of use and owners stays."""
    uses = {use.fact for use in pack.end_uses} | {"foreign_owned"}
    kept = {fact: m for fact, m in facts.said.items() if fact.removeprefix("for:") in uses}
    match = Match(field=ON_RECORD, text=code or "", start=0, end=len(code or ""))
    codes = (("", code, match),) if code else ()
    return Facts(said=kept, content=True, codes=codes, texts=facts.texts)


def _without_words(outcome: Outcome) -> Outcome:
    """Drop what is only said of a description."""
    reasons = tuple(r for r in outcome.reasons if not r.rule.endswith(_CLEAR))
    return replace(outcome, reasons=reasons)


def _is_silent(pack: Pack, facts: Facts, seen: Record) -> bool:
    """Whether the words say nothing of the goods that this list could be asked about."""
    vague = any(r.rule.endswith(_CLEAR) and r.effect == "missing" for r in seen.reasons)
    speaks = any(facts.holds(signal) for signal in (*pack.signals, "for:re"))
    return vague and not speaks


def _claims_no_other(compiled: Compiled, facts: Facts, code: str | None) -> bool:
    """Whether every code the line claims is the recorded one; placeholders claim nothing."""
    return all(
        of.upper() in ("", compiled.pack.regime) and code is not None and _related(claim, code)
        for of, claim, _ in facts.codes
        if is_code(claim) or entry_of(compiled, claim) is not None
    )


def _graver(words: Outcome, stated: Outcome) -> Outcome:
    """The graver of the two; what either finds listed stays listed, so no overlap is lost."""
    one, two = words.verdict, stated.verdict
    gravities = one.decision.gravity, two.decision.gravity
    # At equal gravity the officer's word stands, unless the line names the goods more exactly.
    exact = one.listed and (not two.listed or _extends(_code(one), _code(two)))
    first = (
        words if gravities[0] > gravities[1] or (gravities[0] == gravities[1] and exact) else stated
    )
    other = stated if first is words else words
    verdict = first.verdict
    changes = [c for c in (one.next_change, two.next_change) if c is not None]
    update: dict[str, object] = {"next_change": min(changes, default=None)}
    if other.verdict.listed and not verdict.listed:
        names = ("listed", "control_code", "category", "eccn", "annex_i", "controls")
        update |= {name: getattr(other.verdict, name) for name in names}
    return replace(
        first,
        verdict=verdict.model_copy(update=update),
        reasons=tuple(dict.fromkeys((*first.reasons, *other.reasons))),
        missing=tuple(dict.fromkeys((*first.missing, *other.missing))),
    )


def _conflict(compiled: Compiled, own: Draft, code: str | None, declared: tuple[str, ...]) -> str:
    """Name what the line says where it is not what the record says; empty: they agree."""
    if code is None:
        demands = own.decision.gravity >= V.REVIEW.gravity
        return (own.code or "something the list may name") if demands else ""
    for claim in declared:
        if not _related(claim, code):
            return f"declared {claim}"
    if own.listed and own.code and not _related(own.code, code):
        return own.code
    entry = entry_of(compiled, code)
    other = own.listed and own.category and entry and entry.category not in (None, own.category)
    return f"category {own.category}" if other else ""


def _declared(compiled: Compiled, facts: Facts) -> tuple[str, ...]:
    """Codes of this list that the line claims."""
    regime = compiled.pack.regime
    own = (code for of, code, _ in facts.codes if of.upper() in ("", regime))
    return tuple(code for code in own if entry_of(compiled, code) or code[:5] in compiled.listed)


def _related(one: str, two: str) -> bool:
    """Whether two codes are the same, or one a paragraph of the other."""
    return one == two or _extends(one, two) or _extends(two, one)


def _extends(one: str | None, two: str | None) -> bool:
    return bool(one) and bool(two) and str(one).startswith(f"{two}.")


def _code(verdict: RegimeVerdict) -> str | None:
    return verdict.control_code or verdict.eccn or verdict.annex_i


def _disputed(key: str, found: Outcome, record: ProductClassified, words: str) -> Outcome:
    """A conflict is for an officer; the graver verdict stays, so nobody waives a license by it."""
    text = f"{_said(key, record)}, but the line speaks of {words}"
    reason = _reason(key, record, "missing", text, "CLASSIFICATION_UNCERTAIN", RECORD_CONFLICT)
    verdict = found.verdict
    if verdict.decision.gravity < V.REVIEW.gravity:
        verdict = _reviewed(verdict)
    missing = f"whether the goods are what the record of {record.sku} says"
    return replace(_with(found, reason), verdict=verdict, missing=(*found.missing, missing))


def _reviewed(verdict: RegimeVerdict) -> RegimeVerdict:
    update = {"decision": V.REVIEW, "status": Status.UNKNOWN, "license_type": LicenseType.UNKNOWN}
    return verdict.model_copy(update=update)


def _with(outcome: Outcome, reason: Reason) -> Outcome:
    return replace(outcome, reasons=(*outcome.reasons, reason))


def _said(key: str, record: ProductClassified) -> str:
    code = code_of(record, key)
    what = f"to be {code}" if code else "to be on no list of this regime"
    return f"{record.officer} recorded product {record.sku} on {record.date} {what}"


def _reason(
    key: str,
    record: ProductClassified,
    effect: Literal["for", "against", "missing", "note"],
    text: str,
    code: str = "PRODUCT_RECORD",
    rule: str = "product",
) -> Reason:
    return Reason(
        regime=key,
        code=code,
        effect=effect,
        rule=rule,
        text=text,
        citation=record.citation,
        evidence_tag="O",
    )
