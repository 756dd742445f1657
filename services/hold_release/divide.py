"""What left, divided over the licenses a line is split over: quantity, weights and value."""

from decimal import ROUND_FLOOR, Context, Decimal
from typing import Final

from schemas.orders import ShippedLine, Weight
from services.hold_release.state import ZERO, Reservation

_PLACES: Final = Decimal("0.000000000001")
_EXACT: Final = Context(prec=80)


def divided(
    drawn: list[Reservation], line: ShippedLine, unit: str
) -> list[tuple[Reservation, ShippedLine]]:
    """Divide what left over the licenses a line is split over.

    The last takes the rest, also what is too much. Weights and value go with the quantity.
    """
    if len(drawn) == 1:
        return [(drawn[0], line)]
    parts: list[tuple[Reservation, ShippedLine]] = []
    left, value, net, gross = line.quantity, line.value, line.net_weight, line.gross_weight
    for entry, room in zip(drawn, _rooms(drawn, line, unit), strict=True):
        last = entry is drawn[-1]
        own = left if last else min(left, room)
        if own <= ZERO:
            continue
        whole = own == left
        taken = {
            "quantity": own,
            "value": value if whole else _share(value, own, left),
            "net_weight": net if whole else _weight(net, own, left),
            "gross_weight": gross if whole else _weight(gross, own, left),
        }
        parts.append((entry, line.model_copy(update=taken)))
        if whole:
            break
        value = None if value is None else value - (_share(value, own, left) or ZERO)
        net, gross = _less(net, own, left), _less(gross, own, left)
        left -= own
    return parts


def _rooms(drawn: list[Reservation], line: ShippedLine, unit: str) -> list[Decimal]:
    """Tell how much of what left each takes: what it covers yet; in another unit, in proportion."""
    if line.unit == unit:
        return [max(entry.covers - entry.shipped, ZERO) for entry in drawn]
    whole = sum((entry.covers for entry in drawn), ZERO)
    return [_share(line.quantity, entry.covers, whole) or ZERO for entry in drawn]


def _share(amount: Decimal | None, part: Decimal, whole: Decimal) -> Decimal | None:
    if amount is None:
        return None
    exact = _EXACT.divide(_EXACT.multiply(amount, part), whole)
    return exact.quantize(_PLACES, rounding=ROUND_FLOOR, context=_EXACT)


def _weight(weight: Weight | None, part: Decimal, whole: Decimal) -> Weight | None:
    share = None if weight is None else _share(weight.value, part, whole)
    return Weight(value=share, unit=weight.unit) if weight and share else None


def _less(weight: Weight | None, part: Decimal, whole: Decimal) -> Weight | None:
    taken = _weight(weight, part, whole)
    if weight is None or taken is None:
        return weight
    return Weight(value=weight.value - taken.value, unit=weight.unit)
