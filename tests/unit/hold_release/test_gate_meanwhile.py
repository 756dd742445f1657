"""What is said while the gate waits for an answer to something else."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from schemas.base import Model
from schemas.checks import ReservationAdjusted, ReservationConfirmRequested, ReservationRequested
from schemas.orders import ShippedLine
from services.hold_release.gate import deadlines
from tests.support.answers import granted, posted
from tests.support.builders import assessed, drawing, line, order, shipped, wanted
from tests.support.drawing import released_run, stale
from tests.support.duo import comes_back
from tests.support.folds import GateRun, said

SOON = date(2026, 6, 10)


def wants(quantity: str, revision: int = 2, *licenses: str) -> Model:
    whole = order(revision=revision, lines=(line(quantity=Decimal(quantity)),))
    return assessed(whole, drawing(*(licenses or ("cn-1",)), quantity=quantity))


def adjusted(run: GateRun, result: str = "adjusted") -> Model:
    return posted(run.sent(ReservationAdjusted)[-1], "adjust").model_copy(update={"result": result})


def shortened(run: GateRun) -> Model:
    """Nobody asked: the license ends earlier now."""
    return granted(run.sent(ReservationRequested)[0], "confirmed", valid_to=SOON)


@pytest.mark.parametrize("shortened_first", [True, False])
def test_a_license_that_ends_earlier_while_more_is_asked_of_it_ends_the_release(
    shortened_first: bool,
) -> None:
    run = released_run()
    run.say(wants("12"))
    for say in (shortened, adjusted) if shortened_first else (adjusted, shortened):
        run.say(say(run))

    assert (run.decision, run.last.revision) == ("RELEASED", 2)
    assert run.last.valid_until is not None
    assert run.last.valid_until.date() <= SOON


@pytest.mark.parametrize("told_before", [True, False])
def test_a_stale_release_is_replaced_where_its_license_ends_earlier_now(told_before: bool) -> None:
    run = released_run()
    run.say(stale(run))
    if told_before:
        run.say(shortened(run))
    question = run.sent(ReservationConfirmRequested)[-1]
    outputs = run.say(granted(question, "confirmed", valid_to=SOON))

    assert said(outputs) == ["RELEASED", "HELD", "RELEASED"]
    assert run.last.valid_until is not None
    assert run.last.valid_until.date() <= SOON


def test_what_came_back_while_more_was_asked_for_is_counted_once() -> None:
    run = released_run()
    goods = (ShippedLine(line_id="L1", quantity=Decimal(4), unit="kg"),)
    run.say(shipped("s1", run.last.decision_id, final=False, lines=goods))
    run.say(wants("20", 2, "cn-1", "cn-2"))
    run.say(comes_back("s1", "2"))
    run.say(adjusted(run, "LICENSE_EXHAUSTED"))

    request = run.sent(ReservationRequested)[-1]
    assert (request.license_id, request.quantity) == ("cn-2", Decimal(18))


def test_an_amendment_does_not_answer_for_a_recheck_with_a_deadline() -> None:
    run = released_run()
    by = run.now + timedelta(minutes=5)
    run.say(wanted("pack-2", by))
    run.say(wants("10"))
    assert run.decision == "HELD", "it may have been classified by the pack before"
    again = run.sent_rechecks()[-1]
    assert (again.revision, again.check) == (2, 1)
    assert dict(deadlines(run.state))["recheck"] == by

    run.say(assessed(order(revision=2, lines=(line(),)), drawing("cn-1"), check=1))
    assert (run.decision, run.last.check) == ("RELEASED", 1)
