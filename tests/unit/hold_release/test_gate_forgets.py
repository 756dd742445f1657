"""An order that ended long ago is forgotten; one whose goods may be on a truck is not."""

from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.fold import long_over
from services.hold_release.gate import KEPT, forget
from services.hold_release.state import ORDER, OrderState, Phase, Reservation, Totals
from tests.support.builders import T0

LEAVING = Reservation(
    reservation_id="r", license_id="cn-1", line_id="L1", regime="CN", facts="",
    line=Totals(quantity=Decimal(1)), covers=Decimal(1), time_basis="log", state="leaving",
)  # fmt: skip


@pytest.mark.parametrize(
    ("phase", "age", "reservations", "gone"),
    [
        ("closed", KEPT, (), True),
        ("rejected", KEPT, (), True),
        ("closed", KEPT - timedelta(seconds=1), (), False),
        ("closed", KEPT, (LEAVING,), False),
        ("held", KEPT * 9, (), False),
        ("released", KEPT * 9, (), False),
    ],
)
def test_only_what_is_long_over_is_forgotten(
    phase: Phase, age: timedelta, reservations: tuple[Reservation, ...], gone: bool
) -> None:
    state = OrderState(
        order_source="erp", order_id="o1", phase=phase, closed_at=T0, reservations=reservations
    )

    assert long_over({ORDER: state}, T0 + age, forget) == ([ORDER] if gone else [])
