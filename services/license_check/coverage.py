"""Whether a license covers a line. Run by `determine` as advice and by the ledger as judgement.

A license covers only what it names in every respect; a restriction that cannot be evaluated means
"does not cover" (15 CFR 750.7(a); 两用物项出口管制条例 art. 16: the scope stated on the license).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from schemas.checks import RequestedItem, RequestedParty, ReservationRequested
from schemas.decisions import HoldReason
from schemas.licenses import ANY, LicenseTerms
from schemas.orders import Document, Weight
from services.license_check.units import convert


@dataclass(frozen=True, slots=True)
class Facts:
    """What is to be shipped, by whom, to whom, on which days."""

    regime: str
    holder: str
    item: RequestedItem
    parties: tuple[RequestedParty, ...] | None
    destination: str
    days: tuple[date, ...]
    quantity: Decimal
    unit: str
    net_weight: Weight | None
    value: Decimal | None
    currency: str | None
    documents: tuple[Document, ...]
    names_end_user: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a license does not cover, and the nearest change that would make it."""

    reason: HoldReason
    change: str


@dataclass(frozen=True, slots=True)
class Draw:
    """What a line draws on a license, in the license's own unit and currency."""

    quantity: Decimal
    unit: str
    value: Decimal | None
    currency: str | None


def facts_of(request: ReservationRequested, days: tuple[date, ...]) -> Facts:
    """Read the facts a reservation request carries."""
    return Facts(
        regime=request.regime,
        holder=request.exporter,
        item=request.item,
        parties=request.parties,
        destination=request.destination,
        days=days,
        quantity=request.quantity,
        unit=request.unit,
        net_weight=request.net_weight,
        value=request.value,
        currency=request.currency,
        documents=request.documents,
        names_end_user=request.names_end_user,
    )


def coverage(terms: LicenseTerms, facts: Facts) -> Draw | Refusal:
    """Tell what a line would draw on a license, or the first respect in which it is not covered.

    The checks run from "another license altogether" to "nearly fits", so that of several refusals
    the one furthest down is the nearest miss.
    """
    for check in CHECKS:
        refusal = check(terms, facts)
        if refusal is not None:
            return refusal
    return _draw(terms, facts)


def nearness(reason: HoldReason) -> int:
    """Rank a refusal: the higher, the nearer the license came to covering."""
    return _NEARNESS.get(reason, 0)


def same_name(left: str, right: str) -> bool:
    """Compare names as a license prints them: letter case and spacing do not matter."""
    return left == right or folded_name(left) == folded_name(right)


@lru_cache(maxsize=16_384)
def folded_name(name: str) -> str:
    """Reduce a name to what is compared."""
    return " ".join(name.split()).casefold()


def _named(name: str, allowed: Iterable[str]) -> bool:
    return any(entry == ANY or same_name(entry, name) for entry in allowed)


def _holder(terms: LicenseTerms, facts: Facts) -> Refusal | None:
    if terms.regime != facts.regime:
        return Refusal(HoldReason.NO_LICENSE, f"issued under {terms.regime}, not {facts.regime}")
    if terms.holder != ANY and not same_name(terms.holder, facts.holder):
        return Refusal(HoldReason.NO_LICENSE, f"held by {terms.holder}, not {facts.holder}")
    return None


def _code_covers(allowed: str, code: str) -> bool:
    """A paragraph stands under its parent code: 1C905 covers 1C905.b."""
    return allowed in (ANY, code) or code.startswith(allowed + ".")


def _item(terms: LicenseTerms, facts: Facts) -> Refusal | None:
    """Every list that names something must name the item; naming nothing covers nothing."""
    item = facts.item
    category = () if item.category is None else (str(item.category),)
    lists = (
        (terms.codes, item.codes, _code_covers),
        (terms.categories, category, lambda allowed, own: allowed in (ANY, own)),
        (terms.materials, item.materials, lambda allowed, own: _named(own, (allowed,))),
    )
    named = [entry for entry in lists if entry[0]]
    fits = bool(named) and all(_any_named(*entry) for entry in named)
    if fits:
        return None
    wanted = ", ".join((*item.codes, *(f"category {entry}" for entry in category))) or "the item"
    return Refusal(HoldReason.ITEM_MISMATCH, f"would have to name {wanted}")


def _any_named(
    allowed: tuple[str, ...], own: tuple[str, ...], covers: Callable[[str, str], bool]
) -> bool:
    if ANY in allowed:
        return True
    return any(covers(entry, value) for entry in allowed for value in own)


