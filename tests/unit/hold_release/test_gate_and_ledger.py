"""A line keeps its license through amendments, splits and cancellations of lines."""

from datetime import timedelta
from decimal import Decimal

import pytest

from schemas.checks import (
    ReservationAdjusted,
    ReservationReleased,
    ReservationRequested,
)
from schemas.licenses import LicenseAmended, LicenseRevoked
from tests.support.builders import (
    cancelled,
    license_granted,
    line,
    order,
    shipped,
    terms,
)
from tests.support.duo import DAY, Duo, needs, of, part, released, ships

# Amended


def test_more_is_reserved_at_once_on_the_same_license() -> None:
    duo = released("10")
    duo.order(needs(of("15", 2)))

    assert [each.decision for each in duo.decisions()] == ["RELEASED", "HELD", "RELEASED"]
    assert duo.balance() == ("0", "15")
    assert len(duo.to_ledger(ReservationRequested)) == 1
    assert duo.last().licenses[0].quantity == Decimal(15)


def test_less_is_given_back_only_when_nothing_can_have_left_on_it() -> None:
    duo = released("10")
    duo.order(needs(of("6", 2)))

    assert duo.last().decision == "RELEASED"
    assert duo.balance() == ("0", "10")
    duo.pass_time(timedelta(hours=23))
    assert duo.balance() == ("0", "10")
    duo.pass_time(timedelta(hours=2))
    assert duo.balance() == ("0", "6")
    duo.pass_time(DAY)
    assert len(duo.to_ledger(ReservationAdjusted)) == 1


def test_less_and_then_more_again_before_the_recall_is_over() -> None:
    duo = released("10")
    duo.order(needs(of("6", 2)))
    duo.order(needs(of("12", 3)))
    assert duo.balance() == ("0", "12")

    duo.pass_time(2 * DAY)
    assert duo.balance() == ("0", "12")


def test_what_shipped_of_the_old_revision_meanwhile_is_used() -> None:
    duo = released("10")
    was = duo.last()
    duo.order(needs(of("6", 2)))
    duo.order(shipped("s1", was.decision_id, **part("10")))

    assert [each.kind for each in duo.breaches()] == ["wrong_revision"]
    assert duo.balance() == ("10", "0")


def test_an_order_that_was_never_released_gives_back_at_once() -> None:
    duo = Duo()
    duo.office(license_granted())
    both = order(lines=(line("L1"), line("L2")))
    first = needs(both)
    waits = first.model_copy(update={"lines": (first.lines[0],), "order": of("10")})
    duo.order(waits)
    duo.order(needs(of("4", 2)))

    assert duo.last().decision == "RELEASED"


def test_where_the_license_has_no_room_for_more_the_next_is_asked() -> None:
    duo = released("10", "cn-1", "cn-2", quantity=Decimal(12))
    duo.order(needs(of("12", 2), "cn-1", "cn-2"))
    assert duo.balance("cn-1") == ("0", "12")

    duo.order(needs(of("4", 1, "o2"), "cn-1", "cn-2"), "o2")
    duo.order(needs(of("8", 2, "o2"), "cn-1", "cn-2"), "o2")
    assert duo.last("o2").licenses[0].license_id == "cn-2"

    duo.order(needs(of("13", 3), "cn-1", "cn-2"))
    assert duo.last().decision == "HELD"
    assert "LICENSE_EXHAUSTED" in {each.code for each in duo.last().reasons}
    assert duo.balance("cn-1") == ("0", "12"), "the goods may be on a truck"


def test_a_refused_total_is_never_taken_back_for_the_new_one() -> None:
    duo = released("10", quantity=Decimal(12))
    duo.order(needs(of("13", 2)))
    assert duo.last().decision == "HELD"
    duo.order(needs(of("13", 2), check=1))
    assert duo.last().decision == "HELD"
    assert duo.balance() == ("0", "10"), "the goods may be on a truck"

    duo.pass_time(DAY + timedelta(minutes=1))
    assert duo.balance() == ("0", "0")
    duo.order(needs(of("12", 3)))
    assert duo.last().decision == "RELEASED"


def test_other_facts_are_another_reservation() -> None:
    duo = released("10")
    duo.office(LicenseAmended(**terms(destinations=("DE", "FR")).model_dump(), amendment=1))
    other = order(revision=2, destination="FR", lines=(line(),))
    duo.order(needs(other))

    assert duo.last().decision == "RELEASED"
    assert duo.balance() == ("0", "20")
    duo.pass_time(DAY + timedelta(minutes=1))
    assert duo.balance() == ("0", "10")


# Split


