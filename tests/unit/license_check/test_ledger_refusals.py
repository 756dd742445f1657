"""What is said wrongly of a license is named on record and applied in no part; warnings in time."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.base import Model, changed
from schemas.licenses import BalanceAdjusted, LicenseAlerted, LicenseAmended, LicenseResolved
from schemas.orders import Document
from services.license_check.book import LICENSE
from services.license_check.posting import SHIPMENTS_KEPT
from services.license_check.register import deadlines
from tests.support.builders import adjust, due, license_granted, requested, settle, terms
from tests.support.folds import LedgerRun, said

YEAR_END = datetime(2026, 12, 31, 16, tzinfo=UTC)
LAST_DAY = date(2026, 12, 31)
MONEY: dict[str, Any] = {"value": Decimal(5000), "currency": "USD"}


def amended(amendment: int = 1, **changes: Any) -> LicenseAmended:
    own = terms(**changes).model_dump()
    return LicenseAmended.model_validate(own | {"amendment": amendment})


EUC = Document.model_validate(
    {"kind": "euc", "number": "E-1", "issuer": "W", "issued": "2026-05-01",
     "end_user": "Weber GmbH", "quantity": "25", "unit": "kg"}
)  # fmt: skip


def corrected(**changes: Any) -> BalanceAdjusted:
    fields = {"adjustment_id": "a", "license_id": "cn-1", "document": "d", "officer": "ann",
              "note": "-"}  # fmt: skip
    return BalanceAdjusted.model_validate(fields | changes)


def drawn(**license_: Any) -> LedgerRun:
    """A license of 100 kg with 60 kg used and 10 kg set aside."""
    run = LedgerRun()
    run.say(license_granted(**license_))
    run.say(requested("r1", "60", value="600", currency="USD"))
    run.say(settle("r1", "s1", "60", final=True, value="600"))
    run.say(requested("r2", "10", value="100", currency="USD"))
    run.outputs.clear()
    return run


AMENDMENTS: dict[str, tuple[LicenseAmended, str]] = {
    "below what is used": (amended(quantity=Decimal(59)), "below_used"),
    "an unknown unit": (amended(unit="carboy"), "unit_unknown"),
    "an unknown currency": (amended(value="9", currency="XXX"), "currency_unknown"),
    "pieces of an element": (amended(unit="pcs", quantity_basis="element:Dy"), "basis_unknown"),
    "another unit": (amended(unit="t", quantity=Decimal(1)), "unit_changed"),
    "another basis": (amended(quantity_basis="oxide"), "unit_changed"),
    "a value limit after goods were drawn": (amended(**MONEY), "currency_changed"),
}


@pytest.mark.parametrize(("event", "result"), AMENDMENTS.values(), ids=AMENDMENTS)
def test_an_amendment_the_books_cannot_take_leaves_the_license_unknown(
    event: LicenseAmended, result: str
) -> None:
    run = drawn()
    before = run.license.terms
    answers = run.say(event)

    assert run.not_applied == [result]
    assert run.license.terms == before
    assert run.balances() == ("60", "10", "30")
    assert said(answers) == ["Withdrawn: LICENSE_UNKNOWN"], "nobody rests on what is in doubt"
    assert said(run.say(requested("r3", "1"))) == ["Refused: LICENSE_UNKNOWN"]
    run.say(event)
    assert run.not_applied == [result], "told once"


@pytest.mark.parametrize("clears", ["a later amendment", "an officer"])
def test_the_doubt_is_cleared_by_a_later_amendment_or_an_officer(clears: str) -> None:
    run = drawn()
    run.say(amended(quantity=Decimal(59)))
    offset = len(run.log) - 1
    if clears == "an officer":
        word = LicenseResolved(
            license_id="cn-1", unreadable_offset=offset, officer="ann", note="a misprint"
        )
        run.say(word)
    else:
        run.say(amended(2, quantity=Decimal(80)))

    assert said(run.say(requested("r3", "1"))) == ["Granted: granted"]


def test_a_license_in_an_unknown_measure_is_not_entered() -> None:
    run = LedgerRun()
    run.say(license_granted(unit="carboy"))
    assert run.not_applied == ["unit_unknown"]
    assert said(run.say(requested())) == ["Refused: LICENSE_UNKNOWN"]

    run.say(license_granted())
    assert said(run.say(requested())) == ["Granted: granted"]


def test_one_number_with_two_contents_is_named_and_a_later_amendment_settles_it() -> None:
    run = drawn()
    run.say(license_granted(quantity=Decimal(500)))
    assert run.not_applied == ["exists_with_other_content"]
    assert run.license.state_at(run.now) == "unknown"

    run.say(amended(1, quantity=Decimal(500)))
    assert run.license.state_at(run.now) == "active"


def test_an_amendment_that_comes_late_is_named() -> None:
    run = LedgerRun()
    run.say(license_granted())
    run.say(amended(3, destinations=("FR",)))
    run.say(amended(2, destinations=("IT",)))

    assert run.not_applied == ["out_of_order"]
    assert run.license.terms is not None
    assert run.license.terms.destinations == ("FR",)


def test_an_overdrawn_license_may_be_amended_in_all_but_its_limit() -> None:
    run = LedgerRun()
    run.say(license_granted())
    run.say(requested())
    run.say(settle("r1", "s1", "130", final=True))
    assert run.license.standing_at(run.now) == "overdrawn"

    run.say(amended(1, destinations=("FR",)))
    assert run.not_applied == []
    run.say(amended(2, quantity=Decimal(90)))
    assert run.not_applied == ["below_used"]


@pytest.mark.parametrize(
    ("event", "result"),
    [
        (corrected(quantity="-61", unit="kg"), "credit_beyond_used"),
        (corrected(quantity="1", unit="g"), "unit_mismatch"),
        (corrected(value="1", currency="EUR"), "currency_mismatch"),
        (corrected(quantity="1", unit="kg", value="1", currency="EUR"), "currency_mismatch"),
        (LicenseResolved(license_id="cn-1", unreadable_offset=99, officer="ann", note="-"),
         "nothing_to_resolve"),
    ],
)  # fmt: skip
def test_an_officers_act_that_does_not_fit_is_named_and_applied_in_no_part(
    event: Model, result: str
) -> None:
    run = drawn()
    before = run.license
    run.say(event)

    assert run.not_applied == [result]
    assert run.license == before


def test_a_line_without_value_is_no_line_for_a_license_limited_in_value() -> None:
    run = LedgerRun()
    run.say(license_granted(**MONEY))
    [answer] = run.say(requested())

    assert said([answer]) == ["Refused: UNIT_MISMATCH"]
    assert "states no value" in answer.event.text  # type: ignore[attr-defined]
    assert run.license.reserved_quantity == 0


def alerts(run: LedgerRun) -> list[tuple[str, int]]:
    found = [each for each in run.notes if isinstance(each, LicenseAlerted)]
    return [(each.measure or each.alert, each.threshold) for each in found]


def test_use_is_warned_of_once_a_threshold() -> None:
    run = LedgerRun()
    run.say(license_granted())
    for at, quantity in enumerate(("79", "1", "9", "1", "6", "4")):
        run.say(requested(f"r{at}", quantity))
    assert alerts(run) == [("quantity", 80), ("quantity", 90), ("quantity", 95), ("quantity", 100)]

    run.say(settle("r0", "s0", "1", final=True))
    run.say(requested("again", "78"))
    assert len(alerts(run)) == 4, "up again: told before"
    run.say(amended(1, quantity=Decimal(110)))
    assert alerts(run)[4:] == [("quantity", 90)], "another limit is another matter"


def test_use_in_value_is_warned_of_too() -> None:
    run = LedgerRun()
    run.say(license_granted(**MONEY))
    run.say(requested("r1", "1", value="4600", currency="USD"))

    assert alerts(run) == [("value", 90)]


def test_the_end_is_warned_of_thirty_fourteen_seven_days_and_one_before() -> None:
    run = LedgerRun()
    run.say(license_granted())
    seen = []
    for _ in range(6):
        waiting = dict(deadlines(run.license))
        if "license_expiring" not in waiting:
            break
        seen.append(waiting["license_expiring"])
        run.now = waiting["license_expiring"]
        run.say(due("license_expiring", run.now, "cn-1"), after=timedelta(0))
    assert alerts(run) == [("expiry", 30), ("expiry", 14), ("expiry", 7), ("expiry", 1)]
    assert [YEAR_END - moment for moment in seen] == [
        timedelta(days=days) for days in (30, 14, 7, 1)
    ]


def test_what_is_nearly_over_when_it_is_entered_is_warned_of_at_the_nearest_threshold() -> None:
    run = LedgerRun()
    run.now = datetime(2026, 6, 1, tzinfo=UTC)
    run.say(license_granted(valid_to=date(2026, 6, 6)))
    moment = dict(deadlines(run.license))["license_expiring"]
    assert moment < run.now
    run.say(due("license_expiring", moment, "cn-1"))

    assert alerts(run) == [("expiry", 7)]


def test_certificates_are_used_up_over_all_orders_and_given_back() -> None:
    run = LedgerRun()
    run.say(license_granted(requires=("euc",)))
    shown = {"documents": (EUC,)}
    assert said(run.say(requested("r1", "10", **shown))) == ["Granted: granted"]
    assert said(run.say(requested("r2", "15", **shown))) == ["Granted: granted"]
    [refused] = run.say(requested("r3", "1", **shown))
    assert said([refused]) == ["Refused: EUC_MISSING"]
    assert "of which 25 is drawn already" in refused.event.text  # type: ignore[attr-defined]

    run.say(settle("r2", "s1", "5", final=True))
    assert said(run.say(requested("r4", "10", **shown))) == ["Granted: granted"]
    assert said(run.say(requested("r5", "1", **shown))) == ["Refused: EUC_MISSING"]
    assert said(run.say(amended(1, requires=("euc",), quantity=Decimal(90)))) == []


@pytest.mark.parametrize(
    ("ends", "last_day"),
    [
        (None, LAST_DAY),
        (date(2026, 6, 20), date(2026, 6, 20)),
        (date(2027, 6, 1), LAST_DAY),
    ],
)
def test_a_grant_ends_with_its_license_or_its_certificate(
    ends: date | None, last_day: date
) -> None:
    run = LedgerRun()
    run.say(license_granted(requires=("euc",)))
    [answer] = run.say(requested("r1", "10", documents=(changed(EUC, valid_until=ends),)))

    assert answer.event.valid_to == last_day  # type: ignore[attr-defined]


def test_an_adjustment_that_moves_to_a_certificate_that_ends_earlier_says_so() -> None:
    small = changed(EUC, number="E-0", quantity=Decimal(10))
    sooner = changed(EUC, valid_until=date(2026, 6, 20))
    run = LedgerRun()
    run.say(license_granted(requires=("euc",)))
    run.say(requested("r1", "10", documents=(small, sooner)))
    assert run.reservation("r1").valid_to == LAST_DAY

    told = run.say(adjust("r1", "15"))
    assert said(told) == ["Posted adjust: adjusted", "Granted: confirmed"]
    assert told[1].event.valid_to == date(2026, 6, 20)  # type: ignore[attr-defined]
    assert said(run.say(adjust("r1", "16"))) == ["Posted adjust: adjusted"], "told once"


def test_an_amendment_forgets_neither_shipments_nor_what_certificates_were_used_for() -> None:
    run = LedgerRun()
    run.say(license_granted(max_shipments=2))
    run.say(requested("r1", "10"))
    run.say(settle("r1", "s1", "10", final=True))
    del run.aggregates["cn-1"]["r1"]  # forgotten, as long ago closed
    run.say(amended(1, max_shipments=2, destinations=("DE", "FR")))
    assert said(run.say(requested("r2", "1", order_id="o2"))) == ["Granted: granted"]
    assert said(run.say(requested("r3", "1", order_id="o3"))) == ["Refused: LICENSE_EXHAUSTED"]


def test_shipments_made_before_they_were_limited_count() -> None:
    run = LedgerRun()
    run.say(license_granted())
    run.say(requested("r1", "10"))
    run.say(settle("r1", "s1", "10", final=True))
    run.say(amended(1, max_shipments=1))

    assert said(run.say(requested("r2", "1", order_id="o2"))) == ["Refused: LICENSE_EXHAUSTED"]


def test_a_limit_that_was_lifted_and_comes_back_counts_what_was_counted_before() -> None:
    run = LedgerRun()
    run.say(license_granted(max_shipments=5))
    run.say(requested("r1", "10"))
    run.say(settle("r1", "s1", "10", final=True))
    del run.aggregates["cn-1"]["r1"]  # forgotten, as long ago closed
    run.say(amended(1))
    run.say(requested("r2", "1"))
    run.say(settle("r2", "s2", "1", final=True))
    run.say(amended(2, max_shipments=2))

    assert said(run.say(requested("r3", "1", order_id="o3"))) == ["Refused: LICENSE_EXHAUSTED"]


def test_a_limit_above_the_shipments_kept_binds() -> None:
    most = SHIPMENTS_KEPT + 1
    run = LedgerRun()
    run.say(license_granted(max_shipments=most, quantity=Decimal(most + 2)))
    own = run.aggregates["cn-1"]
    kept = {f"erp/s{at}": Decimal(1) for at in range(SHIPMENTS_KEPT)}
    own[LICENSE] = changed(run.license, shipments=kept, shipments_counted=SHIPMENTS_KEPT)
    run.say(requested("r1", "1"))
    run.say(settle("r1", "last", "1", final=True))

    assert len(run.license.shipments) == SHIPMENTS_KEPT
    [refused] = run.say(requested("r2", "1", order_id="o2"))
    assert said([refused]) == ["Refused: LICENSE_EXHAUSTED"]
    assert f"{most} are made" in refused.event.text  # type: ignore[attr-defined]
