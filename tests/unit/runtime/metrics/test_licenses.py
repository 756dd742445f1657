"""Licenses as gauges: those nearest to their end, and balances that must add up."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from schemas.base import Model
from schemas.fold import Partition
from services.license_check.book import LICENSE, License, Reservation
from services.runtime.memory import Memory
from services.runtime.metrics import registry
from services.runtime.metrics.collector import View
from services.runtime.metrics.licenses import measure
from tests.support import builders
from tests.unit.runtime.metrics.reading import series, shown

NOW = datetime.now(UTC)
DAY = NOW.date()


def book(*licenses: License, **reserved: str) -> View:
    memory = Memory(Partition(0))
    for each in licenses:
        entities: dict[str, Model] = {LICENSE: each}
        if each.license_id in reserved:
            entities["r1"] = Reservation(state="open", quantity=Decimal(reserved[each.license_id]))
        memory.aggregates[each.license_id] = entities
    return View([memory])


def license_(name: str, days: int = 100, **changes: Any) -> License:
    terms = builders.terms(name, valid_to=DAY + timedelta(days=days))
    return License.model_validate({"license_id": name, "terms": terms} | changes)


def test_what_is_left_is_the_share_of_the_authorized_quantity() -> None:
    measure(book(license_("a", used_quantity="30", reserved_quantity="45"), a="45"))

    assert shown("exportgate_license_remaining_ratio", license="a") == 0.25
    assert shown("exportgate_license_days_to_expiry", license="a") in (100, 101, 102)
    assert shown("exportgate_licenses", regime="CN", state="active") == 1


def test_a_license_is_counted_by_its_gravest_state() -> None:
    measure(
        book(
            license_("a", days=-5),
            license_("b", used_quantity="100"),
            license_("c", used_quantity="101"),
            license_("d", unreadable_offsets=(3,)),
        )
    )

    found = {state: count for (_, state), count in series("exportgate_licenses").items()}
    assert found == {"expired": 1, "exhausted": 1, "overdrawn": 1, "unknown": 1}
    assert shown("exportgate_license_days_to_expiry", license="a") == 0


def test_only_the_licenses_nearest_to_their_end_are_shown() -> None:
    many = [
        license_(f"l{n:03}", days=1000 - n, used_quantity=str(n / 10), reserved_quantity="0")
        for n in range(300)
    ]
    measure(book(*many))

    shown_ones = {name for (name,) in series("exportgate_license_remaining_ratio")}
    assert len(shown_ones) <= registry.LICENSES_SHOWN
    assert {"l299", "l290"} <= shown_ones
    assert sum(series("exportgate_licenses").values()) == 300

    measure(book(license_("other")))
    assert set(series("exportgate_license_remaining_ratio")) == {("other",)}


def test_a_balance_that_is_not_the_sum_of_its_reservations_is_a_violation() -> None:
    before = shown("exportgate_invariant_violations_total", invariant="I4")
    measure(book(license_("good", reserved_quantity="10"), good="10"))
    assert shown("exportgate_invariant_violations_total", invariant="I4") == before

    measure(book(license_("bad", reserved_quantity="10"), bad="11"))
    assert shown("exportgate_invariant_violations_total", invariant="I4") == before + 1
