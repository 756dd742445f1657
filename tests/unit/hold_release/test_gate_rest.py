"""A line of which some left on one license, and the rest is drawn on another."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.decisions import HoldReason
from schemas.licenses import LicenseAmended, LicenseRevoked
from schemas.orders import ShippedLine
from tests.support.builders import PARTIES, license_granted, line, order, party, terms
from tests.support.duo import DAY, Duo, comes_back, needs, of, released, ships


def rest_on_another() -> Duo:
    """Six of ten kilograms left on a license that is revoked; another covers the other four."""
    duo = released("10", "cn-1")
    duo.office(license_granted("cn-2", quantity=Decimal(100)), "cn-2")
    ships(duo, "6")
    at = duo.ledger.now
    revoked = LicenseRevoked(license_id="cn-1", amendment=1, effective_at=at, reason="-")
    duo.office(revoked, "cn-1")
    duo.order(needs(of("10"), "cn-2", check=1))
    assert duo.last().decision == "RELEASED"
    assert duo.balance("cn-2") == ("0", "4")
    return duo


@pytest.mark.parametrize(("wants", "rest"), [("8", "2"), ("12", "6")])
def test_the_rest_of_an_amended_line_is_asked_anew(wants: str, rest: str) -> None:
    duo = rest_on_another()
    duo.order(needs(of(wants, 2), "cn-2"))

    assert [each.quantity for each in duo.last().licenses] == [Decimal(rest)]
    duo.pass_time(DAY + timedelta(minutes=1))
    assert duo.balance("cn-2") == ("0", rest)


def test_what_came_back_is_set_aside_again_however_the_line_was_amended() -> None:
    duo = rest_on_another()
    duo.order(needs(of("8", 2), "cn-2"))
    duo.order(comes_back("s1", "6"))
    duo.order(needs(of("10", 3), "cn-2"))

    assert [each.quantity for each in duo.last().licenses] == [Decimal(10)]


def test_a_rest_that_was_let_go_is_taken_back_while_it_suffices() -> None:
    duo = rest_on_another()
    duo.order(needs(of("8", 2), "cn-2"))
    duo.order(needs(of("10", 3), "cn-2"))

    assert [each.quantity for each in duo.last().licenses] == [Decimal(4)]


@pytest.mark.parametrize(
    ("of_line", "of_order", "asked"),
    [
        ({}, {}, "4"),
        ({"license_ids": ("cn-2",)}, {"requested_ship_date": "2026-06-20"}, "4"),
        ({"sku": "another"}, {}, "10"),
        ({"description": "terbium oxide powder"}, {}, "10"),
        ({}, {"parties": (PARTIES[0], party("end_user", "Braun AG"))}, "10"),
        ({}, {"destination": "FR"}, "10"),
    ],
)
def test_what_left_of_other_goods_or_to_others_is_no_part_of_the_line(
    of_line: dict[str, Any], of_order: dict[str, Any], asked: str
) -> None:
    duo = Duo()
    for name in ("cn-1", "cn-2"):
        granted = license_granted(
            name, quantity=Decimal(100), destinations=("DE", "FR"), end_users=("*",)
        )
        duo.office(granted, name)
    duo.order(needs(of("10"), "cn-1"))
    ships(duo, "6")
    duo.order(needs(order(revision=2, lines=(line(**of_line),), **of_order), "cn-2"))

    assert [each.quantity for each in duo.last().licenses] == [Decimal(asked)]


@pytest.mark.parametrize(
    ("of_line", "set_aside"), [({}, "4"), ({"description": "terbium oxide powder"}, "10")]
)
def test_what_other_goods_left_on_is_not_set_aside_for_a_line_under_the_same_license(
    of_line: dict[str, Any], set_aside: str
) -> None:
    duo = released("10", "cn-1")
    ships(duo, "6")
    duo.order(needs(of("10", 2, **of_line), "cn-1"))

    assert (duo.last().decision, duo.last().revision) == ("RELEASED", 2)
    duo.pass_time(DAY + timedelta(minutes=1))
    assert duo.balance() == ("6", set_aside)


def test_what_left_in_two_units_and_came_back_in_part_counts_for_nothing() -> None:
    duo = released("10", "cn-1")
    duo.office(license_granted("cn-2", quantity=Decimal(100)), "cn-2")
    pounds = ShippedLine(line_id="L1", quantity=Decimal(2), unit="lb")
    kilograms = pounds.model_copy(update={"quantity": Decimal(2), "unit": "kg"})
    ships(duo, "2", lines=(kilograms, pounds))
    duo.order(comes_back("s1", "2"))
    duo.order(needs(of("10"), "cn-2", check=1))

    assert [each.quantity for each in duo.last().licenses] == [Decimal(10)]


def test_what_came_back_in_another_unit_may_be_all_of_it() -> None:
    duo = released("10", "cn-1")
    duo.office(license_granted("cn-2", quantity=Decimal(100)), "cn-2")
    ships(duo, "6")
    back = comes_back("s1", "6")
    tonnes = back.lines[0].model_copy(update={"quantity": Decimal("0.006"), "unit": "t"})
    duo.order(back.model_copy(update={"lines": (tonnes,)}))
    duo.order(needs(of("10"), "cn-2", check=1))

    assert [each.quantity for each in duo.last().licenses] == [Decimal(10)]


CREDITS = ("automatic", "officer")


@pytest.mark.parametrize("credit", CREDITS)
@pytest.mark.parametrize(
    ("left", "back", "anew"), [("10", "10", "10"), ("10", "4", "4"), ("6", "2", "6")]
)
def test_what_came_back_is_set_aside_anew_before_it_is_released_again(
    left: str, back: str, anew: str, credit: str
) -> None:
    duo = released("10", "cn-1", return_credit=credit)
    ships(duo, left)
    duo.order(comes_back("s1", back))
    used = duo.balance()[0]
    duo.order(needs(of("10", 2)))

    assert duo.last().decision == "RELEASED"
    assert [each.quantity for each in duo.last().licenses] == [Decimal(anew)]
    duo.pass_time(DAY + timedelta(minutes=1))
    assert duo.balance() == (used, anew)


@pytest.mark.parametrize(("credit", "decision"), [("automatic", "RELEASED"), ("officer", "HELD")])
def test_what_came_back_is_not_released_again_without_room_for_it(
    credit: str, decision: str
) -> None:
    duo = released("10", "cn-1", quantity=Decimal(12), return_credit=credit)
    ships(duo, "10")
    duo.order(comes_back("s1", "4"))
    assert duo.last().decision == "RELEASED"
    duo.order(needs(of("10", 2)))
    assert duo.last().decision == decision


def test_a_license_that_ends_earlier_renews_no_release_on_what_came_back() -> None:
    duo = released("10", "cn-1", return_credit="automatic")
    ships(duo, "10")
    duo.order(comes_back("s1", "4"))
    ends = duo.license().terms
    assert ends is not None
    short = terms(return_credit="automatic", valid_to=ends.valid_to - DAY)
    duo.office(LicenseAmended(**short.model_dump(), amendment=1))

    assert duo.last().decision == "RELEASED"
    assert [each.quantity for each in duo.last().licenses] == [Decimal(4)]
    assert duo.balance() == ("6", "4")


def test_where_all_came_back_and_was_credited_nothing_is_granted_any_more() -> None:
    duo = released("10", "cn-1", return_credit="automatic")
    ships(duo, "10")
    duo.order(comes_back("s1", "10"))
    assert duo.balance() == ("0", "0")
    ends = duo.license().terms
    assert ends is not None
    short = terms(return_credit="automatic", valid_to=ends.valid_to - DAY)
    duo.office(LicenseAmended(**short.model_dump(), amendment=1))
    assert {each.code for each in duo.last().reasons} == {HoldReason.LICENSE_EXHAUSTED}

    duo.order(needs(of("10", 1), check=1))
    assert [each.quantity for each in duo.last().licenses] == [Decimal(10)]
    assert duo.balance() == ("0", "10")
