"""What a license allows, read anew from the contract: no line of it is the services'."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal

from schemas.checks import ReservationRequested
from schemas.licenses import ANY, LicenseTerms
from schemas.regimes import ZONES, day_in
from tests.chaos.measures import drawn, name, stops, worth
from tests.chaos.proof import broken_conditions, missing_documents


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


def uncovered(
    terms: LicenseTerms, request: ReservationRequested, now: datetime, used: Mapping[str, Decimal]
) -> Iterator[str]:
    """Name each respect in which a license does not allow what was asked for.

    `used`: what others drew on the license under each document.
    """
    if terms.regime != request.regime:
        yield f"issued under {terms.regime}, asked for {request.regime}"
    if terms.holder != ANY and name(terms.holder) != name(request.exporter):
        yield f"held by {terms.holder}, not by {request.exporter}"
    groups = terms.groups or {}
    named = {place for each in terms.destinations for place in groups.get(each, (each,))}
    if ANY not in named and request.destination not in named:
        yield f"does not name the destination {request.destination}"
    yield from broken_conditions(terms, request)
    if not all(terms.valid_from <= day <= terms.valid_to for day in days(request, now)):
        yield f"valid {terms.valid_from} to {terms.valid_to}, used on {days(request, now)}"
    if terms.value is not None and (request.value is None or request.currency is None):
        yield f"limited in {terms.currency}, the line states no value"
    try:
        drawn(terms, request)
        worth(terms, request, request.value)
    except (ValueError, KeyError) as error:
        yield str(error)
    yield from _item(terms, request)
    yield from _parties(terms, request)
    yield from missing_documents(terms, request, days(request, now), used)


def _item(terms: LicenseTerms, request: ReservationRequested) -> Iterator[str]:
    item = request.item
    if not (terms.codes or terms.categories or terms.materials):
        yield "names no item at all"
    if terms.codes and ANY not in terms.codes:
        parents = {code[:at] for code in item.codes for at in stops(code)}
        if not parents & set(terms.codes):
            yield f"names {terms.codes}, not {item.codes}"
    if terms.categories and not {ANY, str(item.category)} & set(terms.categories):
        yield f"names the categories {terms.categories}, not {item.category}"
    if terms.materials and ANY not in terms.materials:
        wanted = {name(material) for material in item.materials}
        if not wanted & {name(material) for material in terms.materials}:
            yield f"names {terms.materials}, not {item.materials}"


def _parties(terms: LicenseTerms, request: ReservationRequested) -> Iterator[str]:
    named = request.parties or ()
    for role, allowed in (("consignee", terms.consignees), ("end_user", terms.end_users)):
        strict = role == "end_user" and request.names_end_user
        if ANY in allowed and not strict:
            continue
        own = [name(party.name) for party in named if party.role == role]
        if not own or not set(own) <= {name(each) for each in allowed if each != ANY}:
            yield f"allows {allowed} as {role}, not {own}"
