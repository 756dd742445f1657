"""A line of pieces that comes to weigh more, or is weighed in another unit."""

from decimal import Decimal

import pytest

from schemas.orders import Order
from tests.support.builders import SECOND, license_granted, line, order
from tests.support.duo import DAY, Duo, needs


def pieces(count: str, weight: str, unit: str = "kg", revision: int = 1) -> Order:
    weighed = {"value": weight, "unit": unit}
    return order(
        revision=revision, lines=(line(quantity=Decimal(count), unit="pcs", net_weight=weighed),)
    )


@pytest.mark.parametrize(
    ("count", "weight", "unit", "set_aside", "later"),
    [
        ("10", "8", "kg", "8", "8"),  # as many, and heavier
        ("12", "4", "kg", "5", "4"),  # more, and lighter: what may have left weighs five
        ("10", "8000", "g", "13", "8"),  # no unit to compare in: asked anew beside the old
    ],
)
def test_a_released_line_is_set_aside_by_the_more_that_it_weighs(
    count: str, weight: str, unit: str, set_aside: str, later: str
) -> None:
    duo = Duo()
    duo.office(license_granted())
    duo.order(needs(pieces("10", "5")))
    duo.order(needs(pieces(count, weight, unit, revision=2)))

    assert (duo.last().decision, duo.last().revision) == ("RELEASED", 2)
    assert duo.balance() == ("0", set_aside)
    duo.pass_time(DAY + SECOND)
    assert duo.balance() == ("0", later)


def test_more_weight_than_a_license_has_room_for_is_not_released() -> None:
    duo = Duo()
    duo.office(license_granted(quantity=Decimal(5)))
    duo.order(needs(pieces("10", "5")))
    duo.order(needs(pieces("10", "8", revision=2)))

    assert duo.last().decision == "HELD"
