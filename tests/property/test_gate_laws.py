"""Laws of the gate, under any sequence of events, with a ledger that answers when it likes."""

import hashlib
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from schemas.base import Model
from schemas.checks import ReleaseStale
from schemas.classification import Verdict
from schemas.decisions import OrderHeld, OrderReleased
from schemas.events import encode
from schemas.fold import GENESIS
from schemas.orders import Order, RecheckRequested
from schemas.topics import DECISIONS, LICENSES
from services.hold_release.gate import deadlines
from services.hold_release.state import OrderState
from tests.support.builders import (
    CLEAR,
    KEY,
    NOT_APPLICABLE,
    SOURCE,
    Regimes,
    assessed,
    cancelled,
    decided,
    drawing,
    due,
    held_by,
    line,
    order,
    settled,
    shipped,
    unreadable,
    wanted,
)
from tests.support.folds import GateRun
from tests.support.honest import HonestLedger, Judge

QUICK = settings(
    max_examples=120, stateful_step_count=40, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)  # fmt: skip
LINES: list[Regimes] = [
    {"CN": CLEAR, "US": CLEAR, "EU": NOT_APPLICABLE},
    drawing("cn-1", "cn-2"),
    drawing("cn-2"),
    {"CN": settled(Verdict.LICENSE_REQUIRED, "cn-1"), "US": settled(
        Verdict.LICENSE_REQUIRED, "us-1")},
    held_by("CLASSIFICATION_UNCERTAIN"),
    held_by("PARTY_UNSCREENED"),
    held_by("PARTY_HIT"),
    held_by("DENY_PRESUMED", Verdict.DENY_PRESUMED, "cn-1"),
    held_by("NO_LICENSE", Verdict.LICENSE_REQUIRED),
    {"CN": settled(Verdict.OVERLAP_EXCLUDED, "us-1", routed_to=("US",)), "US": CLEAR},
    {"CN": settled(Verdict.OVERLAP_EXCLUDED, "us-1", routed_to=("US",)),
     "US": settled(Verdict.LICENSE_REQUIRED, "us-1")},
    {"CN": CLEAR, "US": settled(Verdict.REVIEW)},
]  # fmt: skip
kinds = st.sampled_from(LINES)
MINUTES = st.sampled_from([0, 1, 40, 600, 26 * 3600, 40 * 86400])


