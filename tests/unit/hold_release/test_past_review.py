"""Ways in which goods once could have been released twice or wrongly; each stays a test."""

from datetime import timedelta
from decimal import Decimal

from schemas.checks import ReservationRequested, ReservationVoided
from tests.support.answers import granted
from tests.support.builders import (
    T0,
    assessed,
    drawing,
    license_granted,
    line,
    order,
    requested,
    void,
)
from tests.support.drawing import asked, drawing_run
from tests.support.duo import Duo, needs, of
from tests.support.folds import GateRun, LedgerRun, said

YEAR = timedelta(days=365)


def test_a_void_that_comes_before_its_request_refuses_it() -> None:
    run = LedgerRun()
    run.say(license_granted())
    run.say(void("r1"))
    assert said(run.say(requested("r1"))) == ["Refused: voided"]

    assert run.balances() == ("0", "0", "100")


def test_an_amendment_while_a_request_is_in_flight_releases_the_amended_order_alone() -> None:
    run = drawing_run("cn-1")
    first = asked(run)
    more = order(revision=2, lines=(line(quantity=Decimal(15)),))
    run.say(assessed(more, drawing("cn-1", quantity="15")))
    second = asked(run)
    assert [each.reservation_id for each in run.sent(ReservationVoided)] == [first.reservation_id]
    assert second.reservation_id != first.reservation_id

    run.say(granted(first))
    assert not run.decisions
    run.say(granted(second, quantity="15"))
    assert (run.decision, run.last.revision) == ("RELEASED", 2)
    assert [each.quantity for each in run.last.licenses] == [Decimal(15)]


def test_an_amendment_while_an_adjustment_is_in_flight_rests_on_neither_total() -> None:
    run = drawing_run("cn-1")
    run.say(granted(asked(run)))
    for revision, quantity in ((2, "15"), (3, "18")):
        whole = order(revision=revision, lines=(line(quantity=Decimal(quantity)),))
        run.say(assessed(whole, drawing("cn-1", quantity=quantity)))

    assert run.decision == "HELD"
    assert asked(run).quantity == Decimal(18), "asked anew: what it holds is not known"


def test_of_two_assessments_of_one_order_the_first_counts() -> None:
    run = GateRun()
    run.say(assessed(lines=drawing("cn-1")))
    run.say(assessed(lines=drawing("cn-2")), event_id="another")

    assert [each.license_id for each in run.sent(ReservationRequested)] == ["cn-1"]
    run.say(granted(asked(run)))
    assert [each.license_id for each in run.last.licenses] == ["cn-1"]


def test_a_clock_that_is_a_year_behind_releases_nothing() -> None:
    duo = Duo()
    duo.office(license_granted())
    duo.gate.now = duo.ledger.now = T0 + YEAR
    duo.order(needs(of("10"), as_of=T0))

    assert [each.code for each in duo.last().reasons] == ["TIME_IMPLAUSIBLE"]
    assert duo.balance() == ("0", "0")


def test_records_stamped_a_year_back_do_not_turn_log_time_back() -> None:
    run = LedgerRun()
    run.now = T0 + YEAR
    run.say(license_granted())
    run.now = T0
    assert said(run.say(requested())) == ["Refused: LICENSE_EXPIRED"]
