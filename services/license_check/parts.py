"""Which part of a request fits what remains: all of it, or, where the request allows, less."""

from decimal import Decimal
from fractions import Fraction
from typing import Final, NamedTuple

from schemas.base import plain
from schemas.checks import ReservationRequested
from schemas.decisions import HoldReason
from services.license_check.book import ZERO, License
from services.license_check.facts import Draw, Refusal
from services.license_check.units import rounded_down, rounded_up, sort_of

_MASS_STEP: Final = Decimal("0.000001")
_WHOLE: Final = Decimal(1)


class Part(NamedTuple):
    """What is granted. `quantity` and `value` as the line states them; null: all that was asked."""

    draw: Draw
    quantity: Decimal | None = None
    value: Decimal | None = None


def part_of(license_: License, request: ReservationRequested, draw: Draw) -> Part | Refusal:
    """Fit a covered request into what remains of a license."""
    standing = license_.left()
    left, left_value = standing.quantity, standing.value
    short = left is not None and left < draw.quantity
    short_value = left_value is not None and left_value < (draw.value or ZERO)
    if not short and not short_value:
        return Part(draw)
    if request.partial:
        part = _less(request, draw, left, left_value)
        if part is not None:
            return part
    if short:
        text = f"{plain(max(left or ZERO, ZERO))} {draw.unit} remain"
    else:
        text = f"{plain(max(left_value or ZERO, ZERO))} {draw.currency} remain"
    return Refusal(HoldReason.LICENSE_EXHAUSTED, text)


def _less(
    request: ReservationRequested, draw: Draw, left: Decimal | None, left_value: Decimal | None
) -> Part | None:
    """Cut a request down to what remains: whole pieces, or milligrams of a kilogram."""
    room = [Fraction(1)]
    if left is not None:
        room.append(Fraction(max(left, ZERO)) / Fraction(draw.quantity))
    if left_value is not None and draw.value:
        room.append(Fraction(max(left_value, ZERO)) / Fraction(draw.value))
    step = _MASS_STEP if sort_of(request.unit) == "mass" else _WHOLE
    quantity = rounded_down(Fraction(request.quantity) * min(room), step)
    if quantity <= ZERO:
        return None
    share = Fraction(quantity) / Fraction(request.quantity)
    drawn = rounded_up(Fraction(draw.quantity) * share)
    value = None if draw.value is None else rounded_up(Fraction(draw.value) * share)
    assert drawn is not None, "a part is smaller than the whole"
    stated = None if request.value is None else Fraction(request.value) * share
    return Part(
        draw._replace(quantity=drawn, value=value),
        quantity,
        None if stated is None else rounded_down(stated),
    )
