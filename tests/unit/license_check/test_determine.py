"""Determination: which licenses could cover, in which order, and what holds a line."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.classification import Reason, RegimeVerdict, Status, Verdict
from schemas.orders import Finding, Order, Screening
from services.license_check.book import Change, License
from services.license_check.determine import CANDIDATES_MAX, UNFIT_MAX
from tests.support.builders import PARTIES, T0, decided, line, order, verdict
from tests.support.determining import FREE, candidates, found, held, holds, judge, reason
from tests.support.folds import GateRun


def test_a_license_that_covers_is_a_candidate_with_what_it_would_be_drawn() -> None:
    assessed = judge(held(unit="g"))
    [candidate] = found(assessed).candidates

    assert (candidate.license_id, candidate.quantity, candidate.unit) == (
        "cn-1",
        Decimal(10_000),
        "g",
    )
    assert holds(assessed) == []
    assert found(assessed).item is not None
    assert assessed.book == {"0": 7}


def test_candidates_come_in_the_order_they_are_to_be_drawn() -> None:
    """What the order names first; then what expires first; then what is least flexible; then id."""
    late, soon = date(2026, 12, 31), date(2026, 9, 30)
    licenses = [
        held("e", valid_to=late),
        held("d", valid_to=soon, destinations=("DE", "FR")),
        held("c", valid_to=soon, destinations=("DE",)),
        held("b", valid_to=soon, destinations=("DE",)),
        held("a", valid_to=late),
    ]
    assert candidates(judge(*licenses)) == ["b", "c", "d", "a", "e"]

    asked = order(lines=(line(license_ids=("e", "nobody", "d")),))
    assert candidates(judge(*licenses, whole=asked)) == ["e", "d", "b", "c", "a"]


def test_the_book_in_any_order_gives_the_same_assessment() -> None:
    licenses = [held(f"cn-{at}", destinations=("FR",) if at % 2 else ("DE",)) for at in range(9)]

    assert judge(*licenses) == judge(*reversed(licenses))


def test_balances_are_the_ledgers_business() -> None:
    empty = held().model_copy(update={"used_quantity": Decimal(100)})

    assert candidates(judge(empty)) == ["cn-1"]


NO_COVER: dict[str, tuple[list[License], str]] = {
    "no license at all": ([], "NO_LICENSE"),
    "of somebody else": ([held(holder="other")], "NO_LICENSE"),
    "for another item": ([held(codes=("9A001",))], "NO_LICENSE"),
    "for another destination": ([held(destinations=("FR",))], "DESTINATION_MISMATCH"),
    "for another end user": ([held(end_users=("Army",))], "PARTY_MISMATCH"),
    "in another unit": ([held(unit="pc")], "UNIT_MISMATCH"),
    "expired": ([held(valid_to=date(2026, 5, 31))], "LICENSE_EXPIRED"),
    "not yet valid": ([held(valid_from=date(2026, 6, 2))], "LICENSE_NOT_YET_VALID"),
    "without certificate": ([held(requires=("euc",))], "EUC_MISSING"),
    "under a condition": ([held(conditions=("report",))], "CONDITION_OPEN"),
    "suspended": ([held(status="suspended")], "LICENSE_SUSPENDED"),
    "revoked": ([held(status="revoked")], "LICENSE_REVOKED"),
    "unknown": (
        [held().model_copy(update={"unreadable_offsets": (3,)})],
        "LICENSE_UNKNOWN",
    ),
    "conflicting": ([held().model_copy(update={"conflict": True})], "LICENSE_UNKNOWN"),
    "the nearest miss counts": (
        [held("a", holder="x"), held("b", requires=("euc",)), held("c", destinations=("FR",))],
        "EUC_MISSING",
    ),
    "the nearest miss is the suspended one": (
        [held("a", requires=("euc",)), held("b", status="suspended")],
        "LICENSE_SUSPENDED",
    ),
}


@pytest.mark.parametrize(("licenses", "code"), NO_COVER.values(), ids=NO_COVER)
def test_without_a_candidate_the_nearest_miss_is_named(licenses: list[License], code: str) -> None:
    assessed = judge(*licenses)

    assert candidates(assessed) == []
    assert holds(assessed) == [code]
    assert all(each.change for each in found(assessed).unfit)


def test_a_license_of_another_regime_is_never_a_candidate() -> None:
    assessed = judge(held(regime="US"), held("cn-g", regime="CN-GAZETTED"))

    assert candidates(assessed) == []
    assert holds(assessed) == ["NO_LICENSE"]


@pytest.mark.parametrize(
    ("changes", "usable"),
    [
        (Change(state="suspended", effective_at=T0, amendment=1), False),
        (Change(state="suspended", effective_at=T0 + timedelta(seconds=1), amendment=1), True),
    ],
)
def test_a_suspension_counts_from_its_moment(changes: Change, usable: bool) -> None:
    assessed = judge(held().model_copy(update={"changes": (changes,)}))

    assert bool(candidates(assessed)) is usable


def test_lists_are_bounded() -> None:
    many = [held(f"ok-{at:03}") for at in range(40)]
    bad = [held(f"no-{at:03}", destinations=("FR",)) for at in range(40)]
    assessed = judge(*many, *bad)

    assert candidates(assessed) == [f"ok-{at:03}" for at in range(CANDIDATES_MAX)]
    assert len(found(assessed).unfit) == UNFIT_MAX


VERDICTS: dict[str, tuple[RegimeVerdict, list[Reason], list[str]]] = {
    "not applicable": (verdict(Verdict.NOT_APPLICABLE), [], []),
    "clear": (FREE, [], []),
    "clear, with notes": (FREE, [reason("OFFICER"), reason("MISSING_FACT", "US")], []),
    "review": (verdict(Verdict.REVIEW), [], ["CLASSIFICATION_UNCERTAIN"]),
    "review for a fact": (verdict(Verdict.REVIEW), [reason("MISSING_FACT")], ["MISSING_FACT"]),
    "review for two": (
        verdict(Verdict.REVIEW),
        [reason("CATCH_ALL"), reason("MISSING_FACT"), reason("CATCH_ALL")],
        ["CATCH_ALL", "MISSING_FACT"],
    ),
    "review for another regime's reason": (
        verdict(Verdict.REVIEW),
        [reason("MISSING_FACT", "US")],
        ["CLASSIFICATION_UNCERTAIN"],
    ),
    "an embargo": (verdict(Verdict.REVIEW), [reason("EMBARGO")], ["EMBARGO"]),
    "stale": (verdict(Verdict.REVIEW, status=Status.STALE), [], ["LIST_STALE"]),
    "stale, though clear": (
        verdict(Verdict.NO_LICENSE_REQUIRED, status=Status.STALE),
        [],
        ["LIST_STALE"],
    ),
    "stale, license needed": (
        verdict(Verdict.LICENSE_REQUIRED, status=Status.STALE),
        [],
        ["LIST_STALE"],
    ),
    "overlap": (
        verdict(Verdict.OVERLAP_EXCLUDED, routed_to=("US",)),
        [],
        ["OVERLAP_ROUTED"],
    ),
    "denied": (verdict(Verdict.DENY_PRESUMED), [], ["DENY_PRESUMED"]),
    "denied by embargo": (
        verdict(Verdict.DENY_PRESUMED),
        [reason("EMBARGO")],
        ["DENY_PRESUMED", "EMBARGO"],
    ),
}


@pytest.mark.parametrize(("own", "reasons", "codes"), VERDICTS.values(), ids=VERDICTS)
def test_what_a_verdict_holds(own: RegimeVerdict, reasons: list[Reason], codes: list[str]) -> None:
    assert holds(judge(held(), regimes={"CN": own}, reasons=reasons)) == codes


def test_a_denied_line_has_only_licenses_that_name_its_end_user() -> None:
    denied = {"CN": verdict(Verdict.DENY_PRESUMED, control_code="1C905.b")}
    assessed = judge(held("any", end_users=("*",)), held("named"), regimes=denied)

    assert candidates(assessed) == ["named"]
    assert holds(assessed) == ["DENY_PRESUMED"], "the license alone does not settle it"


def test_an_overlap_is_covered_by_a_license_of_the_regime_routed_to() -> None:
    routed = {
        "CN": verdict(Verdict.OVERLAP_EXCLUDED, routed_to=("US",)),
        "US": verdict(Verdict.LICENSE_REQUIRED, control_code=None, eccn="1C010"),
    }
    ours = held("us-1", regime="US", codes=("1C010",))
    assessed = judge(ours, held("cn-1", codes=("*",)), regimes=routed)

    assert candidates(assessed, "CN") == ["us-1"]
    assert holds(assessed, "CN") == []
    without = judge(held("cn-1", codes=("*",)), regimes=routed)
    assert candidates(without, "CN") == []
    assert holds(without, "CN") == ["OVERLAP_ROUTED"]


def test_an_overlap_tells_of_each_candidate_which_regime_it_is_of() -> None:
    routed = {
        "CN": verdict(Verdict.OVERLAP_EXCLUDED, routed_to=("US", "EU")),
        "US": verdict(Verdict.LICENSE_REQUIRED, control_code=None, eccn="3C001"),
        "EU": verdict(Verdict.LICENSE_REQUIRED, control_code=None, annex_i="1C010"),
    }
    assessed = judge(
        held("us-1", regime="US", codes=("3C001",)),
        held("eu-1", regime="EU", codes=("1C010",)),
        regimes=routed,
    )

    told = [
        (each.license_id, each.regime, each.item.codes if each.item else None)
        for each in found(assessed, "CN").candidates
    ]
    assert told == [("us-1", "US", ("3C001",)), ("eu-1", "EU", ("1C010",))]
    assert [each.regime for each in found(assessed, "EU").candidates] == [None]


def test_an_overlap_counts_whatever_the_other_regime_says() -> None:
    routed = {
        "CN": verdict(Verdict.OVERLAP_EXCLUDED, routed_to=("US",)),
        "US": verdict(Verdict.NOT_APPLICABLE),
    }

    assert holds(judge(regimes=routed), "CN") == ["OVERLAP_ROUTED"]


def test_a_finding_of_an_officer_stands_for_the_stale_list() -> None:
    finding = Finding(
        action="classify", line_id="L1", regime="CN", citation="art. 1", officers=("ann",),
        decided_at=T0,
    )  # fmt: skip
    stale = {"CN": verdict(Verdict.NO_LICENSE_REQUIRED, status=Status.STALE)}

    assert holds(judge(regimes=stale, findings=(finding,))) == []
    other = finding.model_copy(update={"line_id": "L2"})
    assert holds(judge(regimes=stale, findings=(other,))) == ["LIST_STALE"]


@pytest.mark.parametrize("code", ["PARTY_HIT", "CATCH_ALL"])
def test_one_officer_who_classifies_does_not_settle_what_needs_two(code: str) -> None:
    """What the goods are says nothing of who gets them: four eyes are not bypassed."""
    finding = Finding(
        action="classify", line_id="L1", regime="CN", citation="art. 1", officers=("ann",),
        decided_at=T0,
    )  # fmt: skip
    cleared = judge(regimes={"CN": FREE}, reasons=[reason(code)], findings=(finding,))
    assert holds(cleared) == [code]

    run = GateRun()
    run.say(cleared)
    run.say(decided(1, officer="ann"))
    assert run.decision == "HELD"
    run.say(decided(1, officer="bob"))
    assert run.decision == "RELEASED"


def test_an_embargo_is_never_outweighed_by_a_license() -> None:
    assert holds(judge(held(), reasons=[reason("EMBARGO")])) == ["EMBARGO"]


def screened(*results: str | None) -> Order:
    parties = tuple(
        party.model_copy(update={"screened": Screening.model_validate(
            {"result": result, "list_version": "1", "at": T0}) if result else None})
        for party, result in zip(PARTIES, results, strict=True)
    )  # fmt: skip
    return order(parties=parties)


@pytest.mark.parametrize(
    ("whole", "codes"),
    [
        (screened("clear", "clear"), []),
        (screened("clear", "unknown"), ["PARTY_UNSCREENED"]),
        (screened("clear", None), ["PARTY_UNSCREENED"]),
        (screened("hit", "clear"), ["PARTY_HIT"]),
        (screened("hit", None), ["PARTY_HIT", "PARTY_UNSCREENED"]),
        (order(parties=()), ["PARTY_UNSCREENED"]),
    ],
)
def test_screening(whole: Order, codes: list[str]) -> None:
    free = {"CN": FREE, "US": verdict(Verdict.NOT_APPLICABLE)}
    assessed = judge(whole=whole, regimes=free, screening=True)

    assert holds(assessed) == codes
    assert holds(assessed, "US") == [], "a regime that does not apply holds nothing"
    assert holds(judge(whole=whole, regimes=free)) == []


@pytest.mark.parametrize(
    ("changes", "ends"),
    [
        ({}, []),
        ({"verified_until": date(2026, 8, 1)}, ["2026-07-31T16:00:00+00:00"]),
        (
            {"order": order(requested_ship_date=date(2026, 6, 20))},
            ["2026-07-20T00:00:00+00:00"],
        ),
        ({"order": order(requested_ship_date=date.max)}, ["9999-12-31T00:00:00+00:00"]),
    ],
)
def test_what_bounds_a_release(changes: dict[str, Any], ends: list[str]) -> None:
    whole = changes.pop("order", None)
    assessed = judge(whole=whole, regimes={"CN": FREE}, **changes)

    assert [bound.until.isoformat() for bound in assessed.valid_until_bounds] == ends


def test_the_next_change_of_an_entry_bounds_a_release_in_its_regimes_zone() -> None:
    regimes = {
        "CN": verdict(Verdict.NO_LICENSE_REQUIRED, next_change="2026-11-10"),
        "US": verdict(Verdict.NO_LICENSE_REQUIRED, next_change="2026-11-10"),
        "EU": verdict(Verdict.NOT_APPLICABLE, next_change="2026-07-01"),
    }
    bounds = [bound.until for bound in judge(regimes=regimes).valid_until_bounds]

    assert bounds == [
        datetime(2026, 11, 9, 16, tzinfo=UTC),
        datetime(2026, 11, 10, 5, tzinfo=UTC),
    ]


def test_validity_counts_on_every_day_the_order_is_determined_for() -> None:
    ends = held(valid_to=date(2026, 6, 1))
    assert candidates(judge(ends)) == ["cn-1"]
    assert candidates(judge(ends, now=T0 + timedelta(days=1))) == []
    assert candidates(judge(ends, now=T0 + timedelta(days=1), event_basis=True)) == ["cn-1"]
    shipping = order(requested_ship_date=date(2026, 6, 2))
    assert candidates(judge(ends, whole=shipping)) == []
    assert judge(ends, whole=shipping).days == (date(2026, 6, 1), date(2026, 6, 2))


@pytest.mark.parametrize("parties", [(), PARTIES[:1], PARTIES[1:]])
def test_a_party_not_stated_is_covered_by_any_only(parties: Any) -> None:
    whole = order(parties=parties)

    assert candidates(judge(held(), whole=whole)) == []
    anybody = held(consignees=("*",), end_users=("*",))
    assert candidates(judge(anybody, whole=whole)) == ["cn-1"]


def test_a_huge_quantity_is_held_not_raised() -> None:
    whole = order(lines=(line(quantity=Decimal("9" * 18), unit="t"),))

    assert holds(judge(held(unit="mg"), whole=whole)) == ["UNIT_MISMATCH"]
