"""Officers at the gate: within the reason table, on the decision they saw, four eyes where due."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.base import Model, changed
from schemas.checks import Candidate, RequestedItem, ReservationRequested
from schemas.classification import Verdict
from schemas.decisions import HoldReason
from services.hold_release.reasons import ACKNOWLEDGED, SETTLERS, Settler, by_release
from tests.support.answers import granted, refused
from tests.support.builders import (
    CLEAR,
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
)
from tests.support.folds import GateRun, said

ONE_OFFICER = ("EVENT_CONFLICT", "TIME_IMPLAUSIBLE", "EVENT_UNREADABLE", "PARTY_UNSCREENED")
TWO_OFFICERS = ("OVERLAP_ROUTED", "CATCH_ALL", "PARTY_HIT", "DENY_PRESUMED")
TWO = order(lines=(line("L1"), line("L2")))


def held(code: str, decision: Verdict = Verdict.REVIEW, *licenses: str) -> GateRun:
    run = GateRun()
    run.say(assessed(lines=held_by(code, decision, *licenses)))
    assert run.decision == "HELD"
    return run


def test_every_reason_has_a_settler() -> None:
    assert set(SETTLERS) == set(HoldReason)
    assert {reason.value for reason in ACKNOWLEDGED} == set(ONE_OFFICER)


@pytest.mark.parametrize("reason", list(HoldReason), ids=str)
def test_how_many_officers_release(reason: HoldReason) -> None:
    """One for a fact of the order, two for the graver, none where only a license or fact helps."""
    expected = 1 if reason in ONE_OFFICER else 2 if reason in TWO_OFFICERS else 0

    assert by_release(reason) == expected
    if SETTLERS[reason] in (Settler.NOBODY, Settler.GATE, Settler.NEVER):
        assert expected == 0


@pytest.mark.parametrize("code", [c.value for c in HoldReason if c is not HoldReason.EMBARGO])
def test_officers_release_a_line_as_the_table_says(code: str) -> None:
    run = held(code)
    needed = by_release(HoldReason(code))
    run.say(decided(1, officer="ann"))
    assert run.decision == ("RELEASED" if needed == 1 else "HELD")
    run.say(decided(1, officer="bob"))
    run.say(decided(1, officer="cid"))

    assert run.decision == ("RELEASED" if needed else "HELD")
    if needed == 2:
        assert set(run.last.officers) == {"ann", "bob"}
    if code == "DENY_PRESUMED":
        return  # said of a verdict of its own below
    assert len(run.decisions) == (2 if needed else 1)


@pytest.mark.parametrize("code", TWO_OFFICERS)
def test_four_eyes_are_four(code: str) -> None:
    """The same officer again, by double click or in a second tab, is one officer."""
    run = held(code)
    for _ in range(3):
        run.say(decided(1, officer="ann", note="again"))
    run.repeat()
    assert run.decision == "HELD"

    run.say(decided(1, officer="bob"))
    assert run.decision == "RELEASED"


STALE: dict[str, dict[str, Any]] = {
    "an older seq": {"seq": 1},
    "a later seq": {"seq": 3},
    "another revision": {"revision": 2},
}


@pytest.mark.parametrize("changes", STALE.values(), ids=STALE)
@pytest.mark.parametrize("action", ["release", "reject", "classify", "state_fact"])
def test_a_decision_on_a_stale_view_has_no_effect(changes: dict[str, Any], action: str) -> None:
    run = held("MISSING_FACT")
    run.say(assessed(lines=held_by("PARTY_UNSCREENED"), check=1))
    assert run.last.seq == 2
    before = run.state

    assert run.say(decided(2, action, citation="art. 1", **{}).model_copy(update=changes)) == ()
    assert run.state == before


def test_a_vote_does_not_outlive_the_hold_it_was_given_on() -> None:
    run = held("PARTY_HIT")
    run.say(decided(1, officer="ann"))
    run.say(unreadable())
    assert run.last.seq == 2
    run.say(decided(2, officer="bob"))

    assert run.decision == "HELD"
    assert "PARTY_HIT" in run.reasons


def test_one_officer_settles_what_one_may_and_the_rest_stays() -> None:
    run = held("PARTY_HIT")
    run.say(unreadable())
    run.say(decided(2, officer="ann"))

    assert run.reasons == ["PARTY_HIT"]
    run.say(decided(3, officer="ann"))
    assert run.decision == "HELD"
    run.say(decided(3, officer="bob"))
    assert run.decision == "RELEASED"


def test_denial_needs_two_officers_and_a_license_that_names_the_end_user() -> None:
    denied = held("DENY_PRESUMED", Verdict.DENY_PRESUMED)
    for officer in ("ann", "bob"):
        denied.say(decided(denied.last.seq, officer=officer))
    assert denied.decision == "HELD", "no license covers it"
    assert denied.reasons == ["DENY_PRESUMED"]

    run = held("DENY_PRESUMED", Verdict.DENY_PRESUMED, "cn-1")
    run.say(decided(1, officer="ann"))
    assert run.draws() == []
    run.say(decided(1, officer="bob"))
    [request] = run.sent(ReservationRequested)
    assert request.names_end_user
    assert run.decision == "HELD"
    run.say(granted(request))
    assert run.decision == "RELEASED"


def test_denial_with_a_license_is_not_released_by_the_license_alone() -> None:
    run = GateRun()
    run.say(assessed(lines={"CN": settled(Verdict.DENY_PRESUMED, "cn-1", holds=(
        ("DENY_PRESUMED", "denied"),))}))  # fmt: skip

    assert run.decision == "HELD"
    assert run.draws() == []


def test_an_overlap_is_settled_by_a_reservation_of_the_regime_routed_to() -> None:
    routed = settled(Verdict.OVERLAP_EXCLUDED, "us-1", routed_to=("US",))
    run = GateRun()
    run.say(assessed(lines={"CN": routed, "US": CLEAR}))
    [request] = run.sent(ReservationRequested)
    assert request.regime == "US"
    run.say(granted(request))

    assert run.decision == "RELEASED"
    assert run.last.lines[0].regimes["CN"].settled_by == "license"


def test_an_overlap_is_asked_for_as_the_license_that_could_cover_it() -> None:
    item = RequestedItem(codes=("1C010",))
    able = Candidate(license_id="eu-1", quantity=Decimal(10), unit="kg", regime="EU", item=item)
    routed = settled(Verdict.OVERLAP_EXCLUDED, "eu-1", routed_to=("US", "EU"))
    run = GateRun()
    run.say(assessed(lines={"CN": changed(routed, candidates=(able,)), "US": CLEAR, "EU": CLEAR}))

    [request] = run.sent(ReservationRequested)
    assert (request.regime, request.item) == ("EU", item)


def test_an_overlap_is_settled_by_what_the_regime_routed_to_draws_itself() -> None:
    routed = settled(Verdict.OVERLAP_EXCLUDED, "us-1", routed_to=("US",))
    run = GateRun()
    run.say(assessed(lines={"CN": routed, "US": settled(Verdict.LICENSE_REQUIRED, "us-1")}))
    [request] = run.sent(ReservationRequested)
    assert request.alone
    run.say(granted(request))

    assert run.decision == "RELEASED"
    [drawn] = run.last.licenses
    assert (drawn.license_id, drawn.regime) == ("us-1", "US")
    decided_as = run.last.lines[0].regimes
    assert {(each.settled_by, each.license_ids) for each in decided_as.values()} == {
        ("license", ("us-1",))
    }


def test_an_overlap_without_license_is_not_settled_by_the_other_regime_not_applying() -> None:
    routed = settled(Verdict.OVERLAP_EXCLUDED, routed_to=("US",))
    run = GateRun()
    run.say(assessed(lines={"CN": routed, "US": settled(Verdict.NOT_APPLICABLE)}))

    assert run.decision == "HELD"


def test_an_overlap_is_settled_by_the_finding_of_two() -> None:
    run = held("OVERLAP_ROUTED", Verdict.OVERLAP_EXCLUDED)
    for officer in ("ann", "bob"):
        run.say(decided(1, officer=officer))

    assert run.decision == "RELEASED"
    assert run.last.lines[0].regimes["CN"].settled_by == "officer"


def test_a_finding_on_one_line_does_not_settle_another() -> None:
    run = GateRun()
    run.say(assessed(TWO, {"L1": held_by("CATCH_ALL"), "L2": {"CN": CLEAR}}))
    for officer in ("ann", "bob"):
        run.say(decided(1, officer=officer))
    assert run.decision == "RELEASED"
    run.say(assessed(TWO, {"L1": held_by("CATCH_ALL"), "L2": held_by("CATCH_ALL")}, check=1))

    assert run.decision == "HELD"
    assert [reason.line_id for reason in run.last.reasons] == ["L2"]


def test_a_hit_on_another_party_is_another_reason() -> None:
    run = held("PARTY_HIT")
    for officer in ("ann", "bob"):
        run.say(decided(1, officer=officer))
    assert run.decision == "RELEASED"
    hit = (("PARTY_HIT", "consignee: newly on a list"),)
    regimes = {"CN": settled(Verdict.REVIEW, holds=hit), "US": CLEAR}
    run.say(assessed(lines=regimes, check=1))

    assert run.decision == "HELD"
    assert run.reasons == ["PARTY_HIT"]


@pytest.mark.parametrize(
    ("first", "second", "released"),
    [
        ({}, {}, True),
        ({"line_id": "L1"}, {"line_id": "L2"}, False),
        ({"line_id": "L1"}, {"line_id": "L1"}, False),
        ({}, {"line_id": "L1"}, False),
        ({"fact": "CATCH_ALL"}, {"fact": "CATCH_ALL"}, True),
        ({"fact": "CATCH_ALL"}, {"fact": "PARTY_HIT"}, False),
        ({"value": "another text"}, {"value": "another text"}, False),
        ({"regime": "US"}, {"regime": "US"}, False),
    ],
)
def test_two_officers_agree_on_the_same_finding(
    first: dict[str, str], second: dict[str, str], released: bool
) -> None:
    run = GateRun()
    run.say(assessed(TWO, {"L1": held_by("CATCH_ALL"), "L2": held_by("CATCH_ALL")}))
    run.say(decided(1, officer="ann", **first))
    run.say(decided(1, officer="bob", **second))

    assert (run.decision == "RELEASED") is released


@pytest.mark.parametrize("code", [*ONE_OFFICER, *TWO_OFFICERS])
def test_findings_end_with_their_revision(code: str) -> None:
    run = held(code)
    for officer in ("ann", "bob"):
        run.say(decided(1, officer=officer))
    run.say(assessed(order(revision=2), held_by(code)))

    assert run.decision == "HELD"


def test_a_finding_bounds_the_release_by_its_own_validity() -> None:
    run = held("PARTY_HIT")
    for officer in ("ann", "bob"):
        run.say(decided(1, officer=officer, valid_until=T0 + timedelta(days=2)))

    assert run.last.valid_until == T0 + timedelta(days=2)


@pytest.mark.parametrize(
    ("action", "changes"),
    [
        ("classify", {"line_id": "L1", "regime": "CN", "code": "1C905.b"}),
        ("classify", {"line_id": "L1", "regime": "US"}),
        ("state_fact", {"fact": "origin", "value": "CN"}),
    ],
)
def test_a_stated_fact_goes_round_again_with_its_citation(
    action: str, changes: dict[str, Any]
) -> None:
    run = held("CLASSIFICATION_UNCERTAIN")
    outputs = run.say(decided(1, action, citation="MOFCOM 61/2025, art. 1", **changes))
    [recheck] = run.sent_rechecks()
    [finding] = recheck.findings

    assert said(outputs) == ["RecheckRequested"]
    assert run.decision == "HELD", "only determination takes a stated fact into account"
    assert (finding.action, finding.officers) == (action, ("ann",))
    assert finding.citation == "MOFCOM 61/2025, art. 1"
    for name, value in changes.items():
        assert getattr(finding, name) == value
    run.say(assessed(check=recheck.check, findings=recheck.findings))
    assert run.decision == "RELEASED"
    assert run.last.officers == ("ann",)


@pytest.mark.parametrize("action", ["classify", "state_fact"])
def test_without_citation_nothing_is_stated(action: str) -> None:
    run = held("CLASSIFICATION_UNCERTAIN")

    assert run.say(decided(1, action)) == ()


def test_a_fact_stated_while_the_ledger_is_silent_is_waited_for() -> None:
    """The late grant may not release what an officer has just found to be something else."""
    run = GateRun()
    run.say(assessed(lines=drawing("cn-1")))
    [request] = run.sent(ReservationRequested)
    run.now = request.answer_by
    run.say(due("answer", request.answer_by), after=timedelta(0))
    run.say(decided(1, "classify", line_id="L1", regime="US", code="3A001", citation="CCL"))
    run.say(granted(request))
    assert run.decision == "HELD"

    [recheck] = run.sent_rechecks()
    run.say(assessed(lines=drawing("cn-1"), check=recheck.check, findings=recheck.findings))
    assert run.decision == "RELEASED"


def test_rejection_is_terminal_and_gives_everything_back() -> None:
    run = GateRun()
    run.say(assessed(TWO, drawing("cn-1")))
    first, second = run.sent(ReservationRequested)
    run.say(granted(first))
    run.say(refused(second))
    run.say(decided(run.last.seq, "reject", note="customer unknown"))

    assert run.decision == "REJECTED"
    assert "customer unknown" in run.last.reasons[0].text
    assert run.draws().count(("void", "cn-1")) == 1
    for event in (assessed(order(revision=2)), cancelled(), unreadable(), decided(3)):
        assert run.say(event) == ()


NOT_HELD: dict[str, list[Model]] = {
    "released": [assessed()],
    "reserving": [assessed(lines=drawing("cn-1"))],
    "closed": [assessed(), cancelled()],
    "unknown": [],
}


@pytest.mark.parametrize("events", NOT_HELD.values(), ids=NOT_HELD)
@pytest.mark.parametrize("action", ["release", "reject", "classify", "unassign"])
def test_only_a_held_order_is_decided_by_officers(events: list[Model], action: str) -> None:
    run = GateRun()
    for event in events:
        run.say(event)
    seq = run.state.seq if events else 0
    outputs = run.say(decided(max(seq, 1), action, citation="art. 1"))

    assert outputs == ()


def test_the_holds_of_one_order_are_settled_together_or_not_at_all() -> None:
    """What one officer settles does not carry what needs a license."""
    run = GateRun()
    run.say(assessed(TWO, {"L1": held_by("NO_LICENSE", Verdict.LICENSE_REQUIRED), "L2": held_by(
        "PARTY_UNSCREENED")}))  # fmt: skip
    run.say(decided(1, officer="ann"))
    run.say(decided(2, officer="bob"))

    assert run.decision == "HELD"
    assert run.reasons == ["NO_LICENSE"]


FAULTS: dict[str, tuple[Model, Model]] = {
    "unreadable": (unreadable(7), unreadable(8)),
    "conflict": (assessed(order(destination="FR")), assessed(order(destination="IT"))),
}


@pytest.mark.parametrize(("first", "second"), FAULTS.values(), ids=FAULTS)
def test_what_an_officer_settled_does_not_settle_what_comes_after(
    first: Model, second: Model
) -> None:
    """The next record that cannot be read may be the cancellation."""
    run = GateRun()
    run.say(assessed())
    run.say(first)
    run.say(decided(run.last.seq))
    assert run.decision == "RELEASED"
    run.say(first)
    assert run.decision == "RELEASED", "told again, it is the one that was settled"

    run.say(second)
    assert run.decision == "HELD"
    run.say(decided(run.last.seq))
    assert run.decision == "RELEASED"
