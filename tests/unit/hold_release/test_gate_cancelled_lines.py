"""Lines that were cancelled stay cancelled, whatever is said of the order later or was before."""

import pytest

from schemas.base import Model
from tests.support.builders import assessed, cancelled, held_by, line, order, wanted
from tests.support.folds import GateRun, said

TWO = (line("L1"), line("L2"))
HELD = held_by("CLASSIFICATION_UNCERTAIN")
CANCEL_L2 = cancelled(lines=("L2",))
SHRUNK: dict[str, tuple[list[Model], list[str]]] = {
    # events on an order of two lines; what was decided before the rest is determined again
    "an older re-check is under way": (
        [assessed(order(lines=TWO), HELD), wanted("a"), CANCEL_L2,
         assessed(order(lines=TWO), check=1)],
        ["HELD", "HELD"],
    ),
    "its revision comes after it": (
        [assessed(order(lines=TWO)), cancelled(2, lines=("L2",)),
         assessed(order(revision=2, lines=TWO))],
        ["RELEASED", "HELD"],
    ),
    "before it is placed": ([CANCEL_L2, assessed(order(lines=TWO))], []),
    "twice, also for a lower revision": (
        [cancelled(2, lines=("L2",)), CANCEL_L2, assessed(order(revision=2, lines=TWO))],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("events", "words"), SHRUNK.values(), ids=SHRUNK)
def test_a_cancelled_line_does_not_come_back(events: list[Model], words: list[str]) -> None:
    run = GateRun()
    for event in events:
        run.say(event)
    assert [each.decision for each in run.decisions] == words

    recheck = run.sent_rechecks()[-1]
    assert [each.line_id for each in recheck.lines] == ["L1"]
    again = order(revision=recheck.revision, lines=recheck.lines)
    run.say(assessed(again, check=recheck.check))
    assert run.decision == "RELEASED"
    assert [each.line_id for each in run.last.lines] == ["L1"]
    run.say(events[-1])
    assert run.decision == "RELEASED", "the same statement of the order is no conflict"


def test_a_line_cancelled_at_a_lower_revision_may_be_ordered_again() -> None:
    run = GateRun()
    run.say(CANCEL_L2)
    run.say(assessed(order(revision=2, lines=TWO)))

    assert run.decision == "RELEASED"
    assert [each.line_id for each in run.last.lines] == ["L1", "L2"]


def test_an_order_whose_lines_were_all_cancelled_before_it_was_placed_is_closed() -> None:
    run = GateRun()
    run.say(CANCEL_L2)
    run.say(cancelled(lines=("L1",)))
    run.say(assessed(order(lines=TWO)))

    assert said(run.outputs) == ["CLOSED"]
    assert run.last.cause == "cancelled"
