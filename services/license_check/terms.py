"""Terms that the books cannot take: named, and not applied in any part."""

from schemas.base import plain
from schemas.licenses import LicenseTerms
from services.license_check.book import License
from services.license_check.exchange import CURRENCIES
from services.license_check.units import kilograms_per, sort_of


def fault_of(license_: License, terms: LicenseTerms) -> tuple[str, str] | None:
    """Name what is wrong with new terms for a license: a result, and a sentence."""
    return unknown_measure(terms) or _incomparable(license_, terms) or _below(license_, terms)


def unknown_measure(terms: LicenseTerms) -> tuple[str, str] | None:
    """Tell of a unit, basis or currency that nothing can be counted in."""
    if terms.unit is not None and sort_of(terms.unit) is None:
        return "unit_unknown", f"unit {terms.unit!r} is not known"
    if terms.unit is not None and terms.quantity_basis != "net" and not kilograms_per(terms.unit):
        return "basis_unknown", f"{terms.quantity_basis} cannot be counted in {terms.unit}"
    if terms.currency is not None and terms.currency not in CURRENCIES:
        return "currency_unknown", f"currency {terms.currency!r} is not known"
    return None


def _incomparable(license_: License, terms: LicenseTerms) -> tuple[str, str] | None:
    """What was drawn was counted in the old measure; nobody converts an authority's figures."""
    old = license_.terms
    if old is None:
        return None
    counted = license_.used_quantity or license_.reserved_quantity
    if counted and (old.unit, old.quantity_basis) != (terms.unit, terms.quantity_basis):
        return "unit_changed", f"drawn in {old.unit} {old.quantity_basis} before"
    valued = license_.used_value or license_.reserved_value or counted
    if valued and terms.currency is not None and old.currency != terms.currency:
        return "currency_changed", f"drawn in {old.currency or 'no currency'} before"
    return None


def _below(license_: License, terms: LicenseTerms) -> tuple[str, str] | None:
    """An amendment may take back what is reserved, never what has left.

    One that leaves the limit of a license overdrawn by a breach as it is may change the rest.
    """
    old = license_.terms
    shrinks = old is None or old.quantity is None or (terms.quantity or 0) < old.quantity
    if terms.quantity is not None and shrinks and terms.quantity < license_.used_quantity:
        return "below_used", f"{plain(license_.used_quantity)} {terms.unit} are used already"
    shrinks = old is None or old.value is None or (terms.value or 0) < old.value
    if terms.value is not None and shrinks and terms.value < license_.used_value:
        return "below_used", f"{plain(license_.used_value)} {terms.currency} are used already"
    return None
