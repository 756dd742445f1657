"""What leaves and comes back, what a license counts, and what officers take off an order."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.checks import (
    ReservationReturned,
    ReservationVoided,
)
from schemas.licenses import LicenseAmended, LicenseRevoked
from schemas.orders import OrderShipped, ShippedLine
from tests.support.builders import cancelled, decided, license_granted, line, order, shipped, terms
from tests.support.duo import DAY, Duo, comes_back, needs, of, part, released, ships

# Shipped beyond, short, and back


def test_over_delivery_within_the_tolerance_is_no_breach() -> None:
    duo = released("100", quantity=Decimal(100), over_percent=Decimal(5))
    ships(duo, "104", final=True)

    assert duo.breaches() == []
    assert duo.license().standing_at(duo.gate.now) == "exhausted"
    assert duo.balance() == ("104", "0")


def test_over_delivery_beyond_the_tolerance_is_a_breach_and_overdraws() -> None:
    duo = released("100", quantity=Decimal(100), over_percent=Decimal(5))
    ships(duo, "106", final=True)

    assert {each.kind for each in duo.breaches()} == {"over_quantity", "overdrawn"}
    assert duo.license().standing_at(duo.gate.now) == "overdrawn"


def test_short_delivery_within_the_tolerance_completes_the_order() -> None:
    duo = released("100", quantity=Decimal(100), under_percent=Decimal(3))
    ships(duo, "96")
    assert (duo.balance(), duo.last().decision) == (("96", "4"), "RELEASED")
    ships(duo, "1", "s2")
    assert (duo.balance(), duo.last().decision) == (("97", "0"), "CLOSED")

    ships(duo, "3", "s3")
    assert {each.kind for each in duo.breaches()} == {"not_released"}


def test_what_one_line_falls_short_of_is_given_back_with_the_last_of_the_others() -> None:
    duo = Duo()
    duo.office(license_granted(quantity=Decimal(200), under_percent=Decimal(3)))
    duo.order(needs(order(lines=(line("L1", quantity=Decimal(100)), line("L2")))))
    ships(duo, "97")
    assert (duo.balance(), duo.last().decision) == (("97", "13"), "RELEASED")
    second = ShippedLine(line_id="L2", quantity=Decimal(10), unit="kg")
    ships(duo, "10", "s2", lines=(second,))

    assert (duo.balance()[0], duo.last().decision) == ("107", "CLOSED")
    duo.pass_time(DAY + timedelta(minutes=1))
    assert duo.balance() == ("107", "0")


@pytest.mark.parametrize(("credit", "used"), [("automatic", "7"), ("officer", "10")])
def test_goods_that_come_back_are_credited_where_the_license_says_so(
    credit: str, used: str
) -> None:
    duo = released("10", return_credit=credit)
    ships(duo, "10", final=True)
    duo.order(comes_back("s1", "3"))
    duo.order(comes_back("s1", "3"))

    assert duo.balance() == (used, "0")
    assert len(duo.to_ledger(ReservationReturned)) == 1


def test_more_than_left_does_not_come_back() -> None:
    duo = released("10", return_credit="automatic")
    ships(duo, "10", final=True)
    duo.order(comes_back("s1", "6"))
    duo.order(comes_back("s1", "6", "b2"))
    duo.order(comes_back("s9", "1", "b3"))

    assert duo.balance() == ("4", "0")


def test_a_shipment_after_the_license_was_revoked_is_on_record() -> None:
    duo = released("10")
    at = duo.gate.now + timedelta(minutes=1)
    was = duo.last()
    duo.office(LicenseRevoked(license_id="cn-1", amendment=1, effective_at=at, reason="-"))
    late = OrderShipped.model_validate(
        shipped("s1", was.decision_id, **part("10")).model_dump() | {"shipped_at": at}
    )
    duo.order(late)

    assert ("condition", ("license_revoked",)) in {
        (each.kind, each.conditions) for each in duo.breaches()
    }
    assert duo.balance() == ("10", "0")


# Shipments counted


def test_a_license_for_one_shipment_serves_one_order_at_a_time() -> None:
    duo = released("10", max_shipments=1)
    duo.order(needs(of("10", 1, "o2")), "o2")
    assert duo.last("o2").decision == "HELD"

    duo.order(cancelled(not_shipped=True))
    duo.order(needs(of("10", 1, "o2"), check=1), "o2")
    assert duo.last("o2").decision == "RELEASED"
    assert not [each for each in duo.to_ledger(ReservationVoided) if each.order_id == "o2"]


def test_an_order_that_ships_in_parts_uses_up_the_shipments() -> None:
    duo = released("10", max_shipments=2)
    duo.order(needs(of("10", 1, "o2")), "o2")
    assert duo.last("o2").decision == "RELEASED"
    ships(duo, "5")

    assert duo.last("o2").decision == "HELD", "one shipment is left, and the first order needs it"
    assert duo.last().decision == "RELEASED"
    ships(duo, "5", "s2", final=True)
    assert duo.last().decision == "CLOSED"
    assert duo.breaches() == []


def test_an_order_that_made_the_last_shipment_allowed_is_not_released_for_another() -> None:
    duo = released("10", max_shipments=1)
    ships(duo, "4")
    duo.order(needs(of("10"), "cn-1", check=1))

    assert (duo.last().decision, duo.license().shipments_made) == ("HELD", 1)


def test_a_shipment_beyond_what_one_may_carry_is_on_record() -> None:
    duo = Duo()
    duo.office(license_granted(conditions=("quantity_per_shipment=4 kg",)))
    whole = order(shipping="partial", lines=(line(),))
    duo.order(needs(whole))
    ships(duo, "4")
    assert duo.breaches() == []
    ships(duo, "5", "s2")

    [breach] = duo.breaches()
    assert (breach.kind, breach.conditions) == ("condition", ("quantity_per_shipment",))


TWO_UNITS = (
    ShippedLine(line_id="L1", quantity=Decimal(3), unit="kg"),
    ShippedLine(line_id="L1", quantity=Decimal(2000), unit="g"),
)


def test_a_shipment_told_in_two_units_is_one_of_those_allowed() -> None:
    duo = released("10", max_shipments=2)
    duo.order(needs(of("10", 1, "o2")), "o2")
    ships(duo, "5", lines=TWO_UNITS, final=True)

    assert duo.license().shipments == {"erp/s1": Decimal(5)}
    assert duo.last("o2").decision == "RELEASED", "one shipment is made, one is left"


def test_the_parts_of_a_shipment_together_keep_the_limit_on_each() -> None:
    duo = Duo()
    duo.office(license_granted(conditions=("quantity_per_shipment=4 kg",)))
    duo.order(needs(order(shipping="partial", lines=(line(),))))
    ships(duo, "5", lines=TWO_UNITS)

    assert [each.conditions for each in duo.breaches() if each.kind == "condition"] == [
        ("quantity_per_shipment",)
    ]


def test_a_limit_that_comes_later_counts_a_shipment_told_in_two_units_once() -> None:
    duo = released("10")
    ships(duo, "5", lines=TWO_UNITS)
    duo.office(LicenseAmended(**terms(max_shipments=2).model_dump(), amendment=1))

    assert duo.license().shipments_made == 1


# Unassigned


def unassign(duo: Duo, **changes: Any) -> None:
    seq = duo.last().seq
    duo.order(decided(seq, "unassign", fact="license", value="cn-1", note="reserved", **changes))


def test_an_unassigned_license_is_given_up_and_the_next_one_drawn() -> None:
    duo = released("10", "cn-1", "cn-2")
    unassign(duo)

    assert duo.last().decision == "RELEASED"
    assert [each.license_id for each in duo.last().licenses] == ["cn-2"]
    duo.order(needs(of("10"), "cn-1", "cn-2", check=1))
    assert [each.license_id for each in duo.last().licenses] == ["cn-2"]


def test_without_another_license_the_order_is_held_and_says_who_did_it() -> None:
    duo = released("10")
    unassign(duo)

    assert duo.last().decision == "HELD"
    assert "unassigned by ann" in duo.last().reasons[0].text
    duo.order(needs(of("10"), check=1))
    assert duo.last().decision == "HELD"
    duo.order(needs(of("10", 2)))
    assert duo.last().decision == "RELEASED", "it was for that revision"


def test_a_stale_view_unassigns_nothing() -> None:
    duo = released("10")
    duo.order(decided(7, "unassign", fact="license", value="cn-1", note="-"))

    assert len(duo.decisions()) == 1


def test_a_license_that_shrinks_lets_go_of_what_has_not_shipped() -> None:
    duo = released("10", quantity=Decimal(30))
    duo.order(needs(of("10", 1, "o2")), "o2")
    ships(duo, "5")
    duo.order(needs(of("10", 1, "o3")), "o3")
    shrunk = terms(quantity=Decimal(15), valid_to=date(2026, 12, 31)).model_dump()
    duo.office(LicenseAmended(**shrunk, amendment=1))

    assert {name: duo.last(name).decision for name in ("o1", "o2", "o3")} == {
        "o1": "RELEASED", "o2": "HELD", "o3": "HELD",
    }  # fmt: skip
    assert "amendment 1 leaves" in duo.decisions("o3")[-1].reasons[0].text
