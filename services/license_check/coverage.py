"""Whether a license covers a line. Run by `determine` as advice and by the ledger as judgement.

A license covers only what it names in every respect; a restriction that cannot be evaluated means
"does not cover" (15 CFR 750.7(a); 两用物项出口管制条例 art. 16: the scope stated on the license).
"""

from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

from schemas.checks import RequestedItem
from schemas.decisions import HoldReason
from schemas.licenses import ANY, LicenseTerms
from services.license_check.conditions import open_condition
from services.license_check.content import measured
from services.license_check.documents import NOTHING, Usage, required, resting_on
from services.license_check.exchange import exchanged
from services.license_check.facts import Asked, Draw, Refusal, asked_at
from services.license_check.names import code_covers, same_name


def coverage(
    terms: LicenseTerms, asked: Asked, days: tuple[date, ...], usage: Usage = NOTHING
) -> Draw | Refusal:
    """Tell what a line would draw on a license, or the first respect in which it is not covered.

    The checks run from "another license altogether" to "nearly fits", so that of several refusals
    the one furthest down is the nearest miss. `usage`: what was drawn under each document so far.
    """
    for check in _SCOPE:
        refusal = check(terms, asked)
        if refusal is not None:
            return refusal
    drawn = _draw(terms, asked)
    if isinstance(drawn, Refusal):
        return drawn
    refusal = _validity(terms, days)
    if refusal is not None:
        return refusal
    if terms.requires:
        shown = required(terms, asked, days, drawn, usage)
        if isinstance(shown, Refusal):
            return shown
        drawn = resting_on(drawn, shown)
    if terms.conditions:
        refusal = open_condition(terms, asked, drawn)
    return refusal or drawn


def nearness(reason: HoldReason) -> int:
    """Rank a refusal: the higher, the nearer the license came to covering."""
    return _NEARNESS.get(reason, 0)


def _named(name: str, allowed: Iterable[str]) -> bool:
    """Tell whether a list states a name; `*` states none."""
    return any(same_name(entry, name) for entry in allowed if entry != ANY)


def _holder(terms: LicenseTerms, asked: Asked) -> Refusal | None:
    if terms.regime != asked.regime:
        return Refusal(HoldReason.NO_LICENSE, f"issued under {terms.regime}, not {asked.regime}")
    if terms.holder != ANY and not same_name(terms.holder, asked.exporter):
        return Refusal(HoldReason.NO_LICENSE, f"held by {terms.holder}, not {asked.exporter}")
    return None


def names_item(terms: LicenseTerms, item: RequestedItem) -> bool:
    """Every list that names something must name the item; naming nothing covers nothing."""
    return _names(
        (terms.codes, terms.categories, terms.materials),
        (item.codes, item.category, item.materials),
    )


Named = tuple[str, ...]


@lru_cache(maxsize=16_384)
def _names(allowed: tuple[Named, Named, Named], own: tuple[Named, int | None, Named]) -> bool:
    """Compare the lists. Remembered: few kinds of goods are sold, on fewer licenses."""
    codes, categories, materials = allowed
    fits = bool(codes or categories or materials)
    if fits and codes:
        fits = _any_named(codes, own[0], code_covers)
    if fits and categories:
        fits = ANY in categories or str(own[1]) in categories
    if fits and materials:
        fits = _any_named(materials, own[2], same_name)
    return fits


def _item(terms: LicenseTerms, asked: Asked) -> Refusal | None:
    if names_item(terms, asked.item):
        return None
    return Refusal(HoldReason.ITEM_MISMATCH, f"would have to name {in_words(asked.item)}")


def in_words(item: RequestedItem) -> str:
    """Say what a license may name an item by."""
    category = () if item.category is None else (f"category {item.category}",)
    return ", ".join((*item.codes, *category)) or "the item"


def _any_named(allowed: Named, own: Named, covers: Callable[[str, str], bool]) -> bool:
    return ANY in allowed or any(covers(entry, value) for entry in allowed for value in own)


def _destination(terms: LicenseTerms, asked: Asked) -> Refusal | None:
    """A country group covers the countries it had when the license was entered."""
    if asked.destination in terms.destinations or ANY in terms.destinations:
        return None
    for group in terms.destinations if terms.groups else ():
        if asked.destination in (terms.groups or {}).get(group, ()):
            return None
    return Refusal(HoldReason.DESTINATION_MISMATCH, f"would have to name {asked.destination}")


def _parties(terms: LicenseTerms, asked: Asked) -> Refusal | None:
    return _party("consignee", terms.consignees, asked) or _party(
        "end_user", terms.end_users, asked
    )


def _party(role: str, allowed: tuple[str, ...], asked: Asked) -> Refusal | None:
    """Everybody in a role must be allowed; whoever is presumed denied, by name."""
    strict = role == "end_user" and asked.names_end_user
    if not strict and ANY in allowed:
        return None
    nobody = True
    for party in asked.parties or ():
        if party.role != role:
            continue
        nobody = False
        name = party.name
        if (name in allowed and name != ANY) or _named(name, allowed):
            continue
        return Refusal(HoldReason.PARTY_MISMATCH, f"would have to name {name} as {role}")
    if nobody:
        return Refusal(HoldReason.PARTY_MISMATCH, f"the order would have to name its {role}")
    return None


_SCOPE: Final = (_holder, _item, _destination, _parties)


def _validity(terms: LicenseTerms, days: tuple[date, ...]) -> Refusal | None:
    for day in days:
        if day < terms.valid_from:
            return Refusal(HoldReason.LICENSE_NOT_YET_VALID, f"valid from {terms.valid_from}")
        if day > terms.valid_to:
            return Refusal(HoldReason.LICENSE_EXPIRED, f"expired after {terms.valid_to}")
    return None


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


def _draw(terms: LicenseTerms, asked: Asked) -> Draw | Refusal:
    """Measure the line as the license counts: its unit and basis, its currency."""
    quantity: Decimal | None = asked.quantity
    if terms.unit is not None:
        quantity = measured(
            terms.quantity_basis, terms.unit, asked.item, asked.quantity, asked.unit,
            asked.net_weight, asked.gross_weight,
        )  # fmt: skip
    if quantity is None or not quantity:
        return Refusal(HoldReason.UNIT_MISMATCH, _unmeasured(terms, asked))
    value, currency = asked.value, asked.currency
    if terms.currency is not None:
        if value is None or currency is None:
            text = f"limited in {terms.currency}; the line states no value"
            return Refusal(HoldReason.UNIT_MISMATCH, text)
        if currency != terms.currency:
            moment = asked_at(asked)
            value = exchanged(value, currency, terms.currency, asked.conversions, moment)
        if value is None:
            text = f"limited in {terms.currency}; no rate of the last 31 days for {currency}"
            return Refusal(HoldReason.UNIT_MISMATCH, text)
        currency = terms.currency
    return Draw(quantity, terms.unit or asked.unit, value, currency)


def _unmeasured(terms: LicenseTerms, asked: Asked) -> str:
    """Say which fact a measurement lacks."""
    if terms.quantity_basis == "gross":
        return f"counts gross in {terms.unit}; the line states no gross weight"
    if terms.quantity_basis != "net":
        return (
            f"counts {terms.quantity_basis} in {terms.unit}; the line states no composition or "
            "compound to compute it from"
        )
    return f"counts in {terms.unit}; the line is in {asked.unit} without a net weight"
