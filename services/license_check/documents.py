"""Documents a license requires: one draws only with a certificate that fits in every respect."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from schemas.base import plain
from schemas.decisions import HoldReason
from schemas.licenses import LicenseTerms
from schemas.orders import Document
from services.license_check.facts import Asked, Draw, Refusal
from services.license_check.names import code_covers, folded_name, same_name
from services.license_check.units import convert

Usage = Mapping[str, Decimal]
"""What was drawn on a license so far under each document, in the license's unit."""
NOTHING: Final[Usage] = MappingProxyType({})


def key_of(document: Document) -> str:
    """Name a document among those of a license: two of one kind and number are one."""
    return f"{document.kind} {folded_name(document.number)}"


def required(
    terms: LicenseTerms, asked: Asked, days: tuple[date, ...], drawn: Draw, usage: Usage
) -> tuple[Document, ...] | Refusal:
    """Find a fitting document of each kind required; or name the kind, and what is amiss."""
    found = []
    for kind in terms.requires:
        amiss = f"the order carries no {kind}"
        for document in asked.documents:
            if document.kind != kind:
                continue
            fault = _fault(document, terms, asked, days, drawn, usage)
            if not fault:
                found.append(document)
                break
            amiss = f"{kind} {document.number} {fault}"
        else:
            return Refusal(HoldReason.EUC_MISSING, amiss)
    return tuple(found)


def resting_on(drawn: Draw, shown: tuple[Document, ...]) -> Draw:
    """Say which documents a draw rests on, and until when they are in force."""
    ends = [each.valid_until for each in shown if each.valid_until is not None]
    return drawn._replace(
        documents=tuple(key_of(each) for each in shown), valid_until=min(ends, default=None)
    )


def _fault(
    document: Document,
    terms: LicenseTerms,
    asked: Asked,
    days: tuple[date, ...],
    drawn: Draw,
    usage: Usage,
) -> str:
    if not names_end_users(document, asked):
        return f"names the end user {document.end_user}, not the order's"
    for day in days:
        if day < document.issued:
            return f"is issued on {document.issued}, after {day}"
        if document.valid_until is not None and day > document.valid_until:
            return f"was valid until {document.valid_until}"
    if document.items is not None and not _names_item(document.items, asked):
        return "does not name the item"
    return _beyond(document, terms, drawn, usage)


def names_end_users(document: Document, asked: Asked) -> bool:
    """Tell whether a document is of the end user: of each, where there are several."""
    users = [party.name for party in asked.parties or () if party.role == "end_user"]
    named = document.end_user
    return bool(users) and named is not None and all(same_name(named, user) for user in users)


def _names_item(items: Iterable[str], asked: Asked) -> bool:
    """By control code or its parent, by article, or by material."""
    item = asked.item
    own = {folded_name(name) for name in (*item.materials, item.sku or "", item.formula or "")}
    return any(
        folded_name(named) in own - {""} or any(code_covers(named, code) for code in item.codes)
        for named in items
        if named
    )


def _beyond(document: Document, terms: LicenseTerms, drawn: Draw, usage: Usage) -> str:
    """Compare with all that was drawn on the license under this number so far."""
    if document.quantity is None:
        return ""
    comparable = terms.quantity_basis == "net" and terms.unit is not None
    limit = (
        convert(document.quantity, document.unit or drawn.unit, None, drawn.unit)
        if comparable
        else None
    )
    if limit is None:
        return f"is for {plain(document.quantity)} {document.unit}: the license counts otherwise"
    before = usage.get(key_of(document), Decimal(0))
    if before + drawn.quantity > limit:
        return f"is for {plain(limit)} {drawn.unit}, of which {plain(before)} is drawn already"
    return ""
