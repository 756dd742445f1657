"""The gate and the ledger: candidates in turn, grants, refusals, withdrawals, silence, doubt."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.checks import ReleaseStale, ReservationConfirmRequested, ReservationRequested
from schemas.classification import Verdict
from schemas.decisions import OrderReleased
from schemas.envelope import Output
from services.hold_release.gate import Gate, deadlines
from tests.support.answers import granted, refused, withdrawn
from tests.support.builders import (
    CLEAR,
    KEY,
    SOURCE,
    T0,
    assessed,
    cancelled,
    decided,
    drawing,
    due,
    held_by,
    line,
    order,
    settled,
    unreadable,
    wanted,
)
from tests.support.folds import GateRun, said

DAY = timedelta(days=1)
TWO = order(lines=(line("L1"), line("L2")))


def asked(run: GateRun) -> ReservationRequested:
    return run.sent(ReservationRequested)[-1]


def drawing_run(*licenses: str) -> GateRun:
    run = GateRun()
    run.say(assessed(lines=drawing(*licenses)))
    return run


def released_run(*licenses: str) -> GateRun:
    run = drawing_run(*(licenses or ("cn-1",)))
    run.say(granted(asked(run)))
    assert run.decision == "RELEASED"
    return run


def stale(run: GateRun) -> ReleaseStale:
    return ReleaseStale(order_source=SOURCE, order_id="o1", decision_id=run.last.decision_id)


def values(outputs: tuple[Output, ...]) -> list[bytes | None]:
    return [each.value for each in outputs if isinstance(each.event, OrderReleased)]


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


# Doubt


def test_an_old_grant_is_confirmed_before_a_release_rests_on_it() -> None:
    run = GateRun()
    run.say(assessed(TWO, drawing("cn-1")))
    first, second = run.sent(ReservationRequested)
    run.say(granted(first))
    run.say(granted(second), after=timedelta(seconds=31))
    assert run.decisions == []
    [question] = run.sent(ReservationConfirmRequested)
    assert question.reservation_id == first.reservation_id

    run.say(granted(question, "confirmed"))
    assert run.decision == "RELEASED"


def test_a_grant_of_thirty_seconds_is_young_enough() -> None:
    run = GateRun()
    run.say(assessed(TWO, drawing("cn-1")))
    first, second = run.sent(ReservationRequested)
    run.say(granted(first))
    run.say(granted(second), after=timedelta(seconds=30))

    assert run.decision == "RELEASED"


def test_a_grant_that_is_not_confirmed_holds() -> None:
    run = GateRun()
    run.say(assessed(TWO, drawing("cn-1")))
    first, second = run.sent(ReservationRequested)
    run.say(granted(first))
    run.say(granted(second), after=timedelta(seconds=31))
    run.say(refused(run.sent(ReservationConfirmRequested)[0], "LICENSE_REVOKED"))

    assert [each.decision for each in run.decisions] == ["HELD"]
    assert run.reasons == ["LICENSE_REVOKED"]
    assert run.draws().count(("void", "cn-1")) == 2, "both are given back"


def test_a_stale_release_is_confirmed_and_sent_again_with_the_same_bytes() -> None:
    run = released_run()
    [release] = values(tuple(run.outputs))
    outputs = run.say(stale(run))
    assert said(outputs) == ["ConfirmRequested"]
    question = run.sent(ReservationConfirmRequested)[-1]
    outputs = run.say(granted(question, "confirmed"))

    assert values(outputs) == [release]
    assert run.state.phase == "released"
    assert run.partition.chain_index == 1, "the place in the chain is its own"


def test_a_stale_release_without_licenses_is_sent_at_once() -> None:
    run = GateRun()
    run.say(assessed())
    [release] = values(tuple(run.outputs))

    assert values(run.say(stale(run))) == [release]


def test_a_stale_release_that_is_not_confirmed_is_held_above_it() -> None:
    run = released_run()
    run.say(stale(run))
    outputs = run.say(refused(run.sent(ReservationConfirmRequested)[-1], "LICENSE_REVOKED"))

    assert said(outputs)[:2] == ["HELD", "RELEASED"], "its place in the chain is filled"
    assert run.decision == "HELD"
    assert run.last.seq > 1


WHILE_STALE: dict[str, tuple[Any, str]] = {
    "amended": (assessed(order(revision=2)), "RELEASED"),
    "amended to be held": (assessed(order(revision=2), held_by("MISSING_FACT")), "HELD"),
    "cancelled": (cancelled(), "CLOSED"),
    "unreadable": (unreadable(), "HELD"),
    "said otherwise": (assessed(order(destination="FR")), "HELD"),
}


@pytest.mark.parametrize(("event", "word"), WHILE_STALE.values(), ids=WHILE_STALE)
def test_whatever_supersedes_a_stale_release_leaves_no_gap_in_the_chain(
    event: Any, word: str
) -> None:
    run = released_run()
    sent = run.outputs[-1]
    run.outputs.clear()  # it was held back: nobody read it
    run.say(ReleaseStale(order_source=SOURCE, order_id="o1", decision_id=sent.id))
    run.say(event)

    indices = {each.chain.index for each in run.decisions}
    assert indices == set(range(run.partition.chain_index))
    assert run.decision == word


def test_a_stale_release_that_was_superseded_before_fills_its_place_only() -> None:
    run = released_run()
    notice = stale(run)
    run.say(unreadable())
    outputs = run.say(notice)

    assert said(outputs) == ["RELEASED"]
    assert outputs[0].event.seq == 1  # type: ignore[attr-defined]
    assert run.decision == "HELD"


def test_a_stale_release_nobody_knows_does_nothing() -> None:
    run = released_run()
    unknown = ReleaseStale(order_source=SOURCE, order_id="o1", decision_id="another")

    assert run.say(unknown) == ()


# The end of a release


def test_a_release_ends_and_is_determined_again() -> None:
    run = GateRun()
    until = T0 + timedelta(days=3)
    run.say(assessed(bounds=[until]))
    assert deadlines(run.state) == [("release", until)]
    assert run.say(due("release", until)) == ()
    run.now = until
    outputs = run.say(due("release", until), after=timedelta(0))

    assert said(outputs) == ["HELD", "RecheckRequested"]
    assert run.reasons == ["RELEASE_EXPIRED"]
    run.say(assessed(check=1, as_of=run.now))
    assert run.decision == "RELEASED"


@pytest.mark.parametrize("lines", [drawing("cn-1"), {"CN": CLEAR}], ids=["drawn", "clear"])
def test_on_the_event_basis_a_release_does_not_end_by_log_time(lines: Any) -> None:
    run = GateRun(Gate(time_basis="event"))
    run.say(assessed(lines=lines, as_of=T0 - 100 * DAY))
    for request in run.sent(ReservationRequested):
        run.say(granted(request, valid_to="2026-05-01"))

    assert run.decision == "RELEASED"
    assert run.last.valid_until is not None
    assert run.last.valid_until < run.now
    assert "release" not in dict(deadlines(run.state))


# Re-checks


def test_a_wanted_recheck_is_numbered_once() -> None:
    run = released_run()
    run.say(wanted("pack-2"))
    run.say(wanted("pack-2"))
    run.say(wanted("pack-3"))

    assert [each.check for each in run.sent_rechecks()] == [1, 2]
    assert run.decision == "RELEASED", "a release stands until it is determined again"


def test_no_recheck_of_what_is_not_here_or_has_ended() -> None:
    run = GateRun()
    run.say(wanted("a"))
    run.say(assessed())
    run.say(cancelled())
    run.say(wanted("b"))

    assert run.sent_rechecks() == []


def test_a_release_not_determined_again_in_time_is_held() -> None:
    run = released_run()
    by = run.now + timedelta(minutes=5)
    run.say(wanted("pack-2", by))
    run.now = by
    run.say(due("recheck", by), after=timedelta(0))

    assert run.decision == "HELD"
    run.say(assessed(lines=drawing("cn-1"), check=1))
    run.say(granted(run.sent(ReservationConfirmRequested)[-1], "confirmed"))
    assert run.decision == "RELEASED"


def test_an_older_recheck_does_not_answer_for_the_one_with_a_deadline() -> None:
    run = released_run()
    by = run.now + timedelta(minutes=5)
    run.say(wanted("import"))
    run.say(wanted("pack-2", by))
    run.say(assessed(lines=drawing("cn-1"), check=1))
    assert dict(deadlines(run.state))["recheck"] == by

    run.say(assessed(lines=drawing("cn-1"), check=2))
    assert "recheck" not in dict(deadlines(run.state))


def test_a_later_wish_does_not_put_an_earlier_deadline_off() -> None:
    run = released_run()
    by = run.now + timedelta(minutes=5)
    run.say(wanted("pack-2", by))
    run.say(wanted("pack-3", by + timedelta(minutes=5)))

    assert dict(deadlines(run.state))["recheck"] == by


def test_nothing_new_is_released_while_a_recheck_is_under_way() -> None:
    """It may say otherwise: a pack was activated, an officer stated a fact."""
    run = drawing_run("cn-1")
    run.say(wanted("pack-2"))
    run.say(granted(asked(run)))
    assert run.decisions == []

    run.say(assessed(lines=drawing("cn-1"), check=1))
    assert run.decision == "RELEASED"
    assert run.last.key == KEY


def test_the_third_party_of_a_recheck_keeps_its_reservation() -> None:
    """The same facts determined again draw nothing new."""
    run = released_run()
    run.say(assessed(lines=drawing("cn-1"), check=1))

    assert run.draws() == [("request", "cn-1")]
    assert [each.decision for each in run.decisions] == ["RELEASED"]


def test_an_old_grant_told_again_is_no_confirmation() -> None:
    """A duplicate from before the question cannot know what happened since."""
    run = GateRun()
    run.say(assessed(TWO, drawing("cn-1")))
    first, second = run.sent(ReservationRequested)
    run.say(granted(first))
    run.say(granted(second), after=timedelta(seconds=31))
    [question] = run.sent(ReservationConfirmRequested)
    run.say(granted(first))
    run.say(granted(first, "exists"))
    assert run.decisions == []

    run.say(refused(question, "LICENSE_REVOKED"))
    assert run.decision == "HELD"