def test_a_line_is_split_where_no_license_has_room_alone() -> None:
    duo = released("10", "cn-1", "cn-2", quantity=Decimal(7))

    drawn = {each.license_id: each.quantity for each in duo.last().licenses}
    assert drawn == {"cn-1": Decimal(7), "cn-2": Decimal(3)}
    ships(duo, "8")
    assert (duo.balance("cn-1"), duo.balance("cn-2")) == (("7", "0"), ("1", "2"))
    ships(duo, "2", "s2", final=True)
    assert duo.last().decision == "CLOSED"
    assert (duo.balance("cn-1"), duo.balance("cn-2")) == (("7", "0"), ("3", "0"))
    assert duo.breaches() == []


def test_a_license_with_room_for_all_is_preferred_to_a_split() -> None:
    duo = Duo()
    duo.office(license_granted("cn-1", quantity=Decimal(7)), "cn-1")
    duo.office(license_granted("cn-2", quantity=Decimal(20)), "cn-2")
    duo.order(needs(of("10"), "cn-1", "cn-2"))

    assert [each.license_id for each in duo.last().licenses] == ["cn-2"]


def test_a_split_that_does_not_suffice_gives_everything_back() -> None:
    duo = Duo()
    for name in ("cn-1", "cn-2"):
        duo.office(license_granted(name, quantity=Decimal(4)), name)
    duo.order(needs(of("10"), "cn-1", "cn-2"))

    assert duo.last().decision == "HELD"
    assert (duo.balance("cn-1"), duo.balance("cn-2")) == (("0", "0"), ("0", "0"))


def test_a_part_that_is_lost_is_asked_of_another_license() -> None:
    duo = released("10", "cn-1", "cn-2", quantity=Decimal(7))
    duo.office(license_granted("cn-3", quantity=Decimal(4)), "cn-3")
    at = duo.ledger.now
    event = LicenseRevoked(license_id="cn-2", amendment=1, effective_at=at, reason="-")
    duo.office(event, "cn-2")
    assert duo.last().decision == "HELD"
    duo.order(needs(of("10"), "cn-1", "cn-3", check=1))

    assert duo.last().decision == "HELD", "what was released is set aside for the recall"
    duo.pass_time(DAY + timedelta(minutes=1))
    duo.order(needs(of("10"), "cn-1", "cn-3", check=2))
    assert {each.license_id for each in duo.last().licenses} == {"cn-1", "cn-3"}


def test_pieces_are_split_whole() -> None:
    duo = Duo()
    for name in ("cn-1", "cn-2"):
        duo.office(license_granted(name, quantity=Decimal("7.5"), unit="kg"), name)
    weight = {"value": "10", "unit": "kg"}
    duo.order(needs(of("4", unit="pcs", net_weight=weight), "cn-1", "cn-2"))

    assert duo.last().decision == "RELEASED"
    assert [each.quantity for each in duo.last().licenses] == [Decimal("7.5"), Decimal("2.5")]
    duo = Duo()
    for name in ("cn-1", "cn-2"):
        duo.office(license_granted(name, quantity=Decimal("6"), unit="kg"), name)
    duo.order(needs(of("4", unit="pcs", net_weight=weight), "cn-1", "cn-2"))
    assert [each.quantity for each in duo.last().licenses] == [Decimal("5"), Decimal("5")]


def test_a_split_line_that_is_amended_is_asked_anew() -> None:
    duo = released("10", "cn-1", "cn-2", quantity=Decimal(7))
    duo.order(needs(of("3", 2), "cn-1", "cn-2"))

    assert duo.last().decision == "RELEASED"
    duo.pass_time(DAY + timedelta(minutes=1))
    together = [Decimal(sum(map(Decimal, duo.balance(name)))) for name in ("cn-1", "cn-2")]
    assert sum(together) == Decimal(3)


# Cancelled, in part


@pytest.mark.parametrize(("not_shipped", "reserved"), [(True, "10"), (False, "20")])
def test_a_line_cancelled_and_not_shipped_is_given_back_at_once(
    not_shipped: bool, reserved: str
) -> None:
    duo = Duo()
    duo.office(license_granted())
    both = order(lines=(line("L1"), line("L2")))
    duo.order(needs(both))
    duo.order(cancelled(lines=("L2",), not_shipped=not_shipped))
    duo.order(needs(order(lines=(line("L1"),)), check=1))

    assert duo.last().decision == "RELEASED"
    assert duo.balance() == ("0", reserved)


def test_the_ledger_knows_what_a_release_rests_on() -> None:
    duo = Duo()
    duo.office(license_granted())
    duo.order(needs(order("o1", lines=(line("L1"), line("L2")))))
    duo.order(needs(of("10", 1, "o2")), "o2")

    assert [each.released for each in duo.reservations()] == [True, True, True]
    told = duo.to_ledger(ReservationReleased)
    assert [each.order_id for each in told] == ["o1", "o1"], "one that waits alone needs no word"
