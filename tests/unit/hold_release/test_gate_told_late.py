"""What is told late: goods that left on what was given back, or on a release that was withdrawn."""

from datetime import timedelta
from decimal import Decimal
from random import Random

import pytest

from schemas.checks import ReservationRequested, ReservationReturned
from schemas.licenses import LicenseReinstated, LicenseSuspended
from schemas.orders import ShippedLine
from schemas.topics import LICENSES
from tests.support.builders import T0, cancelled, license_granted, shipped, unreadable
from tests.support.duo import DAY, Duo, comes_back, needs, of, released, ships
from tests.support.late import LateDuo

RECALL = DAY + timedelta(minutes=1)
DRUM = (ShippedLine(line_id="L1", quantity=Decimal(1), unit="drum"),)


def suspended(amendment: int = 1) -> LicenseSuspended:
    return LicenseSuspended(license_id="cn-1", amendment=amendment, effective_at=T0, reason="-")


@pytest.mark.parametrize("vouched", [True, False])
def test_goods_that_left_on_what_was_given_back_are_used_up(vouched: bool) -> None:
    duo = released("10", "cn-1", value=Decimal(5000), currency="USD")
    decision = duo.last().decision_id
    duo.order(cancelled(not_shipped=vouched))
    duo.pass_time(RECALL)
    assert duo.balance() == ("0", "0")
    duo.order(shipped("s1", decision))

    assert duo.balance() == ("10", "0")
    assert duo.license().used_value == Decimal(1000), "worth what it was granted for"
    assert [each.kind for each in duo.breaches()] == ["not_released"]


def test_what_cannot_be_measured_uses_up_what_was_given_back() -> None:
    duo = released("10", "cn-1")
    decision = duo.last().decision_id
    duo.order(cancelled())
    duo.pass_time(RECALL)
    duo.order(shipped("s1", decision, lines=DRUM))

    assert duo.balance() == ("10", "0")


def test_goods_that_left_on_a_withdrawn_release_are_drawn_on_all_it_rested_on() -> None:
    duo = released("10", "cn-1", "cn-2", quantity=Decimal(7))
    decision = duo.last().decision_id
    duo.order(unreadable())
    duo.order(shipped("s1", decision))

    assert [duo.balance(name) for name in ("cn-1", "cn-2")] == [("7", "0"), ("3", "0")]
    assert [each.kind for each in duo.breaches()] == ["not_released"]


def test_goods_that_left_on_an_earlier_release_are_drawn_on_what_that_rested_on() -> None:
    duo = released("10", "cn-1")
    decision = duo.last().decision_id
    duo.office(license_granted("cn-2"), "cn-2")
    duo.order(needs(of("10", 2), "cn-2"))
    duo.order(needs(of("10", 3), "cn-1"))
    duo.order(shipped("s1", decision, final=False))

    assert duo.last().revision == 3
    assert [duo.balance(name)[0] for name in ("cn-1", "cn-2")] == ["10", "0"]


def test_what_came_back_is_told_the_license_that_its_shipment_left_on() -> None:
    duo = Duo()
    for name in ("cn-1", "cn-2"):
        duo.office(license_granted(name, return_credit="automatic"), name)
    duo.order(needs(of("10"), "cn-1"))
    ships(duo, "4", "s1")
    duo.order(needs(of("10"), "cn-2", check=1))
    ships(duo, "6", "s2")
    duo.order(comes_back("s2", "3"))

    assert [duo.balance(name)[0] for name in ("cn-1", "cn-2")] == ["4", "3"]
    assert [each.license_id for each in duo.to_ledger(ReservationReturned)] == ["cn-2"]


def test_what_was_withdrawn_is_given_back_also_where_another_license_serves() -> None:
    duo = Duo()
    for name in ("cn-1", "cn-2"):
        duo.office(license_granted(name), name)
    duo.order(needs(of("10"), "cn-1", "cn-2"))
    duo.office(suspended())
    assert [each.license_id for each in duo.last().licenses] == ["cn-2"]
    assert duo.balance("cn-1") == ("0", "10"), "the goods may be on a truck"
    duo.office(LicenseReinstated(license_id="cn-1", amendment=2, effective_at=T0 + DAY, reason="-"))
    duo.pass_time(RECALL)

    assert duo.last().decision == "RELEASED"
    assert [duo.balance(name) for name in ("cn-1", "cn-2")] == [("0", "0"), ("0", "10")]


@pytest.mark.parametrize("final", [True, False])
@pytest.mark.parametrize("result", ["granted", "refused"])
def test_goods_that_left_while_a_license_was_asked_are_used_up_on_it(
    final: bool, result: str
) -> None:
    room = Decimal(100 if result == "granted" else 5)
    duo = LateDuo(Random(0), lambda _: needs(), 0.0)
    duo.office(license_granted("cn-1", quantity=room))
    duo.stopped = {LICENSES.name}
    duo.order(needs(of("10"), "cn-1"))
    duo.order(shipped("s1", "-", final=final))
    duo.rest()

    used = "10" if result == "granted" else "0"
    assert duo.balance() == (used, "0")
    assert [each.kind for each in duo.breaches()] == ["not_released"]
    if not final:
        duo.order(needs(of("15", 2), "cn-1"))
        assert duo.balance() == (used, "5" if result == "granted" else "0")
        wanted = [each.quantity for each in duo.to_ledger(ReservationRequested)]
        assert wanted == [Decimal(10)] if result == "granted" else [Decimal(10), Decimal(15)]
