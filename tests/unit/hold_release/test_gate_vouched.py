"""What an order system vouches for: of which lines, and of which revision, nothing left."""

from datetime import timedelta

import pytest

from schemas.orders import OrderCancelled
from tests.support.builders import cancelled, license_granted, line, order
from tests.support.duo import DAY, Duo, needs

ALL = cancelled(2)
CANCELLED: dict[str, tuple[list[OrderCancelled], str]] = {
    # what is said of an order of three lines of ten, released in its second revision; what stays
    # set aside for the recall window
    "all of it": ([cancelled(2, not_shipped=True)], "0"),
    "late": ([ALL, cancelled(2, not_shipped=True)], "0"),
    "late, of one line": ([ALL, cancelled(2, lines=("L1",), not_shipped=True)], "20"),
    "late, of a revision before": ([ALL, cancelled(1, not_shipped=True)], "30"),
    "of another line": (
        [cancelled(2, lines=("L1",)), cancelled(2, lines=("L2",), not_shipped=True)],
        "20",
    ),
    "of the last line": (
        [cancelled(2, lines=("L1", "L2")), cancelled(2, lines=("L3",), not_shipped=True)],
        "20",
    ),
    "of all lines": ([cancelled(2, lines=("L1", "L2", "L3"), not_shipped=True)], "0"),
}


@pytest.mark.parametrize(("said", "set_aside"), CANCELLED.values(), ids=CANCELLED)
def test_what_nobody_vouches_for_stays_set_aside_for_the_recall(
    said: list[OrderCancelled], set_aside: str
) -> None:
    duo = Duo()
    duo.office(license_granted())
    lines = (line("L1"), line("L2"), line("L3"))
    duo.order(needs(order(lines=lines)))
    duo.order(needs(order(revision=2, lines=lines)))
    assert duo.balance() == ("0", "30")
    for event in said:
        duo.order(event)

    assert duo.last().decision in ("CLOSED", "HELD")
    assert duo.balance() == ("0", set_aside)
    if duo.last().decision == "CLOSED":
        duo.pass_time(DAY + timedelta(minutes=1))
        assert duo.balance() == ("0", "0")
