"""A request that stands in the ledger twice: refused the first time, granted the second."""

from schemas.checks import ReservationVoided
from tests.support.answers import granted, refused
from tests.support.builders import assessed, drawing
from tests.support.drawing import asked, drawing_run


def test_what_is_granted_after_it_was_refused_is_given_back() -> None:
    run = drawing_run("cn-1")
    request = asked(run)
    run.say(refused(request))
    assert run.decision == "HELD"

    run.say(granted(request))

    assert run.decision == "HELD"
    assert [void.reservation_id for void in run.sent(ReservationVoided)] == [request.reservation_id]
    assert run.reasons == ["LICENSE_EXHAUSTED"]


def test_what_is_granted_to_a_refused_line_does_not_hinder_the_next_license() -> None:
    run = drawing_run("cn-1", "cn-2")
    first = asked(run)
    run.say(refused(first))
    run.say(granted(first))
    run.say(granted(asked(run)))

    assert run.decision == "RELEASED"
    assert run.last.licenses[0].license_id == "cn-2"
    assert [void.license_id for void in run.sent(ReservationVoided)] == ["cn-1"]


def test_a_grant_said_again_gives_nothing_back() -> None:
    run = drawing_run("cn-1")
    request = asked(run)
    run.say(granted(request))
    run.say(granted(request))
    run.say(granted(request, "exists"))

    assert run.decision == "RELEASED"
    assert run.sent(ReservationVoided) == []


def test_what_is_granted_to_a_refusal_of_an_earlier_assessment_is_given_back() -> None:
    run = drawing_run("cn-1")
    first = asked(run)
    run.say(refused(first))
    run.say(assessed(lines=drawing("cn-2"), check=1))
    run.say(granted(asked(run)))
    assert run.decision == "RELEASED"

    run.say(granted(first))

    assert run.decision == "RELEASED"
    assert [void.license_id for void in run.sent(ReservationVoided)] == ["cn-1"]
