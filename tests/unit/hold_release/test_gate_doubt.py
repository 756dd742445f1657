"""The gate in doubt: old grants, stale releases, releases that end, re-checks."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.checks import ReleaseStale, ReservationConfirmRequested, ReservationRequested
from services.hold_release.gate import Gate, deadlines
from tests.support.answers import granted, refused
from tests.support.builders import (
    CLEAR,
    KEY,
    SOURCE,
    T0,
    assessed,
    cancelled,
    drawing,
    due,
    held_by,
    order,
    unreadable,
    wanted,
)
from tests.support.drawing import DAY, TWO, asked, drawing_run, released_run, stale, values
from tests.support.folds import GateRun, said

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


@pytest.mark.parametrize(("seconds", "words"), [(59, ["RELEASED"]), (120, ["HELD", "RELEASED"])])
def test_a_stale_release_that_ended_meanwhile_is_sent_under_a_hold(
    seconds: int, words: list[str]
) -> None:
    run = GateRun()
    run.say(assessed(lines=drawing("cn-1"), bounds=[T0 + timedelta(seconds=60)]))
    run.say(granted(run.sent(ReservationRequested)[0]))
    sent = run.outputs[-1]
    run.say(ReleaseStale(order_source=SOURCE, order_id="o1", decision_id=sent.id))
    [question] = run.sent(ReservationConfirmRequested)
    run.now = T0 + timedelta(seconds=seconds)
    outputs = run.say(granted(question, "confirmed"), after=timedelta(0))

    assert [word for word in said(outputs) if word != "RecheckRequested"] == words
    assert [each.id for each in outputs if each.id == sent.id] == [sent.id]
    assert run.decision == words[0]
    assert run.decision == "RELEASED" or run.reasons == ["RELEASE_EXPIRED"]


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