def _destination(terms: LicenseTerms, facts: Facts) -> Refusal | None:
    if ANY in terms.destinations or facts.destination in terms.destinations:
        return None
    return Refusal(HoldReason.DESTINATION_MISMATCH, f"would have to name {facts.destination}")


def _parties(terms: LicenseTerms, facts: Facts) -> Refusal | None:
    for role, allowed in (("consignee", terms.consignees), ("end_user", terms.end_users)):
        names = [party.name for party in facts.parties or () if party.role == role]
        if ANY in allowed and not (role == "end_user" and facts.names_end_user):
            continue
        stated = tuple(entry for entry in allowed if entry != ANY)
        if not names:
            return Refusal(HoldReason.PARTY_MISMATCH, f"the order would have to name its {role}")
        missing = [name for name in names if not _named(name, stated)]
        if missing:
            return Refusal(HoldReason.PARTY_MISMATCH, f"would have to name {missing[0]} as {role}")
    return None


def _validity(terms: LicenseTerms, facts: Facts) -> Refusal | None:
    for day in facts.days:
        if day < terms.valid_from:
            return Refusal(HoldReason.LICENSE_NOT_YET_VALID, f"valid from {terms.valid_from}")
        if day > terms.valid_to:
            return Refusal(HoldReason.LICENSE_EXPIRED, f"expired after {terms.valid_to}")
    return None


def _measure(terms: LicenseTerms, facts: Facts) -> Refusal | None:
    if terms.quantity_basis != "net":
        return Refusal(
            HoldReason.UNIT_MISMATCH, f"counts by {terms.quantity_basis}, which is not evaluated"
        )
    if terms.unit is not None and _quantity(terms, facts) is None:
        return Refusal(
            HoldReason.UNIT_MISMATCH,
            f"counts in {terms.unit}; the line is in {facts.unit} without a net weight",
        )
    if terms.value is not None and (facts.value is None or facts.currency != terms.currency):
        return Refusal(
            HoldReason.UNIT_MISMATCH, f"limited in {terms.currency}; the line states no such value"
        )
    return None


def _documents(terms: LicenseTerms, facts: Facts) -> Refusal | None:
    for kind in terms.requires:
        if not any(_document_fits(document, kind, facts) for document in facts.documents):
            return Refusal(
                HoldReason.EUC_MISSING, f"the order needs a valid {kind} for its end user"
            )
    return None


def _document_fits(document: Document, kind: str, facts: Facts) -> bool:
    users = [party.name for party in facts.parties or () if party.role == "end_user"]
    in_time = document.valid_until is None or all(d <= document.valid_until for d in facts.days)
    issued = all(document.issued <= day for day in facts.days)
    names = (
        document.end_user is not None
        and users
        and all(same_name(document.end_user, user) for user in users)
    )
    # Limits on items and quantity of a document are not evaluated, so such a document does not fit.
    unlimited = document.items is None and document.quantity is None
    return document.kind == kind and in_time and issued and bool(names) and unlimited


def _conditions(terms: LicenseTerms, facts: Facts) -> Refusal | None:
    del facts
    if terms.conditions:
        return Refusal(HoldReason.CONDITION_OPEN, f"condition {terms.conditions[0]} is open")
    if terms.max_shipments is not None:
        return Refusal(HoldReason.CONDITION_OPEN, "a limit on shipments is open")
    return None


CHECKS: Final = (
    _holder, _item, _destination, _parties, _measure, _validity, _documents, _conditions,
)  # fmt: skip
_NEARNESS: Final = {
    HoldReason.ITEM_MISMATCH: 1,
    HoldReason.DESTINATION_MISMATCH: 2,
    HoldReason.PARTY_MISMATCH: 3,
    HoldReason.UNIT_MISMATCH: 4,
    HoldReason.LICENSE_NOT_YET_VALID: 5,
    HoldReason.LICENSE_EXPIRED: 5,
    HoldReason.EUC_MISSING: 6,
    HoldReason.CONDITION_OPEN: 7,
    HoldReason.LICENSE_REVOKED: 8,
    HoldReason.LICENSE_SUSPENDED: 9,
    HoldReason.LICENSE_UNKNOWN: 9,
    HoldReason.LICENSE_EXHAUSTED: 10,
}


def _quantity(terms: LicenseTerms, facts: Facts) -> Decimal | None:
    return convert(facts.quantity, facts.unit, facts.net_weight, terms.unit or facts.unit)


def _draw(terms: LicenseTerms, facts: Facts) -> Draw:
    quantity = _quantity(terms, facts) if terms.unit is not None else facts.quantity
    assert quantity is not None, "measured above"
    return Draw(
        quantity=quantity,
        unit=terms.unit or facts.unit,
        value=facts.value,
        currency=facts.currency,
    )
