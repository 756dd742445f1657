"""What a license allows, read anew from the contract: no line of it is the services'."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from typing import Final

from schemas.checks import ReservationRequested
from schemas.licenses import ANY, LicenseTerms
from schemas.orders import Document, Weight
from schemas.regimes import ZONES, day_in

GRAMS: Final = {
    "mg": Fraction(1, 1000), "g": Fraction(1), "gram": Fraction(1), "克": Fraction(1),
    "kg": Fraction(1000), "kgs": Fraction(1000), "kilogram": Fraction(1000),
    "公斤": Fraction(1000), "千克": Fraction(1000), "t": Fraction(10**6), "mt": Fraction(10**6),
    "ton": Fraction(10**6), "tonne": Fraction(10**6), "吨": Fraction(10**6), "噸": Fraction(10**6),
    "lb": Fraction("453.59237"), "lbs": Fraction("453.59237"), "oz": Fraction("28.349523125"),
}  # fmt: skip
COUNTED: Final = {
    "piece": "pc pcs piece ea unit units 件 个 只 支 台 条",
    "set": "set sets 套",
    "lot": "lot",
    "vial": "vial",
    "seat": "seat seats license licenses",
}
SORTS: Final = {word: sort for sort, words in COUNTED.items() for word in words.split()}
PLACES: Final = Decimal("0.000000000001")
_CONTEXT: Final = Context(prec=80)


def name(text: str) -> str:
    """A name as it is compared."""
    return " ".join(text.split()).casefold()


def drawn(terms: LicenseTerms, quantity: Decimal, unit: str, weight: Weight | None) -> Decimal:
    """What a quantity is in the license's unit. Raises ValueError where that is not known."""
    if terms.unit is None:
        return quantity
    grams = GRAMS.get(name(terms.unit))
    if grams is None:
        sort = SORTS.get(name(unit))
        if sort is None or sort != SORTS.get(name(terms.unit)):
            raise ValueError(f"{unit} is not {terms.unit}")
        return quantity
    if name(unit) in GRAMS:
        mass = Fraction(quantity) * GRAMS[name(unit)]
    elif weight is not None and name(weight.unit) in GRAMS:
        mass = Fraction(weight.value) * GRAMS[name(weight.unit)]
    else:
        raise ValueError(f"{unit} has no weight")
    exact = mass / grams
    quotient = _CONTEXT.divide(Decimal(exact.numerator), Decimal(exact.denominator))
    return quotient.quantize(PLACES, rounding=ROUND_CEILING, context=_CONTEXT)


def ends(terms: LicenseTerms) -> datetime:
    """The first moment at which a license is over."""
    zone = ZONES.get(terms.regime, ZONES["CN"])
    return datetime.combine(terms.valid_to + timedelta(days=1), time(), zone)


def days(request: ReservationRequested, now: datetime) -> set[date]:
    """The days a license must be valid on."""
    moments = [request.as_of] if request.time_basis == "event" else [request.as_of, now]
    found = {day_in(request.regime, moment) for moment in moments}
    ship = request.requested_ship_date
    return found if ship is None else {*found, ship}


def uncovered(terms: LicenseTerms, request: ReservationRequested, now: datetime) -> Iterator[str]:
    """Name each respect in which a license does not allow what was asked for."""
    if terms.regime != request.regime:
        yield f"issued under {terms.regime}, asked for {request.regime}"
    if terms.holder != ANY and name(terms.holder) != name(request.exporter):
        yield f"held by {terms.holder}, not by {request.exporter}"
    if ANY not in terms.destinations and request.destination not in terms.destinations:
        yield f"does not name the destination {request.destination}"
    if terms.conditions or terms.max_shipments is not None or terms.quantity_basis != "net":
        yield "has a condition that nobody evaluates"
    if not all(terms.valid_from <= day <= terms.valid_to for day in days(request, now)):
        yield f"valid {terms.valid_from} to {terms.valid_to}, used on {days(request, now)}"
    if terms.value is not None and (request.value is None or request.currency != terms.currency):
        yield f"limited in {terms.currency}, the line is in {request.currency}"
    try:
        drawn(terms, request.quantity, request.unit, request.net_weight)
    except ValueError as error:
        yield str(error)
    yield from _item(terms, request)
    yield from _parties(terms, request)
    yield from _documents(terms, request, days(request, now))


def _item(terms: LicenseTerms, request: ReservationRequested) -> Iterator[str]:
    item = request.item
    if not (terms.codes or terms.categories or terms.materials):
        yield "names no item at all"
    if terms.codes and ANY not in terms.codes:
        parents = {code[:at] for code in item.codes for at in _stops(code)}
        if not parents & set(terms.codes):
            yield f"names {terms.codes}, not {item.codes}"
    if terms.categories and not {ANY, str(item.category)} & set(terms.categories):
        yield f"names the categories {terms.categories}, not {item.category}"
    if terms.materials and ANY not in terms.materials:
        wanted = {name(material) for material in item.materials}
        if not wanted & {name(material) for material in terms.materials}:
            yield f"names {terms.materials}, not {item.materials}"


def _stops(code: str) -> list[int]:
    """Where a code or one of its parents ends: 1C905.b ends after 1C905 and after .b."""
    return [at for at, sign in enumerate(code) if sign == "."] + [len(code)]


def _parties(terms: LicenseTerms, request: ReservationRequested) -> Iterator[str]:
    named = request.parties or ()
    for role, allowed in (("consignee", terms.consignees), ("end_user", terms.end_users)):
        strict = role == "end_user" and request.names_end_user
        if ANY in allowed and not strict:
            continue
        own = [name(party.name) for party in named if party.role == role]
        if not own or not set(own) <= {name(each) for each in allowed if each != ANY}:
            yield f"allows {allowed} as {role}, not {own}"


def _documents(terms: LicenseTerms, request: ReservationRequested, on: set[date]) -> Iterator[str]:
    users = {name(party.name) for party in request.parties or () if party.role == "end_user"}
    for kind in terms.requires:
        if not any(_proves(document, kind, users, on) for document in request.documents):
            yield f"requires a {kind}"


def _proves(document: Document, kind: str, users: set[str], on: set[date]) -> bool:
    return (
        document.kind == kind
        and document.end_user is not None
        and users == {name(document.end_user)}
        and document.items is None
        and document.quantity is None
        and all(document.issued <= day <= (document.valid_until or day) for day in on)
    )
