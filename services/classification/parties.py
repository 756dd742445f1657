"""Named parties and stated end uses: what they add to a verdict."""

import re
from functools import lru_cache

from rapidfuzz import fuzz

from schemas.classification import Match, Reason, Verdict
from services.classification.facts import Facts
from services.classification.findings import cited
from services.classification.item import Item
from services.classification.policy import Cited, Pack, PartyRule
from services.classification.text import fold_term

_FORM = re.compile(
    r"\b(?:inc|incorporated|corp|corporation|company|co|ltd|limited|llc|llp|plc|gmbh|ag|sa|nv|bv|kk|the)\b"
)
_SHARE = re.compile(r"(\d{1,3})(?:\.\d+)? ?%")
_OWNED = ("owned", "subsidiary", "held by", "affiliate", "控股", "子公司")
NEAR = 90
"""Similarity (percent) from which a name is somebody an officer must look at."""


@lru_cache(maxsize=4096)
def bare_name(name: str) -> str:
    """Fold a name and drop its legal form and punctuation."""
    folded = re.sub(r"[^\w\s]", " ", fold_term(name))
    return " ".join(_FORM.sub(" ", folded).split())


def findings(
    key: str, pack: Pack, item: Item, facts: Facts, day: object
) -> list[tuple[Verdict, Reason]]:
    """Check parties, the words about owners, and the end use against the pack."""
    out: list[tuple[Verdict, Reason]] = []
    for party in item.parties or ():
        out += _one(key, pack, party.role, party.name, day)
        if party.screened == "hit":
            source = Cited(citation="screening result stated in the order", tag="J")
            text = f"{party.role} {party.name}: the screening reports a hit"
            out.append(
                (Verdict.REVIEW, cited(key, pack, source, "screening", "PARTY_HIT", text, "for"))
            )
    for name, text in (("description", item.description), ("end_use", item.end_use)):
        if text:
            out += _mentioned(key, pack, name, text, day)
    for use in pack.end_uses:
        match = facts.said.get(use.fact) or facts.said.get(f"for:{use.fact}")
        if match and (not use.countries or item.destination in use.countries):
            reason = cited(key, pack, use, use.rule, use.reason, use.title, "for", (match,))
            out.append((use.verdict, reason))
    return out


def _one(key: str, pack: Pack, role: str, name: str, day: object) -> list[tuple[Verdict, Reason]]:
    bare = bare_name(name)
    where = (Match(field=f"parties.{role}", text=name, start=0, end=len(name)),)
    for rule in pack.parties:
        for listed in rule.names:
            wanted = bare_name(listed)
            if not bare or not _current(rule, day):
                continue
            if f" {wanted} " in f" {bare} " or bare.replace(" ", "") == wanted.replace(" ", ""):
                text = f"{role} {name} is {listed}, a named party: in principle refused"
                return [
                    (
                        rule.verdict,
                        cited(key, pack, rule, rule.rule, "DENY_PRESUMED", text, "for", where),
                    )
                ]
            if round(fuzz.ratio(bare, wanted)) >= NEAR:
                text = f"{role} {name} resembles {listed}, a named party"
                return [
                    (
                        Verdict.REVIEW,
                        cited(key, pack, rule, rule.rule, "PARTY_HIT", text, "for", where),
                    )
                ]
    return []


def _current(rule: PartyRule, day: object) -> bool:
    return rule.start is None or rule.start <= day  # type: ignore[operator]


def _mentioned(
    key: str, pack: Pack, field: str, text: str, day: object
) -> list[tuple[Verdict, Reason]]:
    """A named party in free text: presumed refused where it owns half or more."""
    folded = f" {bare_name(text[:2000])} "
    for rule in pack.parties:
        for listed in rule.names:
            if f" {bare_name(listed)} " not in folded or not _current(rule, day):
                continue
            shares = [int(s) for s in _SHARE.findall(text)]
            owned = any(word in text.lower() for word in _OWNED)
            half = owned and (not shares or max(shares) >= 50)
            verdict = rule.verdict if half else Verdict.REVIEW
            code = "DENY_PRESUMED" if half else "PARTY_HIT"
            place = text.lower().find(listed.lower())
            start = max(place, 0)
            end = start + len(listed) if place >= 0 else len(text)
            where = (Match(field=field, text=text[start:end], start=start, end=end),)
            said = f"{field} names {listed}, a named party" + (
                " that owns half or more" if half else ""
            )
            return [(verdict, cited(key, pack, rule, rule.rule, code, said, "for", where))]
    return []