class GateMachine(RuleBasedStateMachine):
    """One order, anything that can happen to it."""

    def __init__(self) -> None:
        super().__init__()
        self.run = GateRun()
        self.ledger = HonestLedger({"cn-1": 2, "cn-2": 3, "us-1": 2})
        self.judge = Judge()
        self.rechecks: list[RecheckRequested] = []
        self.votes: dict[int, set[str]] = {}
        self.revision = 0
        self.bad = 0
        self.seen = 0

    # What happens

    def say(self, event: Model, **how: Any) -> None:
        """Append an event; check what the gate makes of it."""
        self.judge.hears(event)
        self._follow(self.run.say(event, **how))

    def _follow(self, outputs: Any) -> None:
        known = {each.id for each in self.run.outputs[: self.seen]}
        self.seen = len(self.run.outputs)
        for output in outputs:
            if output.topic == LICENSES.name:
                self.ledger.hear(output.event)
            if isinstance(output.event, RecheckRequested):
                self.rechecks.append(output.event)
            if isinstance(output.event, OrderReleased) and output.id not in known:
                objections = self.judge.objections(output.event)
                assert not objections, objections
                assert not self._under_way(), "released what is about to be determined again"
                assert output.event.valid_until is not None
                assert output.event.valid_until > self.run.partition.log_time

    def _under_way(self) -> list[int]:
        told = self.judge.told
        assert told is not None
        return [
            wish.check
            for wish in self.rechecks
            if wish.revision == told.revision and wish.check > told.check
        ]

    def _order(self, revision: int, destination: str = "DE") -> Order:
        lines = (line("L1"), line("L2"))
        return order(revision=revision, destination=destination, lines=lines)

    @rule(first=kinds, second=kinds, gap=st.sampled_from([1, 1, 1, 1, 2]))
    def place_or_amend(self, first: Regimes, second: Regimes, gap: int) -> None:
        self.revision += gap
        event = assessed(
            self._order(self.revision), {"L1": first, "L2": second}, as_of=self.run.now
        )
        self.say(event)

    @precondition(lambda self: self.revision > 0)
    @rule(destination=st.sampled_from(["FR", "IT"]))
    def say_otherwise(self, destination: str) -> None:
        told = self.judge.told
        assert told is not None
        self.run.say(
            assessed(self._order(told.revision, destination), LINES[0], as_of=self.run.now)
        )

    @precondition(lambda self: self.rechecks)
    @rule(first=kinds, second=kinds, which=st.integers(0, 3))
    def determine_again(self, first: Regimes, second: Regimes, which: int) -> None:
        wish = self.rechecks[min(which, len(self.rechecks) - 1)]
        self.rechecks.remove(wish)
        self._determined(wish, first, second)

    def _determined(self, wish: RecheckRequested, first: Regimes, second: Regimes) -> None:
        whole = Order.model_validate({n: getattr(wish, n) for n in Order.model_fields})
        by_line = {"L1": first, "L2": second}
        self.say(
            assessed(
                whole,
                {each.line_id: by_line[each.line_id] for each in whole.lines},
                check=wish.check,
                as_of=self.run.now,
                findings=wish.findings,
            )
        )

    @precondition(lambda self: self.ledger.inbox)
    @rule(how_many=st.integers(1, 6))
    def ledger_answers(self, how_many: int) -> None:
        for _ in range(min(how_many, len(self.ledger.inbox))):
            answer = self.ledger.answer()
            if answer is not None:
                self.say(answer)

    @rule(name=st.sampled_from(["cn-1", "cn-2", "us-1"]))
    def suspend(self, name: str) -> None:
        for answer in self.ledger.suspend(name):
            self.say(answer)

    @rule(name=st.sampled_from(["cn-1", "cn-2", "us-1"]))
    def reinstate(self, name: str) -> None:
        self.ledger.suspended.discard(name)

    @rule(below=st.integers(-1, 2), not_shipped=st.booleans())
    def cancel(self, below: int, not_shipped: bool) -> None:
        self.say(cancelled(max(self.revision - below, 1), not_shipped=not_shipped))

    @rule(name=st.sampled_from(["L1", "L2"]))
    def cancel_line(self, name: str) -> None:
        told = self.judge.told
        if told is None:
            return
        self.say(cancelled(told.revision, lines=(name,)))
        left = tuple(each for each in told.lines if each.line_id != name)
        if left and len(left) < len(told.lines) and not self.state_terminal():
            self.judge.told = told.model_copy(update={"lines": left})

    @rule(name=st.sampled_from(["s1", "s2"]), final=st.booleans(), right=st.booleans())
    def ship(self, name: str, final: bool, right: bool) -> None:
        if not self.run.log:
            return
        state = self.state()
        decision = state.decision_id if state and state.decision_id and right else "another"
        self.say(shipped(name, decision, final=final, revision=max(self.revision, 1)))

    @rule()
    def cannot_be_read(self) -> None:
        self.bad += 1
        self.judge.settled = {s for s in self.judge.settled if s[0] != "EVENT_UNREADABLE"}
        self.say(unreadable(self.bad))

    @rule(
        officer=st.sampled_from(["ann", "bob"]),
        action=st.sampled_from(["release", "release", "release", "reject", "classify"]),
        late=st.sampled_from([0, 0, 0, 1]),
    )
    def officer(self, officer: str, action: str, late: int) -> None:
        state = self.state()
        if state is None or state.seq - late < 1 or (action == "reject" and self.revision % 3):
            return
        seq = state.seq - late
        event = decided(seq, action, officer=officer, revision=state.revision, citation="art. 1")
        if action == "release" and state.phase == "held" and not late:
            votes = self.votes.setdefault(seq, set())
            votes.add(officer)
            self.judge.voted(self.run.last, votes)
        self.say(event)

    @rule(name=st.integers(0, 20), seconds=st.sampled_from([None, 300]))
    def want_recheck(self, name: int, seconds: int | None) -> None:
        by = None if seconds is None else self.run.now + timedelta(seconds=seconds)
        self.say(wanted(f"c{name}", by))

    @rule(which=st.integers(0, 3))
    def release_was_stale(self, which: int) -> None:
        releases = [each for each in self.run.decisions if isinstance(each, OrderReleased)]
        if releases:
            old = releases[-min(which + 1, len(releases))].decision_id
            self.say(ReleaseStale(order_source=SOURCE, order_id="o1", decision_id=old))

    @rule(seconds=MINUTES)
    def time_passes(self, seconds: int) -> None:
        self.run.now += timedelta(seconds=seconds)
        self._deadlines()

    def _deadlines(self) -> None:
        state = self.state()
        for name, moment in deadlines(state) if state else []:
            self.say(due(name, moment), after=timedelta(0))

    @rule(back=st.integers(1, 30))
    def say_again(self, back: int) -> None:
        """A duplicate of any record decides nothing."""
        if back > len(self.run.log):
            return
        before = len(self.run.decisions)
        self._follow(self.run.repeat(-back))
        assert len(self.run.decisions) == before, self.run.log[-1].event

    # What holds

    def state(self) -> OrderState | None:
        found = self.run.aggregates.get(KEY, {}).get("")
        return found if isinstance(found, OrderState) else None

    def state_terminal(self) -> bool:
        state = self.state()
        return state is not None and state.terminal

    @invariant()
    def decisions_are_in_sequence(self) -> None:
        found = sorted(self.run.decisions, key=lambda each: each.seq)
        assert [each.seq for each in found] == list(range(1, len(found) + 1))
        words = [each.decision for each in found]
        assert ("RELEASED", "RELEASED") not in pairwise(words)
        ends = [word for word in words if word in ("CLOSED", "REJECTED")]
        assert ends in ([], words[-1:])
        assert all(isinstance(each, OrderHeld) is bool(each.reasons) or each.decision == "REJECTED"
                   for each in found)  # fmt: skip

    @invariant()
    def the_chain_has_no_fork_and_the_same_id_the_same_bytes(self) -> None:
        bytes_of: dict[int, bytes] = {}
        for output in self.run.outputs:
            if output.topic != DECISIONS.name:
                continue
            value = output.value or encode(output.event)
            index = output.event.chain.index  # type: ignore[attr-defined]
            assert bytes_of.setdefault(index, value) == value
        before = GENESIS
        for index in range(len(bytes_of)):
            event = next(o.event for o in self.run.outputs if (o.value or b"") == bytes_of[index])
            assert event.chain.prev == before  # type: ignore[attr-defined]
            before = hashlib.sha256(bytes_of[index]).hexdigest()
        assert self.run.partition.chain_index == len(bytes_of)
        assert self.run.partition.chain_prev == before

    @invariant()
    def what_ended_asks_for_nothing(self) -> None:
        state = self.state()
        if state is not None and state.terminal:
            # A refusal holds nothing; it is kept to give back what its request's copy is granted.
            held = [
                e for e in state.reservations if e.state not in ("leaving", "refused", "settled")
            ]
            assert held == []

    def teardown(self) -> None:
        """Once answers come, every assessed order is decided, and a replay decides nothing."""
        for _ in range(40):
            if not (self.ledger.inbox or self.rechecks):
                break
            while self.ledger.inbox:
                answer = self.ledger.answer()
                if answer is not None:
                    self.say(answer)
            for wish in self.rechecks[:]:
                self.rechecks.remove(wish)
                if not self.state_terminal():
                    self._determined(wish, LINES[0], LINES[0])
        state = self.state()
        if state is not None and state.assessed is not None:
            assert state.phase in ("released", "held", "rejected", "closed"), state.phase
        self._replays()

    def _replays(self) -> None:
        before = self.run.values_of(DECISIONS.name)
        again = GateRun()
        for record in self.run.log[:]:
            again.take(record)
        assert again.values_of(DECISIONS.name) == before, "another fold of the same log"
        decisions = {each.decision_id for each in self.run.decisions}
        for at in range(len(self.run.log)):
            self.run.repeat(at)
        assert {each.decision_id for each in self.run.decisions} == decisions


GateMachine.TestCase.settings = QUICK
TestGateMachine = GateMachine.TestCase


def test_the_judge_objects_to_what_is_not_settled() -> None:
    """The judge itself is tried, on a release the gate would never write."""
    run = GateRun()
    run.say(assessed())
    [released] = [each for each in run.decisions if isinstance(each, OrderReleased)]
    for lines in LINES[1:]:
        judge = Judge()
        judge.hears(assessed(lines=lines))
        objections = judge.objections(released)
        assert objections or lines is LINES[9], lines
