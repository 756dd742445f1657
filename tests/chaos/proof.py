"""Documents and conditions of a license, read anew from the contract."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from schemas.checks import ReservationRequested
from schemas.licenses import ANY, LicenseTerms
from schemas.orders import Document
from tests.chaos.measures import drawn, name, stops, unit_factor


def broken_conditions(terms: LicenseTerms, request: ReservationRequested) -> Iterator[str]:
    """Read anew: `name=value`, and what nobody can judge allows nothing."""
    users = {party.country for party in request.parties or () if party.role == "end_user"}
    for text in terms.conditions:
        head, _, value = (each.strip() for each in text.replace(":", "=", 1).partition("="))
        kept = {
            "port": (request.port or "").casefold()
            in {each.strip().casefold() for each in value.split("|") if each.strip()},
            "no_reexport": users == {request.destination},
            "acknowledge": any(
                document.number == (value or terms.license_id) for document in request.documents
            ),
            "report_within_days": True,
            "max_shipments": True,
            "quantity_per_shipment": _at_once(terms, request, value),
            "value_per_order": request.order_value is not None
            and value.endswith(str(request.currency))
            and request.order_value <= Decimal(value.split()[0]),
        }.get(head.casefold(), False)
        if not kept:
            yield f"does not keep the condition {text}"


def _at_once(terms: LicenseTerms, request: ReservationRequested, value: str) -> bool:
    try:
        number, unit = value.split(maxsplit=1)
        if terms.unit is None:
            terms = terms.model_copy(update={"unit": unit})
        most = Fraction(number) * unit_factor(unit, terms.unit or "")
        return drawn(terms, request) <= most or request.shipping == "partial"
    except (KeyError, IndexError, ValueError):
        return False


def proving(
    terms: LicenseTerms, request: ReservationRequested, on: set[date], used: Any
) -> list[str]:
    """The documents a request rests on, one of each kind required."""
    found = []
    for kind in terms.requires:
        fits = [each for each in request.documents if _proves(each, kind, terms, request, on, used)]
        found += [shown(fits[0])] if fits else []
    return found


def shown(document: Document) -> str:
    """A document among those of a license."""
    return f"{document.kind} {name(document.number)}"


def missing_documents(
    terms: LicenseTerms, request: ReservationRequested, on: set[date], used: Any
) -> Iterator[str]:
    kinds = {each.split()[0] for each in proving(terms, request, on, used)}
    yield from (f"requires a {kind}" for kind in terms.requires if kind not in kinds)


def _proves(
    document: Document, kind: str, terms: LicenseTerms, request: ReservationRequested,
    on: set[date], used: Mapping[str, Decimal],
) -> bool:  # fmt: skip
    users = {name(party.name) for party in request.parties or () if party.role == "end_user"}
    return (
        document.kind == kind
        and document.end_user is not None
        and users == {name(document.end_user)}
        and all(document.issued <= day <= (document.valid_until or day) for day in on)
        and _names(document, request)
        and _suffices(document, terms, request, used)
    )


def _names(document: Document, request: ReservationRequested) -> bool:
    if document.items is None:
        return True
    item = request.item
    codes = {code[:at] for code in item.codes for at in stops(code)}
    own = {name(each) for each in (*item.materials, item.sku or "", item.formula or "") if each}
    return any(
        each in codes or (each == ANY and item.codes) or name(each) in own
        for each in document.items
    )


def _suffices(
    document: Document, terms: LicenseTerms, request: ReservationRequested,
    used: Mapping[str, Decimal],
) -> bool:  # fmt: skip
    """All that is drawn on the license under one number stays within what the document is for."""
    if document.quantity is None:
        return True
    if terms.unit is None or terms.quantity_basis != "net":
        return False
    try:
        limit = Fraction(document.quantity) * unit_factor(document.unit or terms.unit, terms.unit)
        return Fraction(used.get(shown(document), Decimal(0)) + drawn(terms, request)) <= limit
    except (KeyError, ValueError):
        return False
