"""Goods leave, come back, or were promised to have stayed; what was released stays set aside."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.checks import (
    ReservationConfirmRequested,
    ReservationRequested,
    ReservationReturned,
    ReservationSettled,
    ReservationVoided,
)
from schemas.decisions import BreachRaised
from schemas.orders import OrderReturned, ShippedLine
from services.hold_release.gate import deadlines
from tests.support.answers import granted, posted, withdrawn
from tests.support.builders import (
    ALL_CLEAR,
    SOURCE,
    T0,
    assessed,
    cancelled,
    drawing,
    due,
    held_by,
    line,
    order,
    shipped,
    unreadable,
)
from tests.support.folds import GateRun, said

TWO = order(lines=(line("L1"), line("L2")))
DAY = timedelta(hours=24)
HELD = held_by("MISSING_FACT")


def part(line_id: str = "L1", quantity: str = "10", unit: str = "kg") -> ShippedLine:
    return ShippedLine(line_id=line_id, quantity=Decimal(quantity), unit=unit)


def released(whole: Any = None, lines: Any = None) -> GateRun:
    run = GateRun()
    run.say(assessed(whole, drawing("cn-1") if lines is None else lines))
    for request in run.sent(ReservationRequested):
        run.say(granted(request))
    assert run.decision == "RELEASED"
    return run


def amend(run: GateRun, revision: int, quantity: int, license_id: str = "cn-1") -> None:
    """Change the quantity, so that what was reserved is of no use any more; release again."""
    changed = order(revision=revision, lines=(line(quantity=Decimal(quantity)),))
    run.say(assessed(changed, drawing(license_id), as_of=run.now))
    run.say(granted(run.sent(ReservationRequested)[-1], quantity=str(quantity)))
    assert run.decision == "RELEASED"


def test_the_final_shipment_settles_and_closes() -> None:
    run = released()
    run.say(shipped("s1", run.last.decision_id))
    [told] = run.sent(ReservationSettled)

    assert (run.decision, run.last.cause) == ("CLOSED", "shipped")
    assert (told.quantity, told.unit, told.final) == (Decimal(10), "kg", True)
    assert run.sent(BreachRaised) == []
    assert run.draws() == [("request", "cn-1"), ("settle", "cn-1")]
    assert deadlines(run.state) == []


def test_partial_shipments_add_up() -> None:
    run = released()
    decision = run.last.decision_id
    run.say(shipped("s1", decision, final=False, lines=(part(quantity="4"),)))
    assert run.decision == "RELEASED"
    run.say(shipped("s2", decision, lines=(part(quantity="6"),)))

    assert [(each.quantity, each.final) for each in run.sent(ReservationSettled)] == [
        (Decimal(4), False),
        (Decimal(6), True),
    ]
    assert run.decision == "CLOSED"
    assert run.sent(BreachRaised) == []


def test_a_shipment_told_twice_counts_once() -> None:
    run = released()
    event = shipped("s1", run.last.decision_id, final=False, lines=(part(quantity="6"),))
    run.say(event)
    assert run.say(event) == ()
    assert run.repeat() == ()


def test_what_the_final_shipment_leaves_out_is_given_back_after_the_recall_window() -> None:
    run = released(TWO)
    run.say(shipped("s1", run.last.decision_id))
    assert run.decision == "CLOSED"
    assert run.sent(ReservationVoided) == [], "it may be on a truck of its own"

    [(name, run.now)] = deadlines(run.state)
    run.say(due(name, run.now), after=timedelta(0))
    assert [each.reservation_id for each in run.sent(ReservationVoided)] == [
        run.sent(ReservationRequested)[1].reservation_id
    ]


BREACHES: dict[str, tuple[str, dict[str, Any]]] = {
    "wrong decision": ("wrong_revision", {"decision_id": "another"}),
    "wrong revision": ("wrong_revision", {"revision": 2}),
    "line nobody ordered": ("unknown_line", {"lines": (part("L9"),)}),
    "too much": ("over_quantity", {"lines": (part(quantity="10.000000000001"),)}),
    "in another unit": ("over_quantity", {"lines": (part(unit="lb"),)}),
    "after valid_until": ("expired", {"shipped_at": T0 + timedelta(days=1000)}),
}


@pytest.mark.parametrize(("kind", "changes"), BREACHES.values(), ids=BREACHES)
@pytest.mark.parametrize("final", [True, False])
def test_a_breach_is_told_and_settled_all_the_same(
    kind: str, changes: dict[str, Any], final: bool
) -> None:
    run = released()
    event = shipped("s1", run.last.decision_id).model_copy(update=changes | {"final": final})
    run.say(event)

    [breach] = run.sent(BreachRaised)
    assert (breach.kind, breach.shipment_id) == (kind, "s1")
    assert breach.lines == tuple(each.line_id for each in event.lines)
    if kind != "unknown_line":
        assert len(run.sent(ReservationSettled)) == 1


MISTAKEN = [changes for kind, changes in BREACHES.values() if kind[:5] in ("wrong", "unkno")]


@pytest.mark.parametrize("changes", MISTAKEN)
def test_a_final_shipment_of_something_else_ends_nothing(changes: dict[str, Any]) -> None:
    run = released()
    run.say(shipped("s1", run.last.decision_id).model_copy(update=changes))

    assert run.decision == "RELEASED"
    assert run.sent(ReservationVoided) == []
    assert not any(each.final for each in run.sent(ReservationSettled))


def test_two_shipments_that_exceed_the_line_together() -> None:
    run = released()
    decision = run.last.decision_id
    run.say(shipped("s1", decision, final=False, lines=(part(quantity="6"),)))
    run.say(shipped("s2", decision, final=False, lines=(part(quantity="6"),)))

    assert [each.kind for each in run.sent(BreachRaised)] == ["over_quantity"]


def test_shipping_what_is_held_is_a_breach_and_releases_nothing() -> None:
    run = released()
    decision = run.last.decision_id
    run.say(unreadable())
    run.say(shipped("s1", decision, final=False))

    assert [each.kind for each in run.sent(BreachRaised)] == ["not_released"]
    assert run.decision == "HELD"
    assert len(run.sent(ReservationSettled)) == 1, "the goods are gone"


@pytest.mark.parametrize("ever_released", [True, False])
def test_what_was_finally_shipped_while_held_is_never_released(ever_released: bool) -> None:
    run = released() if ever_released else GateRun()
    run.say(assessed(lines=HELD, check=1))
    run.say(shipped("s1", "d"))
    assert [each.kind for each in run.sent(BreachRaised)] == ["not_released"]
    assert (run.decision, run.last.cause) == ("CLOSED", "shipped")
    assert len(run.sent(ReservationSettled)) == int(ever_released)

    assert run.say(assessed(check=2)) == ()
    assert run.say(cancelled(not_shipped=True)) == (), "all is gone"


def test_a_final_shipment_of_other_lines_does_not_end_a_held_order() -> None:
    run = GateRun()
    run.say(assessed(lines=HELD))
    run.say(shipped("s1", "d", lines=(part("L9"),)))

    assert run.decision == "HELD"


@pytest.mark.parametrize("cancel", [True, False])
def test_an_order_finally_shipped_before_it_is_known_is_closed_once_it_is(cancel: bool) -> None:
    run = GateRun()
    run.say(shipped("s1", "d"))
    assert [each.kind for each in run.sent(BreachRaised)] == ["not_released"]
    if cancel:
        run.say(cancelled())
    run.say(assessed(lines=drawing("cn-1")))

    assert (run.decision, run.last.cause) == ("CLOSED", "shipped")
    assert run.draws() == []


def test_shipping_a_cancelled_order_is_a_breach_and_it_stays_closed() -> None:
    run = released()
    decision = run.last.decision_id
    run.say(cancelled())
    run.say(shipped("s1", decision))

    assert [each.kind for each in run.sent(BreachRaised)] == ["not_released"]
    assert run.decision == "CLOSED"
    assert len(run.sent(ReservationSettled)) == 1


def test_a_shipment_is_settled_once_though_older_reservations_wait_for_recall() -> None:
    """Amended and released again: what the truck carries is drawn on the release it names."""
    run = released()
    amend(run, 2, 12, "cn-2")
    decision = run.last.decision_id
    run.say(shipped("s1", decision, revision=2, lines=(part(quantity="12"),)))

    assert [each.license_id for each in run.sent(ReservationSettled)] == ["cn-2"]
    assert run.sent(BreachRaised) == []
    assert run.decision == "CLOSED"


def test_the_final_shipment_gives_back_what_waits_for_its_recall() -> None:
    run = released()
    amend(run, 2, 12, "cn-2")
    run.say(shipped("s1", run.last.decision_id, revision=2, lines=(part(quantity="12"),)))

    assert ("void", "cn-1") in run.draws()
    assert deadlines(run.state) == []


def test_an_overdraft_is_raised_once() -> None:
    run = released()
    run.say(shipped("s1", run.last.decision_id, lines=(part(quantity="30"),)))
    answer = posted(run.sent(ReservationSettled)[0], "settle", "15")
    run.say(answer)
    run.repeat()

    kinds = [each.kind for each in run.sent(BreachRaised)]
    assert kinds == ["over_quantity", "overdrawn"]
    overdrawn = run.sent(BreachRaised)[-1]
    assert (overdrawn.shipment_id, overdrawn.licenses[0].license_id) == ("s1", "cn-1")
    assert overdrawn.licenses[0].overdrawn == Decimal(15)


@pytest.mark.parametrize(("operation", "over"), [("settle", None), ("void", "5"), ("adjust", "5")])
def test_other_postings_say_nothing(operation: str, over: str | None) -> None:
    run = released()

    assert run.say(posted(run.sent(ReservationRequested)[0], operation, over)) == ()


def test_a_return_is_told_each_license_the_goods_left_on_once() -> None:
    run = released()
    event = OrderReturned(
        order_source=SOURCE, order_id="o1", shipment_id="s1", return_id="b1", returned_at=T0,
        lines=(part(),),
    )  # fmt: skip

    assert run.say(event) == (), "nothing left yet"
    run.say(shipped("s1", run.last.decision_id))
    assert run.decision == "CLOSED"
    [told] = run.say(event)
    assert isinstance(told.event, ReservationReturned)
    assert (told.key, told.event.return_id) == ("cn-1", "b1")
    assert run.say(event) == ()


# What was released and is no more


def test_a_release_withdrawn_by_a_cancellation_keeps_its_goods_for_the_recall_window() -> None:
    run = released()
    outputs = run.say(cancelled())
    assert said(outputs) == ["CLOSED"]
    recall_at = run.now + DAY
    assert deadlines(run.state) == [("recall", recall_at)]

    run.now = recall_at
    outputs = run.say(due("recall", recall_at), after=timedelta(0))
    assert run.draws()[-1] == ("void", "cn-1")
    assert len(outputs) == 1
    assert deadlines(run.state) == []
    assert run.say(due("recall", recall_at)) == ()


def test_before_the_window_ends_nothing_is_voided() -> None:
    run = released()
    run.say(cancelled())
    recall_at = run.now + DAY
    run.say(due("recall", recall_at), after=DAY - timedelta(seconds=1))

    assert ("void", "cn-1") not in run.draws()


@pytest.mark.parametrize("late", [False, True])
def test_not_shipped_gives_back_at_once(late: bool) -> None:
    run = released()
    if late:
        run.say(cancelled())
        assert ("void", "cn-1") not in run.draws()
    run.say(cancelled(not_shipped=True))

    assert run.draws()[-1] == ("void", "cn-1")
    assert [each.decision for each in run.decisions] == ["RELEASED", "CLOSED"]


def test_what_was_never_released_is_given_back_at_once() -> None:
    run = GateRun()
    run.say(assessed(lines=drawing("cn-1")))
    run.say(cancelled())

    assert said(run.outputs) == ["Requested", "CLOSED", "Voided"]
    assert run.say(granted(run.sent(ReservationRequested)[0])) == ()


def test_each_reservation_waits_for_a_recall_window_of_its_own() -> None:
    run = released()
    amend(run, 2, 12, "cn-2")
    first = dict(deadlines(run.state))["recall"]
    run.now += timedelta(hours=20)
    amend(run, 3, 14, "cn-3")
    second_let_go = run.now
    run.now = first
    run.say(due("recall", first), after=timedelta(0))
    assert ("void", "cn-1") in run.draws()
    assert ("void", "cn-2") not in run.draws(), "it may have been loaded 20 hours later"

    second = dict(deadlines(run.state))["recall"]
    assert second > second_let_go + DAY - timedelta(seconds=5)
    run.now = second
    run.say(due("recall", second), after=timedelta(0))
    assert ("void", "cn-2") in run.draws()
    assert ("void", "cn-3") not in run.draws()


def test_amended_back_what_waits_for_its_recall_is_taken_back_once_confirmed() -> None:
    run = released()
    run.say(assessed(order(revision=2), HELD))
    run.say(assessed(order(revision=3), drawing("cn-1")))
    assert run.draws() == [("request", "cn-1"), ("confirm", "cn-1")]
    run.say(granted(run.sent(ReservationConfirmRequested)[-1], "confirmed"))

    assert run.decision == "RELEASED"
    assert run.last.licenses[0].license_id == "cn-1"


def test_a_withdrawn_reservation_is_not_taken_back() -> None:
    run = released()
    run.say(withdrawn(run.sent(ReservationRequested)[0]))
    run.say(assessed(order(revision=2), drawing("cn-1")))

    assert ("confirm", "cn-1") not in run.draws()
    assert run.draws()[-1] == ("request", "cn-1")


def test_a_release_without_licenses_closes_too() -> None:
    run = released(lines=ALL_CLEAR)
    run.say(shipped("s1", run.last.decision_id))

    assert said(run.outputs) == ["RELEASED", "CLOSED"]
