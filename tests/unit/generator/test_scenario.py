"""A scenario is the same for the same seed, realistic in its mix, and told with its outcome."""

import json
from collections import Counter
from datetime import date

import pytest

from services.cli.license_files import parse_book
from services.cli.order_files import parse_events
from services.cli.product_files import parse_products
from services.generator.goods import CATALOGUE
from services.generator.scenario import GeneratedEvent, Scenario, scenario

COUNT = 2_000
MALFORMED = 50


@pytest.fixture(scope="module")
def made() -> Scenario:
    return scenario(7, COUNT, malformed=MALFORMED)


def of_type(made: Scenario, kind: str) -> list[GeneratedEvent]:
    return [event for event in made.events if event.type == kind and event.raw is None]


def test_equal_arguments_make_equal_scenarios() -> None:
    assert scenario(3, 100, malformed=5) == scenario(3, 100, malformed=5)


def test_another_seed_makes_another() -> None:
    assert scenario(3, 100).events != scenario(4, 100).events


def test_every_order_has_one_expectation_and_one_placing(made: Scenario) -> None:
    placed = Counter(event.key for event in of_type(made, "OrderPlaced"))
    well_formed = {key for key in made.expected if "/BAD-" not in key}

    assert set(placed) == well_formed
    assert set(placed.values()) == {1}
    assert len(well_formed) == COUNT


def test_every_good_event_is_a_good_line_of_a_file(made: Scenario) -> None:
    good = [event for event in made.events if event.raw is None]
    lines = ((n, json.dumps(event.as_line())) for n, event in enumerate(good, start=1))

    parsed, faults = parse_events(lines)

    assert faults == []
    assert [event.key for event in parsed] == [event.key for event in good]


def test_the_license_book_is_a_good_book(made: Scenario) -> None:
    rows, faults = parse_book("\n".join(json.dumps(row) for row in made.licenses), {})

    assert faults == []
    assert {row.terms.categories for row in rows} == {("1",), ("2",), ("3",), ("4",)}


def test_the_product_records_are_good_records(made: Scenario) -> None:
    text = "\n".join(json.dumps(row) for row in made.products)
    rows, faults = parse_products(text, date(2026, 6, 1))

    assert faults == []
    assert {row.product.sku for row in rows} == set(CATALOGUE)


def test_the_mix_is_what_the_demo_and_the_benches_need(made: Scenario) -> None:
    lines = sum(len(event.data["lines"]) for event in of_type(made, "OrderPlaced"))
    known = sum(
        line.get("sku") in CATALOGUE
        for event in of_type(made, "OrderPlaced")
        for line in event.data["lines"]
    )
    outcomes = Counter(each.decision for each in made.expected.values())
    causes = Counter(each.cause for each in made.expected.values() if each.cause)

    assert lines / COUNT == pytest.approx(1.6, abs=0.1)
    assert known / lines == pytest.approx(0.8, abs=0.02)
    assert len(of_type(made, "OrderAmended")) / COUNT == pytest.approx(0.05, abs=0.02)
    assert outcomes["HELD"] / len(made.expected) > 0.15
    assert (outcomes["RELEASED"] + outcomes["CLOSED"]) / len(made.expected) > 0.15
    assert causes["shipped"] == len(made.ship_when_released) > 0
    assert causes["cancelled"] == len(of_type(made, "OrderCancelled")) > 0


def test_some_cancellations_come_before_their_order(made: Scenario) -> None:
    keys = [event.key for event in made.events if event.raw is None]
    first = {event.key: keys.index(event.key) for event in of_type(made, "OrderCancelled")}
    early = [key for key, at in first.items() if made.events[at].type == "OrderCancelled"]

    assert 0 < len(early) < len(first)


def test_malformed_records_are_held_where_their_key_can_be_read(made: Scenario) -> None:
    raw = [event for event in made.events if event.raw is not None]
    keyed = {event.key for event in raw if event.key is not None}

    assert len(raw) == MALFORMED
    assert 0 < made.unattributed == MALFORMED - len(keyed)
    assert all(made.expected[key].reasons == {"EVENT_UNREADABLE"} for key in keyed)


@pytest.mark.parametrize(
    ("start", "end"), [(date(2026, 6, 1), date(2026, 6, 30)), (date(2026, 9, 3), date(2026, 9, 3))]
)
def test_orders_are_dated_within_the_days_asked_for(start: date, end: date) -> None:
    made = scenario(7, 300, start=start, end=end)

    assert {start <= event.time.date() <= end for event in made.events} == {True}
