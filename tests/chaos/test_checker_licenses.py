"""The checker and the licenses: grants, releases and balances that are wrong in one respect."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from schemas.checks import ReservationWithdrawn
from schemas.decisions import DrawnLicense, HoldReason
from schemas.licenses import LicenseRevoked
from schemas.orders import OrderCancelled, ShippedLine
from schemas.topics import CHECKS, LICENSES
from tests.chaos.handmade import KEY, LICENSE, Handmade, broken, dead_letter_of, released, void_of
from tests.support import builders as make

# Grants

TERMS_BAD: dict[str, dict[str, Any]] = {
    "regime": {"regime": "EU"},
    "holder": {"holder": "somebody"},
    "code": {"codes": ("1C906",)},
    "parent code": {"codes": ("1C90",)},
    "category": {"codes": (), "categories": ("2",)},
    "nothing": {"codes": ()},
    "material": {"materials": ("Tb",)},
    "destination": {"destinations": ("FR",)},
    "nowhere": {"destinations": ()},
    "consignee": {"consignees": ("Somebody",)},
    "end user": {"end_users": ()},
    "not yet": {"valid_from": date(2026, 6, 2)},
    "over": {"valid_to": date(2026, 5, 31)},
    "unit": {"unit": "pc"},
    "basis": {"quantity_basis": "oxide"},
    "currency": {"value": "5000", "currency": "EUR"},
    "too little": {"quantity": "9"},
    "too little value": {"value": "999", "currency": "USD"},
    "document": {"requires": ("euc",)},
    "condition": {"conditions": ("report",)},
    "suspended": {"status": "suspended"},
}


@pytest.mark.parametrize("terms", TERMS_BAD.values(), ids=TERMS_BAD.keys())
def test_it_finds_a_grant_that_the_terms_do_not_allow(terms: dict[str, Any]) -> None:
    made = Handmade()
    made.license(**terms)
    made.place()
    made.assess()
    made.request()
    made.release(made.grant())

    assert broken(made) & {"I3", "I4"}


def test_it_accepts_what_the_terms_allow_in_other_words() -> None:
    made = Handmade()
    made.license(
        codes=("1C905.b",), categories=("1", "2"), consignees=("*",), end_users=("weber  GMBH",),
        destinations=("*",), quantity="0.1", unit="t", holder="ACME",
    )  # fmt: skip
    made.place()
    made.assess()
    made.request()
    made.release(made.grant(before="0.1", after="0.09", quantity="0.01", unit="t"))

    assert broken(made) == set()


def test_it_finds_a_release_on_a_revoked_license() -> None:
    made = Handmade()
    made.license()
    revoked = LicenseRevoked(
        license_id=LICENSE, amendment=1, effective_at=datetime(2026, 1, 2, tzinfo=UTC), reason="-"
    )
    made.put(LICENSES.name, LICENSE, revoked, source="office")
    made.place()
    made.assess()
    made.request()
    made.release(made.grant(at=2))

    assert "I3" in broken(made)


def test_it_finds_a_grant_on_a_license_with_a_flipped_byte() -> None:
    made = Handmade()
    bad = made.put(
        LICENSES.name, LICENSE, make.license_granted(LICENSE), source="office",
        spoil=lambda value: value.replace(b'"100"', b'"900"'),
    )  # fmt: skip
    dead_letter_of(made, bad)
    made.place()
    made.assess()
    made.request()
    made.release(made.grant())

    assert "I3" in broken(made)


def never_granted(made: Handmade) -> None:
    made.release(made.entries[2])


def other_line(made: Handmade) -> None:
    made.request()
    made.release(made.grant(line_id="L9"))


def other_quantity(made: Handmade) -> None:
    made.request(quantity="9")
    made.release(made.grant(quantity="9", after="91"))


def other_user(made: Handmade) -> None:
    made.request(parties=())
    made.release(made.grant())


def stale_grant(made: Handmade) -> None:
    made.request()
    made.grant()
    made.now += timedelta(seconds=31)
    made.release(made.put(CHECKS.name, KEY, make.wanted("w"), source="officer"))


def withdrawn(made: Handmade) -> None:
    made.request()
    made.grant()
    no = ReservationWithdrawn.model_validate(
        {**made.entries[-1].event.model_dump(), "result": None, "reason": "LICENSE_REVOKED"}
    )
    made.release(made.put(CHECKS.name, KEY, no, source="/exportgate/ledger"))


def too_long(made: Handmade) -> None:
    made.request()
    made.release(made.grant(), valid_until=datetime(2027, 2, 1, tzinfo=UTC))


def over_already(made: Handmade) -> None:
    made.request()
    made.release(made.grant(), valid_until=make.T0)


def cancelled_before(made: Handmade) -> None:
    made.request()
    cancel = OrderCancelled(order_source="erp", order_id="o1", revision=1)
    made.put(CHECKS.name, KEY, cancel, source="erp")
    made.release(made.grant())


def unread_before(made: Handmade) -> None:
    made.request()
    made.put(CHECKS.name, KEY, make.unreadable(), source="/exportgate/runtime")
    made.release(made.grant())


def line_missing(made: Handmade) -> None:
    made.request()
    made.release(made.grant(), lines=())


def not_settled(made: Handmade) -> None:
    made.request()
    grant = made.grant()
    good = made.release(grant).event.lines[0]
    made.entries.pop()
    made.seq, made.chain, made.prev = 0, 0, "0" * 64
    regimes = {**good.regimes, "CN": good.regimes["CN"].model_copy(update={"settled_by": "none"})}
    made.release(grant, lines=(good.model_copy(update={"regimes": regimes}),))


RELEASES_BAD = [
    never_granted, other_line, other_quantity, other_user, stale_grant, withdrawn, too_long,
    over_already, cancelled_before, unread_before, line_missing, not_settled,
]  # fmt: skip


@pytest.mark.parametrize("release", RELEASES_BAD)
def test_it_finds_a_release_that_was_not_right(release: Callable[[Handmade], None]) -> None:
    made = Handmade()
    made.license()
    made.place()
    made.assess()
    release(made)

    assert "I3" in broken(made)


@pytest.mark.parametrize("code", ["CLASSIFICATION_UNCERTAIN", "PARTY_UNSCREENED"])
def test_it_finds_a_release_that_a_reason_stood_against(code: str) -> None:
    made = Handmade()
    made.license()
    made.place()
    regimes = make.drawing(LICENSE, holds=((code, "-"),))
    made.assess(regimes)
    made.request()
    made.release(made.grant())

    assert "I3" in broken(made)


def test_it_finds_a_release_of_another_order_than_was_placed() -> None:
    made = Handmade()
    made.license()
    made.place(lines=(make.line(quantity="11"),))
    made.assess()
    made.request()
    made.release(made.grant())

    assert "I3" in broken(made)


def on_two_licenses(made: Handmade, first: str, second: str, unit: str = "kg") -> None:
    """Some of the line leaves on one license; then the rest is released on another grant."""
    grant = made.grant()
    made.release(grant)
    parts = (ShippedLine(line_id="L1", quantity=Decimal(first), unit=unit),)
    told = make.shipped("s1", "d1", final=False, lines=parts)
    made.put(CHECKS.name, KEY, told, source="erp")
    settle = make.settle("r1", "s1", first, final=False, unit=unit, value="400")
    made.put(LICENSES.name, LICENSE, settle)
    again = make.requested(
        "r2", second, value=str(Decimal(second) * 100), currency="USD", item=make.CLEAR.item
    )
    made.put(LICENSES.name, LICENSE, again)
    after = 90 - Decimal(second)
    grant = made.grant("r2", at=3, before="90", after=str(after), quantity=second)
    made.hold(grant)
    drawn = DrawnLicense(
        license_id=LICENSE, line_id="L1", regime="CN", quantity=Decimal(second), unit="kg",
        ledger_partition=0, ledger_offset=3,
    )  # fmt: skip
    made.release(grant, licenses=(drawn,))


def test_it_counts_what_left_on_another_license_before() -> None:
    made = Handmade()
    made.license()
    made.place()
    made.assess()
    made.request()
    on_two_licenses(made, "4", "6")

    assert broken(made) == set()


@pytest.mark.parametrize(
    ("first", "second", "unit"), [("4", "5", "kg"), ("3", "6", "kg"), ("4", "6", "lb")]
)
def test_it_finds_a_release_of_more_than_is_set_aside_or_gone(
    first: str, second: str, unit: str
) -> None:
    made = Handmade()
    made.license()
    made.place()
    made.assess()
    made.request()
    on_two_licenses(made, first, second, unit)

    assert "I3" in broken(made)


# Balances


def granted_twice(made: Handmade) -> None:
    made.request("r1")
    made.grant(at=2, before="90", after="80")


def more_than_there_is(made: Handmade) -> None:
    for at in range(2, 12):
        made.request(f"r{at}")
        left = 100 - 10 * (at - 1)
        made.grant(f"r{at}", at=at, before=str(left), after=str(max(left - 10, 0)))


def told_wrong(made: Handmade) -> None:
    made.request("r2")
    made.grant("r2", at=2, before="90", after="85")


def given_back_twice(made: Handmade) -> None:
    for at in (2, 3):
        made.put(LICENSES.name, LICENSE, void_of())
        made.post("r1", "void", at, str(90 if at == 2 else 100), str(100 if at == 2 else 110))
    made.hold(made.entries[4])


def outlives(made: Handmade) -> None:
    made.request("r2", order_id="o2")
    made.grant("r2", at=2, before="90", after="80", order_id="o2")


def outlives_shipping(made: Handmade) -> None:
    made.close(made.entries[4], "shipped")


def outlives_holding(made: Handmade) -> None:
    made.request("r2", line_id="L2")
    made.grant("r2", at=2, before="90", after="80", line_id="L2")
    made.hold(made.entries[4], HoldReason.NO_LICENSE)


def unanswered(made: Handmade) -> None:
    made.request("r2")


BALANCES_BAD = [
    ("I4", granted_twice),
    ("I4", more_than_there_is),
    ("I4", told_wrong),
    ("I4", given_back_twice),
    ("I4", outlives),
    ("I4", outlives_shipping),
    ("I4", outlives_holding),
    ("I1", unanswered),
]


@pytest.mark.parametrize(("invariant", "spoil"), BALANCES_BAD)
def test_it_finds_what_is_wrong_with_balances(
    invariant: str, spoil: Callable[[Handmade], None]
) -> None:
    made, _ = released()
    spoil(made)

    assert invariant in broken(made)


def test_a_request_that_came_twice_and_was_answered_once_is_no_fault() -> None:
    made, _ = released()
    first = next(each for each in made.entries if each.topic == LICENSES.name and each.offset == 1)
    made.entries.append(replace(first, offset=2))

    assert broken(made) == set()
