"""The gate and the ledger: candidates in turn, grants, refusals, withdrawals, silence."""

from datetime import timedelta

import pytest

from schemas.checks import ReservationRequested
from schemas.classification import Verdict
from services.hold_release.gate import deadlines
from tests.support.answers import granted, refused, withdrawn
from tests.support.builders import (
    assessed,
    decided,
    drawing,
    due,
    held_by,
    order,
    settled,
    unreadable,
)
from tests.support.drawing import TWO, asked, drawing_run, released_run
from tests.support.folds import GateRun, said


def test_nothing_is_released_before_the_ledger_answers() -> None:
    run = drawing_run("cn-1", "cn-2")

    assert run.decisions == []
    assert run.state.phase == "reserving"
    assert run.draws() == [("request", "cn-1")]
    request = asked(run)
    assert (request.line_id, request.regime, request.license_id) == ("L1", "CN", "cn-1")
    assert request.answer_by == run.now + timedelta(seconds=10)
    assert request.quantity == order().lines[0].quantity
    assert [party.name for party in request.parties or ()] == ["Weber GmbH", "Weber GmbH"]


def test_a_grant_releases_on_what_was_granted() -> None:
    run = drawing_run("cn-1")
    run.say(granted(asked(run), valid_to="2026-06-03"))

    assert run.decision == "RELEASED"
    [drawn] = run.last.licenses
    assert (drawn.license_id, drawn.ledger_offset) == ("cn-1", 5)
    assert run.last.lines[0].regimes["CN"].settled_by == "license"
    assert run.last.lines[0].regimes["CN"].license_ids == ("cn-1",)
    assert run.last.lines[0].regimes["US"].settled_by == "none"
    assert run.last.valid_until is not None
    assert run.last.valid_until.isoformat() == "2026-06-03T16:00:00+00:00"  # midnight in Shanghai


def test_refused_the_next_candidate_is_asked_and_each_once() -> None:
    run = drawing_run("cn-1", "cn-2", "cn-3")
    for _ in range(2):
        run.say(refused(asked(run)))
    run.say(granted(asked(run)))

    assert run.draws() == [("request", "cn-1"), ("request", "cn-2"), ("request", "cn-3")]
    assert run.last.licenses[0].license_id == "cn-3"
    assert len({each.reservation_id for each in run.sent(ReservationRequested)}) == 3


def test_refused_by_all_the_order_is_held_with_every_refusal() -> None:
    run = drawing_run("cn-1", "cn-2")
    run.say(refused(asked(run), "LICENSE_SUSPENDED"))
    run.say(refused(asked(run), "LICENSE_EXHAUSTED"))

    assert run.decision == "HELD"
    assert run.reasons == ["LICENSE_SUSPENDED", "LICENSE_EXHAUSTED"]
    assert [reason.text[:4] for reason in run.last.reasons] == ["cn-1", "cn-2"]


def test_if_one_line_is_refused_what_the_others_hold_is_given_back() -> None:
    run = GateRun()
    run.say(assessed(TWO, drawing("cn-1")))
    first, second = run.sent(ReservationRequested)
    run.say(granted(first))
    run.say(refused(second))

    assert run.decision == "HELD"
    assert run.reasons == ["LICENSE_EXHAUSTED"]
    assert run.last.reasons[0].line_id == "L2"
    assert run.draws()[-1] == ("void", "cn-1")
    run.say(granted(first, "exists"))
    assert run.decision == "HELD"


def test_a_line_that_waits_keeps_a_refused_order_from_release() -> None:
    run = GateRun()
    run.say(assessed(TWO, drawing("cn-1")))
    first, second = run.sent(ReservationRequested)
    run.say(refused(second))
    run.say(granted(first))

    assert [each.decision for each in run.decisions] == ["HELD"]
    assert "RELEASED" not in said(run.outputs)


def test_both_regimes_must_be_settled_each_by_its_own_license() -> None:
    lines = {
        "CN": settled(Verdict.LICENSE_REQUIRED, "cn-1"),
        "US": settled(Verdict.LICENSE_REQUIRED, "us-1"),
    }
    run = GateRun()
    run.say(assessed(lines=lines))
    china, states = run.sent(ReservationRequested)
    assert (china.regime, states.regime) == ("CN", "US")
    run.say(granted(china))
    assert run.decisions == []

    run.say(granted(states))
    assert {(d.regime, d.license_id) for d in run.last.licenses} == {("CN", "cn-1"), ("US", "us-1")}


def test_the_ledger_is_not_asked_while_anything_else_holds() -> None:
    run = GateRun()
    run.say(assessed(TWO, {"L1": drawing("cn-1"), "L2": held_by("MISSING_FACT")}))

    assert said(run.outputs) == ["HELD"]
    assert run.draws() == []


def test_an_answer_told_twice_or_to_a_question_never_asked_changes_nothing() -> None:
    run = released_run("cn-1", "cn-2")
    stranger = asked(run).model_copy(update={"reservation_id": "another"})
    before = run.decisions
    for answer in (
        granted(asked(run)),
        granted(asked(run), "exists"),
        refused(asked(run)),
        granted(stranger),
        refused(stranger),
        withdrawn(stranger),
    ):
        run.say(answer)

    assert run.decisions == before


