"""Named parties and stated end uses: what they add to a verdict."""

import re
from datetime import date
from functools import lru_cache

from rapidfuzz import fuzz

from schemas.classification import Match, Reason, Verdict
from services.classification.facts import Facts
from services.classification.findings import cited
from services.classification.item import Item
from services.classification.pack_set import Compiled
from services.classification.policy import Cited, Pack, PartyRule
from services.classification.text import Folded, fold_term

_FORM = re.compile(
    r"\b(?:inc|incorporated|corp|corporation|company|co|ltd|limited|llc|llp|plc|gmbh|ag|sa|nv|bv|kk|the)\b"
)
_SHARE = re.compile(r"(\d{1,3})(?:\.\d+)? ?%")
_OWNED = ("owned", "subsidiary", "held by", "affiliate", "控股", "子公司")
NEAR = 85
"""Similarity (percent) from which a name is somebody an officer must look at."""


_SCRIPTS_MEET = re.compile(r"(?<=[a-z0-9])(?=[㐀-鿿぀-ヿ])|(?<=[㐀-鿿぀-ヿ])(?=[a-z0-9])")


@lru_cache(maxsize=4096)
def bare_name(name: str) -> str:
    """Fold a name and drop its legal form and punctuation; Han letters are words apart."""
    folded = re.sub(r"[^\w\s]", " ", fold_term(name))
    return " ".join(_FORM.sub(" ", _SCRIPTS_MEET.sub(" ", folded)).split())


def findings(
    key: str, compiled: Compiled, item: Item, facts: Facts, day: date, so_far: Verdict
) -> list[tuple[Verdict, Reason]]:
    """Check parties, the words about owners, and the end use against the pack.

    Military goods that are on no list (`so_far` clear) are for an officer; a military end use
    is presumed refused whatever the goods.
    """
    pack = compiled.pack
    out: list[tuple[Verdict, Reason]] = []
    for party in item.parties or ():
        if compiled.names and resembling(party.name, compiled.names):
            out += _one(key, pack, party.role, party.name, day)
        if party.screened == "hit":
            source = Cited(citation="screening result stated in the order", tag="J")
            text = f"{party.role} {party.name}: the screening reports a hit"
            out.append(
                (Verdict.REVIEW, cited(key, pack, source, "screening", "PARTY_HIT", text, "for"))
            )
    if compiled.names:
        anyone = _any_name(compiled.names)
        for name, folded in facts.texts:
            if anyone.search(folded.text):
                out += _mentioned(key, pack, name, folded, day)
    for use in pack.end_uses:
        if use.countries and item.destination not in use.countries:
            continue
        purpose = facts.said.get(f"for:{use.fact}")
        match = purpose or facts.said.get(use.fact)
        if match is None:
            continue
        full = purpose is not None or so_far.gravity >= Verdict.REVIEW.gravity
        verdict, code = (use.verdict, use.reason) if full else (Verdict.REVIEW, "CATCH_ALL")
        out.append((verdict, cited(key, pack, use, use.rule, code, use.title, "for", (match,))))
    return out


def next_named(compiled: Compiled, item: Item, facts: Facts, day: date) -> date | None:
    """Give the next day from which somebody in the order is a named party."""
    ahead = _named_later(compiled, day)
    return next((start for start, rule in ahead if _meant(rule, item, facts)), None)


@lru_cache(maxsize=4096)
def _named_later(compiled: Compiled, day: date) -> tuple[tuple[date, PartyRule], ...]:
    later = [
        (rule.start, rule) for rule in compiled.pack.parties if rule.start and rule.start > day
    ]
    return tuple(sorted(later, key=lambda each: each[0]))


def _meant(rule: PartyRule, item: Item, facts: Facts) -> bool:
    if any(resembling(party.name, rule.names) for party in item.parties or ()):
        return True
    anyone = _any_name(rule.names)
    return any(anyone.search(folded.text) for _, folded in facts.texts)


@lru_cache(maxsize=16384)
def resembling(name: str, listed: tuple[str, ...]) -> bool:
    """Whether a name is, holds or resembles one of the listed ones, whatever the day."""
    return any(_relation(bare_name(name), bare_name(one)) for one in listed)


def _relation(bare: str, wanted: str) -> str:
    """`same`, `near` or nothing, of two names without their legal forms."""
    if not bare:
        return ""
    if f" {wanted} " in f" {bare} " or bare.replace(" ", "") == wanted.replace(" ", ""):
        return "same"
    if _glued(bare, wanted) or (" " in bare and wanted.startswith(f"{bare} ")):
        return "near"
    return "near" if round(fuzz.ratio(bare, wanted)) >= NEAR else ""


def _glued(bare: str, wanted: str) -> bool:
    """Whether one of its words begins a name like another, blanks aside: USA RareEarth Ltd."""
    words = bare.split()
    start = wanted.replace(" ", "")
    return any("".join(words[place:]).startswith(start) for place in range(len(words)))


def _one(key: str, pack: Pack, role: str, name: str, day: date) -> list[tuple[Verdict, Reason]]:
    bare = bare_name(name)
    where = (Match(field=f"parties.{role}", text=name, start=0, end=len(name)),)
    for rule in pack.parties:
        for listed in rule.names:
            relation = _relation(bare, bare_name(listed)) if _current(rule, day) else ""
            if relation == "same":
                text = f"{role} {name} is {listed}, a named party: in principle refused"
                reason = cited(key, pack, rule, rule.rule, "DENY_PRESUMED", text, "for", where)
                return [(rule.verdict, reason)]
            if relation == "near":
                text = f"{role} {name} resembles {listed}, a named party"
                reason = cited(key, pack, rule, rule.rule, "PARTY_HIT", text, "for", where)
                return [(Verdict.REVIEW, reason)]
    return []


def _current(rule: PartyRule, day: date) -> bool:
    return rule.start is None or rule.start <= day


def _mentioned(
    key: str, pack: Pack, field: str, folded: Folded, day: date
) -> list[tuple[Verdict, Reason]]:
    """A named party in free text: presumed refused where it owns half or more."""
    text = folded.text
    for rule in pack.parties:
        for listed in rule.names:
            place = _any_name((listed,)).search(text)
            if place is None or not _current(rule, day):
                continue
            shares = [int(share) for share in _SHARE.findall(text)]
            owned = any(word in text for word in _OWNED)
            half = owned and (not shares or max(shares) >= 50)
            verdict = rule.verdict if half else Verdict.REVIEW
            code = "DENY_PRESUMED" if half else "PARTY_HIT"
            start, end = folded.span(*place.span())
            where = (Match(field=field, text=folded.origin[start:end], start=start, end=end),)
            tail = " that owns half or more" if half else ""
            said = f"{field} names {listed}, a named party{tail}"
            return [(verdict, cited(key, pack, rule, rule.rule, code, said, "for", where))]
    return []


@lru_cache(maxsize=256)
def _any_name(names: tuple[str, ...]) -> re.Pattern[str]:
    """Names as words of their own; Han letters may stand right beside them."""
    listed = "|".join(re.escape(fold_term(name)) for name in names)
    return re.compile(rf"(?<![a-z0-9])(?:{listed})(?![a-z0-9])")
