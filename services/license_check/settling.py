"""What has left, and what came back: shipments are used up, returns credited where terms say so.

Goods that left are gone, so a settlement always counts; what it breaks of the terms is on record.
"""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from schemas.base import Model, built, changed, plain
from schemas.checks import Measured, ReservationReturned, ReservationSettled
from schemas.envelope import Recorded
from schemas.fold import Partition, Saying
from schemas.licenses import LicenseTerms
from schemas.regimes import day_in
from services.license_check import answers, conditions, register
from services.license_check.book import (
    LICENSE,
    ZERO,
    Aggregate,
    Effect,
    License,
    Reservation,
    validity,
    with_tolerance,
)
from services.license_check.content import measured
from services.license_check.exchange import exchanged
from services.license_check.facts import asked_at
from services.license_check.posting import posted, shipment_name, with_shipment
from services.license_check.units import convert, rounded_down, rounded_up, sort_of

Told = ReservationSettled | ReservationReturned


def settled(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Goods left: used rises by what left, even beyond the reservation; that is an overdraft."""
    told: ReservationSettled = record.event
    known = aggregate.get(told.reservation_id)
    if not isinstance(known, Reservation) or told.shipment_id in known.shipments:
        result = "exists" if isinstance(known, Reservation) else "no_such_reservation"
        return {}, [answers.posted(record, told, "settle", result, license_)]
    quantity, result = _quantity(license_, known, told)
    value, currency = _value(known, told)
    closes = known.state != "closed" and told.final
    after = changed(
        known,
        used_quantity=known.used_quantity + quantity,
        used_value=known.used_value + value,
        shipments=(*known.shipments, told.shipment_id),
        parts=known.parts if told.of_shipment is None else _with_part(known, told),
        state="closed" if closes else known.state,
        closed_at=partition.log_time if closes else known.closed_at,
    )
    moved = posted(license_, known, after)
    breaches = _breaches(license_, known, after, told)
    if _limits_shipments(license_.terms):
        moved, limits = _with_shipment(moved, told, quantity)
        breaches += limits
    left = moved.left()
    over = (left.quantity or ZERO) < ZERO or (left.value or ZERO) < ZERO
    if result == "settled" and over and moved.within_tolerance():
        result = "settled_within_tolerance"
    answer = answers.posted(
        record, told, "settle", result, license_, moved, breaches=breaches,
        sides=_sides(known, told, quantity, value, currency),
        report_by=_report_by(license_.terms, told),
    )  # fmt: skip
    changes: dict[str, Model | None] = {LICENSE: moved, told.reservation_id: after}
    if closes or told.of_shipment is not None or not _limits_shipments(license_.terms):
        return changes, [answer]  # of what ships in parts, the last part tells what else it takes
    return _withdraw_rest(moved, aggregate, changes, answer, record, partition)


def _with_part(known: Reservation, told: ReservationSettled) -> dict[str, str]:
    assert told.of_shipment is not None, "asked of a part only"
    return {**(known.parts or {}), told.shipment_id: told.of_shipment}


def _withdraw_rest(
    license_: License,
    aggregate: Aggregate,
    changes: dict[str, Model | None],
    answer: Saying,
    record: Recorded[Any],
    partition: Partition,
) -> Effect:
    """An order that ships in parts may use up the shipments that others were to take."""
    now = {**aggregate, **{name: each for name, each in changes.items() if each is not None}}
    further, outputs = register.withdraw(license_, now, record, partition)
    return {**changes, **further}, [answer, *outputs]


def _sides(
    known: Reservation, told: Told, quantity: Decimal, value: Decimal, currency: str | None
) -> tuple[Measured, Measured] | None:
    """Keep both sides of a conversion with its posting."""
    own = _currency(known, told)
    if (told.unit, own) == (known.unit, currency):
        return None
    return (
        built(Measured, quantity=told.quantity, unit=told.unit, value=told.value, currency=own),
        built(Measured, quantity=quantity, unit=known.unit, value=value, currency=currency),
    )


def both_sides(known: Reservation) -> tuple[Measured, Measured] | None:
    """Tell what a reservation is, as the line states it and as the license counts it."""
    stated = known.stated()
    if stated is None:
        return None
    drawn = built(
        Measured,
        quantity=known.quantity,
        unit=known.unit,
        value=known.value,
        currency=known.currency,
    )
    return stated, drawn


def _quantity(license_: License, known: Reservation, told: Told) -> tuple[Decimal, str]:
    """Measure what left as the license counts; what cannot be measured uses up all the rest."""
    exact = _measured(license_, known, told)
    if exact is None:
        return known.unused[0], "unit_unknown_settled_in_full"
    return exact, "settled"


def _measured(license_: License, known: Reservation, told: Told) -> Decimal | None:
    """By what the shipment weighs; else in proportion to what the line is."""
    terms, asked = license_.terms, known.request
    if terms is None or asked is None or terms.unit is None:
        return convert(told.quantity, told.unit, told.net_weight, known.unit)
    if told.unit == terms.unit and terms.quantity_basis == "net":
        return told.quantity
    if terms.quantity_basis == "gross":
        weighed = told.gross_weight is not None
    else:
        weighed = sort_of(told.unit) == "mass" or told.net_weight is not None
    if weighed:
        found = measured(
            terms.quantity_basis, terms.unit, asked.item, told.quantity, told.unit,
            told.net_weight, told.gross_weight,
        )  # fmt: skip
        if found is not None:
            return found
    whole = measured(
        terms.quantity_basis, terms.unit, asked.item, asked.quantity, asked.unit,
        asked.net_weight, asked.gross_weight,
    )  # fmt: skip
    quantity = convert(told.quantity, told.unit, told.net_weight, asked.unit)
    if whole is None or quantity is None:
        return None
    # Of what was asked for, not of what is granted: that is less once goods came back.
    return rounded_up(Fraction(whole) * Fraction(quantity) / Fraction(asked.quantity))


def _currency(known: Reservation, told: Told) -> str | None:
    """A shipment's value is in the currency of its order's line, unless it says otherwise."""
    return told.currency or (known.request.currency if known.request else None)


def _value(known: Reservation, told: Told) -> tuple[Decimal, str | None]:
    """Tell what a shipment is worth in the license's currency; unknown: all the rest."""
    currency, asked = _currency(known, told), known.request
    if told.value is None or asked is None or known.currency is None:
        value = told.value if told.value is not None and asked is None else known.unused[1]
        return value, known.currency
    if currency is None or currency == known.currency:
        return told.value, known.currency
    found = exchanged(told.value, currency, known.currency, asked.conversions, asked_at(asked))
    return (known.unused[1] if found is None else found), known.currency


def _breaches(
    license_: License, known: Reservation, after: Reservation, told: ReservationSettled
) -> tuple[str, ...]:
    """Name the terms that a shipment did not keep."""
    terms = license_.terms
    if terms is None:
        return ("license_unknown",)
    found = []
    if known.request is not None and after.used_quantity > with_tolerance(
        known.quantity, terms.over_percent
    ):
        found.append("over_quantity")
    if validity(terms, day_in(terms.regime, told.shipped_at)) is not None:
        found.append("validity")
    state = license_.state_at(told.shipped_at)
    if state != "active":
        found.append(f"license_{state}")
    return tuple(found)


def _limits_shipments(terms: LicenseTerms | None) -> bool:
    if terms is None or not (terms.conditions or terms.max_shipments):
        return False
    counted = conditions.shipments_max(terms) is not None
    return counted or conditions.per_shipment(terms) is not None


def _with_shipment(
    license_: License, told: ReservationSettled, quantity: Decimal
) -> tuple[License, tuple[str, ...]]:
    """Count a shipment, once for all of its lines; name the limits it exceeds."""
    assert license_.terms is not None, "limits are terms"
    name = shipment_name(told.order_source, told.of_shipment or told.shipment_id)
    amount = conditions.in_shipment(license_.terms, told, quantity)
    counted = with_shipment(license_, name, amount or ZERO)
    found = []
    most = conditions.shipments_max(license_.terms)
    if most is not None and counted.shipments_made > most and name not in license_.shipments:
        found.append(conditions.MAX_SHIPMENTS)
    limit = conditions.per_shipment(license_.terms)
    if limit is not None and (amount is None or counted.shipments[name] > limit):
        found.append(conditions.PER_SHIPMENT)
    return counted, tuple(found)


def _report_by(terms: LicenseTerms | None, told: ReservationSettled) -> date | None:
    due = conditions.find(terms, conditions.REPORT) if terms and terms.conditions else None
    if due is None or terms is None:
        return None
    return day_in(terms.regime, told.shipped_at) + timedelta(days=int(due.amount))


def returned(
    license_: License, aggregate: Aggregate, record: Recorded[Any], partition: Partition
) -> Effect:
    """Goods came back: on record, and credited only where the terms say `automatic`."""
    del partition
    told: ReservationReturned = record.event
    known = aggregate.get(told.reservation_id)
    if not isinstance(known, Reservation) or told.return_id in known.returns:
        result = "exists" if isinstance(known, Reservation) else "no_such_reservation"
        return {}, [answers.posted(record, told, "return", result, license_)]
    quantity = _measured(license_, known, told)
    if told.shipment_id not in map(known.whole, known.shipments):
        return {}, [answers.posted(record, told, "return", "no_such_shipment", license_)]
    if quantity is None or quantity > known.used_quantity:
        result = "unit_unknown" if quantity is None else "beyond_shipped"
        text = f"{plain(known.used_quantity)} {known.unit} left on this reservation"
        return {}, [answers.posted(record, told, "return", result, license_, text=text)]
    noted = changed(known, returns=(*known.returns, told.return_id))
    if license_.terms is None or license_.terms.return_credit != "automatic":
        answer = answers.posted(record, told, "return", "recorded", license_)
        return {LICENSE: license_, told.reservation_id: noted}, [answer]
    value = _credit(known, told, quantity)
    credited = changed(
        noted,
        used_quantity=known.used_quantity - quantity,
        used_value=known.used_value - value,
        # What came back is not to be shipped again on this line: the license has it, not the order.
        quantity=max(known.quantity - quantity, ZERO),
        value=None if known.value is None else max(known.value - value, ZERO),
    )
    moved = posted(license_, known, credited)
    answer = answers.posted(
        record, told, "return", "credited", license_, moved,
        sides=_sides(known, told, quantity, value, known.currency),
    )  # fmt: skip
    return {LICENSE: moved, told.reservation_id: credited}, [answer]


def _credit(known: Reservation, told: ReservationReturned, quantity: Decimal) -> Decimal:
    """Credit the value of what came back, never more than its share of what was used."""
    if not known.used_quantity:
        return ZERO
    share = Fraction(known.used_value) * Fraction(quantity) / Fraction(known.used_quantity)
    exact = rounded_down(share)
    value = _value(known, told)[0] if told.value is not None else exact
    return min(value, exact, known.used_value)