@pytest.mark.parametrize(
    "reason", ["LICENSE_SUSPENDED", "LICENSE_REVOKED", "LICENSE_EXPIRED", "LICENSE_EXHAUSTED"]
)
def test_a_withdrawal_withdraws_the_release_at_once(reason: str) -> None:
    run = released_run()
    outputs = run.say(withdrawn(asked(run), reason))

    assert said(outputs)[0] == "HELD", "published before anything is voided"
    assert run.decision == "HELD"
    assert reason in {each.code.value for each in run.decisions[1].reasons}
    assert ("void", "cn-1") not in run.draws(), "the goods may be on a truck"


def test_after_a_withdrawal_the_next_candidate_may_serve() -> None:
    run = released_run("cn-1", "cn-2")
    run.say(withdrawn(asked(run)))
    assert run.draws()[-1] == ("request", "cn-2")
    run.say(granted(asked(run)))

    assert [each.decision for each in run.decisions] == ["RELEASED", "HELD", "RELEASED"]
    assert run.decisions[1].reasons[0].code == "LICENSE_SUSPENDED"
    assert [drawn.license_id for drawn in run.last.licenses] == ["cn-2"]


def test_a_withdrawal_before_the_release_is_a_refusal() -> None:
    run = GateRun()
    run.say(assessed(TWO, drawing("cn-1")))
    first, second = run.sent(ReservationRequested)
    run.say(granted(first))
    run.say(withdrawn(first))
    run.say(granted(second))

    assert [each.decision for each in run.decisions] == ["HELD"]
    assert run.reasons == ["LICENSE_SUSPENDED"]


def test_a_license_that_stands_again_is_asked_anew() -> None:
    run = released_run()
    run.say(withdrawn(asked(run)))
    run.say(assessed(lines=drawing("cn-1"), check=1))
    requests = run.sent(ReservationRequested)
    assert len(requests) == 2
    assert requests[0].reservation_id != requests[1].reservation_id
    run.say(granted(requests[1]))

    assert run.decision == "RELEASED"


def test_a_hold_that_officers_settle_asks_the_ledger_anew() -> None:
    """What was voided for the hold cannot be drawn again: the ledger would answer `voided`."""
    run = drawing_run("cn-1")
    run.say(unreadable())
    assert run.draws() == [("request", "cn-1"), ("void", "cn-1")]
    run.say(decided(run.last.seq))
    first, again = run.sent(ReservationRequested)
    assert first.reservation_id != again.reservation_id
    run.say(granted(first))
    assert run.decision == "HELD"

    run.say(granted(again))
    assert run.decision == "RELEASED"


# Silence


def test_silence_is_held_and_asked_again_with_the_same_question() -> None:
    run = drawing_run("cn-1")
    answer_by = asked(run).answer_by
    run.now = answer_by
    run.say(due("answer", answer_by), after=timedelta(0))

    assert run.reasons == ["LEDGER_SILENT"]
    first, again = run.sent(ReservationRequested)
    assert first.reservation_id == again.reservation_id
    run.say(granted(again, "exists"))
    assert run.decision == "RELEASED"


def test_silence_goes_on_without_a_new_decision() -> None:
    run = drawing_run("cn-1")
    for _ in range(3):
        answer_by = dict(deadlines(run.state))["answer"]
        run.now = answer_by
        run.say(due("answer", answer_by), after=timedelta(0))

    assert [each.decision for each in run.decisions] == ["HELD"]
    assert len(run.sent(ReservationRequested)) == 4


@pytest.mark.parametrize("off", [-1, 1])
def test_a_deadline_that_is_not_due_or_not_this_one_does_nothing(off: int) -> None:
    run = drawing_run("cn-1")
    answer_by = asked(run).answer_by
    run.say(due("answer", answer_by), after=timedelta(seconds=9))
    run.say(due("answer", answer_by + timedelta(seconds=off)), after=timedelta(seconds=60))

    assert said(run.outputs) == ["Requested"]


def test_an_answered_question_has_no_deadline() -> None:
    run = drawing_run("cn-1")
    answer_by = asked(run).answer_by
    run.say(granted(asked(run)))
    run.say(due("answer", answer_by), after=timedelta(minutes=1))

    assert [name for name, _ in deadlines(run.state)] == ["release"]
    assert run.decision == "RELEASED"


def test_a_reason_of_a_later_release_holds_and_stops_nothing() -> None:
    """Stages are upgraded one after the other; a reason nobody knows here is a doubt."""
    run = drawing_run("cn-1")
    run.say(refused(asked(run), "SOMETHING_NEW"))
    assert run.decision == "HELD"

    told = GateRun()
    told.say(assessed(lines=held_by("SOMETHING_NEW")))
    for officer in ("ann", "bob"):
        told.say(decided(1, officer=officer))
    assert told.decision == "HELD"

    withdrew = released_run()
    withdrew.say(withdrawn(asked(withdrew), "SOMETHING_NEW"))
    assert withdrew.decision == "HELD"
