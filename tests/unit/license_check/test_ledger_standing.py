"""What ends a license's standing, and what its open reservations hear of it."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.base import Model
from schemas.checks import ReservationReleased, ReservationWithdrawn, Unreadable
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseReinstated,
    LicenseResolved,
    LicenseRevoked,
    LicenseSuspended,
)
from services.license_check.register import deadlines
from tests.support.builders import (
    T0,
    confirm,
    due,
    license_granted,
    of_reservation,
    requested,
    settle,
    terms,
    unreadable,
    void,
)
from tests.support.folds import LedgerRun, said

HOUR = timedelta(hours=1)
YEAR_END = datetime(2026, 12, 31, 16, tzinfo=UTC)
GRANT = license_granted()


def change(kind: type[Model], amendment: int = 1, at: datetime = T0) -> Model:
    return kind.model_validate(
        {
            "license_id": "cn-1",
            "amendment": amendment,
            "effective_at": at,
            "reason": "MOFCOM said so",
        }
    )


def amended(amendment: int = 1, **changes: Any) -> LicenseAmended:
    own = terms(**changes).model_dump()
    return LicenseAmended.model_validate(own | {"amendment": amendment})


def bad() -> Unreadable:
    return unreadable(topic="licenses", key="cn-1")


def resolved(offset: int) -> LicenseResolved:
    return LicenseResolved(license_id="cn-1", unreadable_offset=offset, officer="ann", note="void")


SUSPENDED, REINSTATED, REVOKED = LicenseSuspended, LicenseReinstated, LicenseRevoked

STANDING: dict[str, tuple[list[Model], list[str], str]] = {
    # on a license with one open reservation (r1): what happens, what is answered to it, and what a
    # further request then hears
    "nothing": ([], [], "Granted: granted"),
    "suspended": (
        [change(SUSPENDED)],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Refused: LICENSE_SUSPENDED",
    ),
    "suspended twice": (
        [change(SUSPENDED), change(SUSPENDED)],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Refused: LICENSE_SUSPENDED",
    ),
    "suspended in an hour": ([change(SUSPENDED, at=T0 + HOUR)], [], "Granted: granted"),
    "suspended in an hour that has passed by a deadline": (
        [change(SUSPENDED, at=T0 + timedelta(seconds=4)), due("license_effective", T0, "cn-1")],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Refused: LICENSE_SUSPENDED",
    ),
    "reinstated": (
        [change(SUSPENDED), change(REINSTATED, 2)],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Granted: granted",
    ),
    "reinstated in an hour": (
        [change(SUSPENDED), change(REINSTATED, 2, T0 + HOUR)],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Refused: LICENSE_SUSPENDED",
    ),
    "reinstated, then told again of the suspension": (
        [change(SUSPENDED), change(REINSTATED, 2), change(SUSPENDED)],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Granted: granted",
    ),
    "reinstated, told before the suspension": (
        [change(REINSTATED, 2), change(SUSPENDED)],
        [],
        "Granted: granted",
    ),
    "revoked": ([change(REVOKED)], ["Withdrawn: LICENSE_REVOKED"], "Refused: LICENSE_REVOKED"),
    "revoked in an hour": ([change(REVOKED, at=T0 + HOUR)], [], "Granted: granted"),
    "revoked for good": (
        [change(REVOKED), change(REINSTATED, 2)],
        ["Withdrawn: LICENSE_REVOKED"],
        "Refused: LICENSE_REVOKED",
    ),
    "unreadable": ([bad()], ["Withdrawn: LICENSE_UNKNOWN"], "Refused: LICENSE_UNKNOWN"),
    "unreadable, resolved": (
        [bad(), resolved(2)],
        ["Withdrawn: LICENSE_UNKNOWN"],
        "Granted: granted",
    ),
    "unreadable, another resolved": (
        [bad(), resolved(7)],
        ["Withdrawn: LICENSE_UNKNOWN"],
        "Refused: LICENSE_UNKNOWN",
    ),
    "unreadable twice, one resolved": (
        [bad(), bad(), resolved(2)],
        ["Withdrawn: LICENSE_UNKNOWN"],
        "Refused: LICENSE_UNKNOWN",
    ),
    "granted again with other content": (
        [license_granted(quantity=Decimal(500))],
        ["Withdrawn: LICENSE_UNKNOWN"],
        "Refused: LICENSE_UNKNOWN",
    ),
    "amended twice under one number": (
        [amended(quantity=Decimal(200)), amended(quantity=Decimal(300))],
        ["Withdrawn: LICENSE_UNKNOWN"],
        "Refused: LICENSE_UNKNOWN",
    ),
    "the old grant after an amendment": (
        [amended(quantity=Decimal(200)), GRANT],
        [],
        "Granted: granted",
    ),
    "amended to the same": ([amended()], [], "Granted: granted"),
    "an older amendment comes late": (
        [amended(2, destinations=("*",)), amended(1, destinations=("FR",))],
        [],
        "Granted: granted",
    ),
    "amended away from the destination": (
        [amended(destinations=("FR",))],
        ["Withdrawn: DESTINATION_MISMATCH"],
        "Refused: DESTINATION_MISMATCH",
    ),
    "amended to want a certificate": (
        [amended(requires=("euc",))],
        ["Withdrawn: EUC_MISSING"],
        "Refused: EUC_MISSING",
    ),
    "amended below what is reserved": (
        [amended(quantity=Decimal(9))],
        ["Withdrawn: LICENSE_EXHAUSTED"],
        "Refused: LICENSE_EXHAUSTED",
    ),
    "amended to what is reserved": (
        [amended(quantity=Decimal(10))],
        [],
        "Refused: LICENSE_EXHAUSTED",
    ),
    "amended to have expired": (
        [amended(valid_to=date(2026, 5, 31))],
        ["Withdrawn: LICENSE_EXPIRED"],
        "Refused: LICENSE_EXPIRED",
    ),
    "amended to begin tomorrow": (
        [amended(valid_from=date(2026, 6, 2))],
        ["Withdrawn: LICENSE_NOT_YET_VALID"],
        "Refused: LICENSE_NOT_YET_VALID",
    ),
    "amended to be suspended": (
        [amended(status="suspended")],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Refused: LICENSE_SUSPENDED",
    ),
    "suspended and amended: the amendment does not reinstate": (
        [change(SUSPENDED), amended(2, quantity=Decimal(500))],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Refused: LICENSE_SUSPENDED",
    ),
    "reinstated, then amended to be suspended": (
        [change(SUSPENDED), change(REINSTATED, 2), amended(3, status="suspended")],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Refused: LICENSE_SUSPENDED",
    ),
    "reinstated without a suspension, then amended to be suspended": (
        [change(REINSTATED), amended(2, status="suspended")],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Refused: LICENSE_SUSPENDED",
    ),
    "amended to be suspended, then reinstated": (
        [amended(status="suspended"), change(REINSTATED, 2)],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Granted: granted",
    ),
    "amended to be suspended, a reinstatement of before comes late": (
        [amended(3, status="suspended"), change(REINSTATED, 2)],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Refused: LICENSE_SUSPENDED",
    ),
    "amended to be suspended, then amended to be active": (
        [change(REINSTATED), amended(2, status="suspended"), amended(3)],
        ["Withdrawn: LICENSE_SUSPENDED"],
        "Granted: granted",
    ),
    "revoked, then amended": (
        [change(REVOKED), amended(2)],
        ["Withdrawn: LICENSE_REVOKED"],
        "Refused: LICENSE_REVOKED",
    ),
    "corrected beyond what remains": (
        [
            BalanceAdjusted(
                adjustment_id="a1", license_id="cn-1", quantity=Decimal(95), unit="kg",
                document="MOFCOM 7", officer="ann", note="counted",
            )
        ],
        ["Withdrawn: LICENSE_EXHAUSTED"],
        "Refused: LICENSE_EXHAUSTED",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("events", "answers", "further"), STANDING.values(), ids=STANDING)
def test_standing(events: list[Model], answers: list[str], further: str) -> None:
    run = LedgerRun()
    run.say(GRANT)
    run.say(requested())
    run.outputs.clear()
    for event in events:
        run.say(event)

    assert said(run.outputs) == answers
    assert said(run.say(requested("r2", "1", as_of=run.now))) == [further]


@pytest.mark.parametrize("events", [case[0] for case in STANDING.values()], ids=STANDING)
def test_duplicates_of_what_changed_the_standing_change_nothing(events: list[Model]) -> None:
    run = LedgerRun()
    run.say(GRANT)
    run.say(requested())
    run.say(requested("r0", "2"))
    for event in events:
        run.say(event)
    balances = run.balances()
    states = [entry.state for entry in run.reservations()]
    run.outputs.clear()
    for at in range(3, len(run.log)):
        if not isinstance(run.log[at].event, Unreadable | LicenseResolved):  # identified by place
            run.repeat(at)

    assert said(run.outputs) == []
    assert run.balances() == balances
    assert [entry.state for entry in run.reservations()] == states


def test_a_license_that_shrinks_lets_go_of_the_newest_first() -> None:
    run = LedgerRun()
    run.say(GRANT)
    for at in range(4):
        run.say(requested(f"r{at}", "20"))
    outputs = run.say(amended(quantity=Decimal(45)))

    gone = [o.event.reservation_id for o in outputs if isinstance(o.event, ReservationWithdrawn)]
    assert gone == ["r3", "r2"]


def test_a_license_that_shrinks_lets_go_of_what_only_waits_before_what_is_released() -> None:
    run = LedgerRun()
    run.say(GRANT)
    run.say(requested("waits", "20"))
    run.say(requested("released", "20", alone=True))
    run.say(requested("told", "20"))
    run.say(ReservationReleased(**of_reservation("told"), decision_id="d"))
    run.say(requested("shipped", "20"))
    run.say(settle("shipped", "s1", "5"))
    outputs = run.say(amended(quantity=Decimal(30)))

    gone = [o.event.reservation_id for o in outputs if isinstance(o.event, ReservationWithdrawn)]
    assert gone == ["waits", "told", "released"]
    assert "amendment 1 leaves" in outputs[0].event.text  # type: ignore[attr-defined]


def test_a_shrinking_amendment_told_twice_lets_go_once() -> None:
    run = LedgerRun()
    run.say(GRANT)
    for at in range(4):
        run.say(requested(f"r{at}", "20"))
    run.say(amended(quantity=Decimal(45)))
    assert said(run.say(amended(quantity=Decimal(45)))) == []
    assert said(run.say(change(SUSPENDED, 2, T0 + HOUR))) == []

    run.say(void("r3"))
    run.say(void("r2"))
    assert run.balances() == ("0", "40", "5")


def test_what_was_withdrawn_stays_set_aside_until_it_is_voided() -> None:
    run = LedgerRun()
    run.say(GRANT)
    run.say(requested("r1", "60"))
    run.say(change(SUSPENDED))
    run.say(change(REINSTATED, 2))
    assert run.balances() == ("0", "60", "40")
    assert said(run.say(confirm("r1"))) == ["Refused: NO_LICENSE"]
    assert said(run.say(requested("r1", "60"))) == ["Refused: withdrawn"]

    run.say(settle("r1", "s1", "50"))  # it was on a truck
    assert run.balances() == ("50", "10", "40")
    run.say(void("r1"))
    assert run.balances() == ("50", "0", "50")


@pytest.mark.parametrize(("late", "word"), [(-1, "Granted: granted"), (0, "Refused: ")])
def test_validity_ends_with_the_day_of_the_regime(late: int, word: str) -> None:
    """By log time; a request that names an earlier day does not go back."""
    run = LedgerRun()
    run.say(GRANT)
    run.now = YEAR_END + timedelta(seconds=late - 1)
    [found] = said(run.say(requested(as_of=T0)))

    assert found.startswith(word)


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"as_of": datetime(2025, 12, 31, 15, tzinfo=UTC)}, "Refused: LICENSE_NOT_YET_VALID"),
        ({"requested_ship_date": date(2026, 12, 31)}, "Granted: granted"),
        ({"requested_ship_date": date(2027, 1, 1)}, "Refused: LICENSE_EXPIRED"),
    ],
)
def test_validity_counts_at_the_event_and_at_the_ship_date(
    changes: dict[str, Any], word: str
) -> None:
    run = LedgerRun()
    run.say(GRANT)

    assert said(run.say(requested(**changes))) == [word]


def test_on_the_event_basis_only_the_events_day_counts() -> None:
    run = LedgerRun()
    run.say(GRANT)
    run.now = YEAR_END + timedelta(days=200)

    assert said(run.say(requested(time_basis="event"))) == ["Granted: granted"]
    assert said(run.say(requested("r2"))) == ["Refused: LICENSE_EXPIRED"]
    assert said(run.say(due("license_expired", YEAR_END, "cn-1"))) == []


def test_expiry_withdraws_by_deadline_and_is_waited_for_once() -> None:
    run = LedgerRun()
    run.say(GRANT)
    run.say(requested())
    assert dict(deadlines(run.license))["license_expired"] == YEAR_END
    assert said(run.say(due("license_expired", YEAR_END, "cn-1"))) == []

    run.now = YEAR_END
    answers = said(run.say(due("license_expired", YEAR_END, "cn-1"), after=timedelta(0)))
    assert answers == ["Withdrawn: LICENSE_EXPIRED"]
    assert deadlines(run.license) == []
    assert said(run.say(due("license_expired", YEAR_END, "cn-1"))) == []


def test_changes_ahead_are_waited_for_one_after_the_other() -> None:
    run = LedgerRun()
    run.say(GRANT)
    run.say(change(SUSPENDED, 1, T0 + HOUR))
    run.say(change(REINSTATED, 2, T0 + 2 * HOUR))
    for hours, state in ((1, "suspended"), (2, "active")):
        assert dict(deadlines(run.license))["license_effective"] == T0 + hours * HOUR
        run.now = T0 + hours * HOUR
        run.say(due("license_effective", T0 + hours * HOUR, "cn-1"), after=timedelta(0))
        assert run.license.state_at(run.now) == state
    assert "license_effective" not in dict(deadlines(run.license))


def test_what_is_known_before_the_license_counts_when_it_comes() -> None:
    for early, word in (
        (change(SUSPENDED), "Refused: LICENSE_SUSPENDED"),
        (change(REVOKED), "Refused: LICENSE_REVOKED"),
        (bad(), "Refused: LICENSE_UNKNOWN"),
        (amended(3, destinations=("FR",)), "Refused: DESTINATION_MISMATCH"),
    ):
        run = LedgerRun()
        run.say(early)
        run.say(GRANT)
        assert said(run.say(requested())) == [word], early
