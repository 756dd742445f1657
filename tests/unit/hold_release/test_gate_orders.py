"""Orders at the gate: placed, amended, cancelled, said twice, unreadable, rejected."""

from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.base import Model
from schemas.checks import ReservationRequested
from schemas.classification import Verdict
from schemas.decisions import OrderReleased
from schemas.orders import Order, RecheckRequested
from services.hold_release.gate import Gate
from tests.support.answers import granted
from tests.support.builders import (
    CLEAR,
    KEY,
    NOT_APPLICABLE,
    T0,
    Regimes,
    assessed,
    cancelled,
    decided,
    drawing,
    held_by,
    line,
    order,
    settled,
    unreadable,
)
from tests.support.folds import GateRun, said

TWO = (line("L1"), line("L2"))
REV_2, REV_3 = order(revision=2), order(revision=3)
OTHER = order(destination="FR")
HELD = held_by("CLASSIFICATION_UNCERTAIN")

SEQUENCES: dict[str, tuple[list[Model], list[str], str]] = {
    # events on one order; all that is said; code of the standing hold, if any
    "placed, clear": ([assessed()], ["RELEASED"], ""),
    "placed, held": ([assessed(lines=HELD)], ["HELD"], "CLASSIFICATION_UNCERTAIN"),
    "placed twice": ([assessed(), assessed()], ["RELEASED"], ""),
    "held, placed twice": (
        [assessed(lines=HELD), assessed(lines=HELD)],
        ["HELD"],
        "CLASSIFICATION_UNCERTAIN",
    ),
    "embargo": ([assessed(lines=held_by("EMBARGO"))], ["REJECTED"], "EMBARGO"),
    "after rejection nothing counts": (
        [assessed(lines=held_by("EMBARGO")), assessed(REV_2), cancelled(), unreadable()],
        ["REJECTED"],
        "EMBARGO",
    ),
    "amended": ([assessed(), assessed(REV_2)], ["RELEASED", "HELD", "RELEASED"], ""),
    "amended to be held": (
        [assessed(), assessed(REV_2, HELD)],
        ["RELEASED", "HELD", "HELD"],
        "CLASSIFICATION_UNCERTAIN",
    ),
    "held, amended to be clear": (
        [assessed(lines=HELD), assessed(REV_2)],
        ["HELD", "RELEASED"],
        "",
    ),
    "held, amended, held for the same": (
        [assessed(lines=HELD), assessed(REV_2, HELD)],
        ["HELD", "HELD"],
        "CLASSIFICATION_UNCERTAIN",
    ),
    "amended before placed": ([assessed(REV_2), assessed()], ["RELEASED"], ""),
    "amended twice before placed": ([assessed(REV_3), assessed(REV_2), assessed()],
        ["RELEASED"], ""),
    "one amendment is missing": (
        [assessed(), assessed(REV_3)],
        ["RELEASED", "HELD", "HELD"],
        "EVENT_CONFLICT",
    ),
    "the gap is filled too late": (
        [assessed(), assessed(REV_3), assessed(REV_2)],
        ["RELEASED", "HELD", "HELD"],
        "EVENT_CONFLICT",
    ),
    "after a gap the next revision is whole again": (
        [assessed(), assessed(REV_3), assessed(order(revision=4))],
        ["RELEASED", "HELD", "HELD", "RELEASED"],
        "",
    ),
    "one revision said twice, differently": (
        [assessed(), assessed(OTHER)],
        ["RELEASED", "HELD"],
        "EVENT_CONFLICT",
    ),
    "a lower revision differs: on record": (
        [assessed(REV_2), assessed(OTHER)],
        ["RELEASED"],
        "",
    ),
    "determined again, as clear": ([assessed(), assessed(check=1)], ["RELEASED"], ""),
    "determined again, to be held": (
        [assessed(), assessed(lines=HELD, check=1)],
        ["RELEASED", "HELD"],
        "CLASSIFICATION_UNCERTAIN",
    ),
    "determined again, now clear": (
        [assessed(lines=HELD), assessed(check=1)],
        ["HELD", "RELEASED"],
        "",
    ),
    "an older determination comes late": (
        [assessed(lines=HELD, check=2), assessed(check=1)],
        ["HELD"],
        "CLASSIFICATION_UNCERTAIN",
    ),
    "unreadable, placed": (
        [unreadable(), assessed()],
        ["HELD", "HELD"],
        "EVENT_UNREADABLE",
    ),
    "placed, unreadable": (
        [assessed(), unreadable()],
        ["RELEASED", "HELD"],
        "EVENT_UNREADABLE",
    ),
    "the same unreadable record": (
        [assessed(), unreadable(), unreadable()],
        ["RELEASED", "HELD"],
        "EVENT_UNREADABLE",
    ),
    "an unreadable record is not amended away": (
        [assessed(), unreadable(), assessed(REV_2)],
        ["RELEASED", "HELD", "HELD"],
        "EVENT_UNREADABLE",
    ),
    "cancelled": ([assessed(), cancelled()], ["RELEASED", "CLOSED"], ""),
    "held, cancelled": ([assessed(lines=HELD), cancelled()], ["HELD", "CLOSED"], ""),
    "cancelled twice": ([assessed(), cancelled(), cancelled()], ["RELEASED", "CLOSED"], ""),
    "cancelled before placed": ([cancelled(), assessed()], ["CLOSED"], ""),
    "cancelled before a held one is placed": ([cancelled(), assessed(lines=HELD)], ["CLOSED"], ""),
    "cancelled at a lower revision": ([assessed(REV_2), cancelled()], ["RELEASED"], ""),
    "cancelled at a higher revision": ([assessed(), cancelled(2)], ["RELEASED", "CLOSED"], ""),
    "cancelled ahead, amended beyond it": (
        [cancelled(1), assessed(REV_2)],
        ["RELEASED"],
        "",
    ),
    "cancelled ahead of its own revision": ([cancelled(2), assessed()], ["CLOSED"], ""),
    "amended after it was closed": (
        [assessed(), cancelled(), assessed(REV_2)],
        ["RELEASED", "CLOSED"],
        "",
    ),
    "cancelled with no line that exists": (
        [assessed(), cancelled(lines=("L9",))],
        ["RELEASED"],
        "",
    ),
    "cancelled with every line": (
        [assessed(order(lines=TWO)), cancelled(lines=("L1", "L2"))],
        ["RELEASED", "CLOSED"],
        "",
    ),
    "cancelled with a line": (
        [assessed(order(lines=TWO)), cancelled(lines=("L2",))],
        ["RELEASED", "HELD", "RecheckRequested"],
        "AMENDED",
    ),
    "cancelled with a line, twice": (
        [assessed(order(lines=TWO)), cancelled(lines=("L2",)), cancelled(lines=("L2",))],
        ["RELEASED", "HELD", "RecheckRequested"],
        "AMENDED",
    ),
    "cancelled with a line, determined again": (
        [
            assessed(order(lines=TWO)),
            cancelled(lines=("L2",)),
            assessed(order(lines=TWO[:1]), check=1),
        ],
        ["RELEASED", "HELD", "RecheckRequested", "RELEASED"],
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("events", "words", "reason"), SEQUENCES.values(), ids=SEQUENCES)
def test_sequence(events: list[Model], words: list[str], reason: str) -> None:
    run = GateRun()
    for event in events:
        run.say(event)

    assert said(run.outputs) == words
    assert (run.reasons or [""])[0] == reason
    assert [decided.seq for decided in run.decisions] == list(range(1, len(run.decisions) + 1))


@pytest.mark.parametrize("events", [case[0] for case in SEQUENCES.values()], ids=SEQUENCES)
def test_replayed_events_decide_nothing(events: list[Model]) -> None:
    run = GateRun()
    for event in events:
        run.say(event)
    before = run.decisions
    for at in range(len(events)):
        run.repeat(at)

    assert run.decisions == before


UNSETTLED: dict[str, Regimes] = {
    verdict.value: {"CN": CLEAR, "US": settled(verdict), "EU": NOT_APPLICABLE}
    for verdict in Verdict
    if verdict not in (Verdict.NO_LICENSE_REQUIRED, Verdict.NOT_APPLICABLE)
}


@pytest.mark.parametrize("lines", UNSETTLED.values(), ids=UNSETTLED)
def test_a_verdict_that_nothing_settles_is_held_though_nobody_named_a_reason(
    lines: Regimes,
) -> None:
    run = GateRun()
    run.say(assessed(lines=lines))

    assert run.decision == "HELD"
    assert run.last.reasons[0].regime == "US"


def test_one_line_of_many_that_is_not_settled_holds_the_order() -> None:
    whole = order(lines=tuple(line(f"L{at}") for at in range(50)))
    by_line: dict[str, Regimes] = {each.line_id: {"CN": CLEAR} for each in whole.lines}
    run = GateRun()
    run.say(assessed(whole, by_line | {"L37": HELD}))

    assert run.decision == "HELD"
    assert {reason.line_id for reason in run.last.reasons} == {"L37"}


@pytest.mark.parametrize(
    ("off", "plausible"),
    [
        (timedelta(minutes=10), True),
        (timedelta(minutes=10, microseconds=1), False),
        (-timedelta(hours=72), True),
        (-timedelta(hours=72, microseconds=1), False),
    ],
)
def test_time_must_be_plausible(off: timedelta, plausible: bool) -> None:
    run = GateRun()
    run.say(assessed(as_of=T0 + off), after=timedelta(0))
    assert run.decision == ("RELEASED" if plausible else "HELD")
    assert plausible or run.reasons == ["TIME_IMPLAUSIBLE"]

    free = GateRun(Gate(time_basis="event"))
    free.say(assessed(as_of=T0 + off), after=timedelta(0))
    assert free.decision == "RELEASED"
    assert free.last.time_basis == "event"


def test_log_time_never_goes_back() -> None:
    """A record with an older timestamp is judged at the log time reached before it."""
    run = GateRun()
    run.say(unreadable(), key="erp/other", after=timedelta(hours=73))
    run.say(assessed(), after=-timedelta(hours=73))

    assert [reason.code for reason in run.state.reasons] == ["TIME_IMPLAUSIBLE"]


def test_a_release_ends_with_the_earliest_of_all_it_rests_on() -> None:
    bounds = (T0 + timedelta(days=40), T0 + timedelta(days=9))
    run = GateRun()
    run.say(assessed(bounds=bounds))
    assert run.last.valid_until == T0 + timedelta(days=9)

    plain = GateRun()
    plain.say(assessed(), after=timedelta(0))
    assert plain.last.valid_until == T0 + timedelta(days=30)


@pytest.mark.parametrize(("seconds", "word"), [(0, "HELD"), (-5, "HELD"), (1, "RELEASED")])
def test_a_release_that_would_be_over_is_not_written(seconds: int, word: str) -> None:
    run = GateRun()
    run.say(assessed(bounds=[T0 + timedelta(seconds=seconds)]), after=timedelta(0))

    assert run.decision == word
    assert word == "RELEASED" or run.reasons == ["RELEASE_EXPIRED"]


def test_a_shorter_bound_found_later_replaces_the_release() -> None:
    run = GateRun()
    run.say(assessed())
    run.say(assessed(check=1, bounds=[T0 + timedelta(days=3)]))
    assert said(run.outputs) == ["RELEASED", "HELD", "RELEASED"]
    assert run.last.valid_until == T0 + timedelta(days=3)

    run.say(assessed(check=2))
    assert len(run.decisions) == 3, "a release that could be longer stands as it is"


def test_lines_cancelled_while_licenses_are_asked_for_leave_the_others() -> None:
    """Answers for what was cancelled arrive late and may neither release it nor stop the fold."""
    run = GateRun()
    run.say(assessed(order(lines=TWO), drawing("cn-1", "cn-2")))
    first, second = run.sent(ReservationRequested)
    run.say(cancelled(lines=("L2",)))
    run.say(granted(first))
    run.say(granted(second))
    released = run.sent(OrderReleased)
    assert not released, "the rest is not determined yet"

    run.say(assessed(order(lines=TWO[:1]), drawing("cn-1", "cn-2"), check=1))
    assert run.decision == "RELEASED"
    assert [each.line_id for each in run.last.lines] == ["L1"]
    assert [each.line_id for each in run.last.licenses] == ["L1"]
    assert ("void", "cn-1") in run.draws()


def test_a_recheck_carries_the_order_without_its_cancelled_lines() -> None:
    run = GateRun()
    run.say(assessed(order(lines=TWO)))
    run.say(cancelled(lines=("L2",)))
    [recheck] = run.sent(RecheckRequested)

    assert (recheck.key, recheck.revision, recheck.check) == (KEY, 1, 1)
    assert [each.line_id for each in recheck.lines] == ["L1"]
    assert isinstance(recheck, Order)


def test_the_place_said_again_after_lines_were_cancelled_is_no_conflict() -> None:
    run = GateRun()
    run.say(assessed(order(lines=TWO)))
    run.say(cancelled(lines=("L2",)))
    run.say(assessed(order(lines=TWO[:1]), check=1))
    run.repeat(0)
    run.say(assessed(order(lines=TWO)))

    assert run.decision == "RELEASED"


def test_orders_do_not_touch_one_another() -> None:
    run = GateRun()
    run.say(assessed())
    run.say(assessed(order("o2"), HELD), key="erp/o2")
    run.say(cancelled())

    assert said(run.outputs) == ["RELEASED", "HELD", "CLOSED"]
    assert [each.event.chain.index for each in run.outputs] == [0, 1, 2]  # type: ignore[attr-defined]


def test_an_officer_at_the_desk_sees_each_hold_anew() -> None:
    """A hold for other reasons has another seq, so that a decision on the old one is stale."""
    run = GateRun()
    run.say(assessed(lines=HELD))
    run.say(assessed(lines=held_by("MISSING_FACT"), check=1))
    run.say(decided(1, "reject"))

    assert [each.decision for each in run.decisions] == ["HELD", "HELD"]
    assert Decimal(run.last.seq) == 2
