"""Labels are bounded: whatever a user writes, the number of series does not follow."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Histogram

from services.runtime.metrics import FAMILIES, REGISTRY, family, reference
from services.runtime.metrics.family import (
    OTHER,
    SERIES_MAX,
    CounterFamily,
    Family,
    GaugeFamily,
    HistogramFamily,
    counter,
    gauge,
    label,
)
from services.runtime.metrics.registry import BLOCKED_VALUE, DEAD_LETTERS, DECISION_SECONDS
from tests.unit.runtime.metrics.reading import series

COLOUR = label("colour", "one of three", ("red", "green", "blue"))
NAME = label("name", "the first four", at_most=4)


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Metrics that a test declares are gone after it."""
    before = list(FAMILIES)
    made: list[Family[Any]] = []
    monkeypatch.setattr(family, "FAMILIES", made)
    yield
    for each in made:
        REGISTRY.unregister(each._made)
    assert before == FAMILIES


@pytest.fixture
def things(sandbox: None) -> CounterFamily:
    return counter("exportgate_things_total", "things", COLOUR, NAME)


@pytest.fixture
def heights(sandbox: None) -> GaugeFamily:
    return gauge("exportgate_heights", "heights", COLOUR, NAME)


def test_a_value_nobody_declared_is_other(things: CounterFamily) -> None:
    things.labels("red", "a").inc()
    things.labels("purple", "a").inc()
    things.labels("mauve", "a").inc()

    assert series("exportgate_things_total") == {("red", "a"): 1, (OTHER, "a"): 2}


def test_one_value_too_many_is_other_and_those_before_stay(things: CounterFamily) -> None:
    for number in range(10):
        things.labels("red", str(number)).inc()
    things.labels("red", "3").inc()

    found = series("exportgate_things_total")
    assert len(found) == 5
    assert found["red", "3"] == 2
    assert found["red", OTHER] == 6


def test_no_metric_has_more_series_than_the_cap(
    sandbox: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = [label(f"l{at}", "many", at_most=50) for at in range(3)]
    things = counter("exportgate_wide_total", "wide", *wide)
    monkeypatch.setattr(family, "SERIES_MAX", 20)
    for number in range(500):
        things.labels(str(number % 50), str(number % 49), str(number % 47)).inc()

    found = series("exportgate_wide_total")
    assert len(found) <= 21
    assert sum(found.values()) == 500


def test_a_gauge_is_replaced_whole_and_equal_labels_are_summed(heights: GaugeFamily) -> None:
    heights.replace({("red", "a"): 1, ("purple", "a"): 2, ("mauve", "a"): 3})
    assert series("exportgate_heights") == {("red", "a"): 1, (OTHER, "a"): 5}

    heights.replace({("blue", "b"): 4})
    assert series("exportgate_heights") == {("blue", "b"): 4}

    heights.replace({})
    assert series("exportgate_heights") == {}


def test_names_that_went_make_room_for_others(heights: GaugeFamily) -> None:
    for first in range(0, 40, 4):
        heights.replace({("red", str(first + at)): at for at in range(4)})

    assert set(series("exportgate_heights")) == {("red", str(n)) for n in range(36, 40)}


def test_a_gauge_replaced_under_one_label_leaves_the_others(heights: GaugeFamily) -> None:
    heights.replace({("red", "a"): 1, ("blue", "a"): 2})
    heights.replace({("red", "b"): 3}, under="red")

    assert series("exportgate_heights") == {("red", "b"): 3, ("blue", "a"): 2}


@given(st.lists(st.floats(0, 100) | st.sampled_from(DECISION_SECONDS.bounds), min_size=1))
def test_a_batch_is_observed_as_its_values_one_by_one_would_be(amounts: list[float]) -> None:
    buckets = DECISION_SECONDS.bounds
    ours = HistogramFamily(
        Histogram("a", "a", ("x",), buckets=buckets, registry=None),
        name="a", meaning="A", unit="seconds", labels=(NAME,),
    )  # fmt: skip
    FAMILIES.remove(ours)
    ours.bounds = buckets
    ours.observe_all(amounts, "1")
    theirs = Histogram("a", "a", ("x",), buckets=buckets, registry=None)
    for amount in amounts:
        theirs.labels("1").observe(amount)

    assert samples(ours._made) == samples(theirs)


def samples(histogram: Histogram) -> list[tuple[str, dict[str, str], float]]:
    return [
        (each.name, each.labels, round(each.value, 6))
        for metric in histogram.collect()
        for each in metric.samples
    ]


@given(st.lists(st.tuples(*[st.text(max_size=20)] * 5), max_size=50))
def test_user_input_makes_no_series_of_its_own(values: list[tuple[str, ...]]) -> None:
    for written in values:
        BLOCKED_VALUE.labels(*written).inc(0)

    allowed = [(each.known or frozenset()) | {OTHER} for each in BLOCKED_VALUE.label_list]
    for labels in BLOCKED_VALUE._children:
        assert all(value in known for value, known in zip(labels, allowed, strict=True))


def test_no_topic_is_one_that_a_record_names() -> None:
    DEAD_LETTERS.labels("gate", "orders' OR 1=1").inc(0)

    assert all(topic in DEAD_LETTERS.label_list[1].known | {OTHER}  # type: ignore[operator]
               for _, topic in DEAD_LETTERS._children)  # fmt: skip


@pytest.mark.parametrize("each", FAMILIES, ids=lambda each: each.name)
def test_a_metric_is_named_as_the_field_does(each: Family[Any]) -> None:
    assert each.name.startswith("exportgate_")
    assert each.name.endswith("_total") == (each.kind == "counter")
    if each.kind == "histogram":
        assert each.name.endswith("_seconds")
    assert each.meaning[0].isupper() or each.meaning[0].isdigit()
    assert not each.meaning.endswith(".")
    assert not {"order", "order_id", "sku", "party", "customer", "end_user"} & {
        named.name for named in each.label_list
    }
    for named in each.label_list:
        assert named.bound <= 64
    assert SERIES_MAX <= 1_000


def test_the_reference_is_the_registry() -> None:
    assert reference.FILE.read_text(encoding="utf-8") == reference.document()
