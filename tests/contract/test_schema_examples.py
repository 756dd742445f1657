"""The golden examples against the code that reads events and the documents that describe them."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from schemas.base import canonical
from schemas.events import BY_NAME, NotAnEvent, decode, encode
from tests.unit.schemas.cases import Case, invalid, schema, valid

VALID = valid()
INVALID = invalid()
DESCRIBED = [
    case
    for case in INVALID
    if case.data is not None
    and case.type in BY_NAME
    and not case.name.endswith(("-it", "topic-unknown"))
]
"""What a schema can be asked about: a value of a known type, in a topic that carries it."""
BY_CODE_ALONE = (
    "lines-share-an-id",
    "validity-reversed",
    "quantity-without-unit",
    "value-without-currency",
    "order-source-missing-after-orders",
    "instant-out-of-range",
    "order-id-with-newline",
    "quantity-zero",
    "quantity-zero-with-places",
    "quantity-negative",
    "value-negative",
    "rate-zero",
    "balance-negative",
)
"""What the schemas have no words for, or what is wrong in one topic only."""
READ_ANYWAY = "reason-unknown"
"""A warehouse reads an unknown reason as HOLD, so its schema lets the list grow."""


def _validator(event_type: str, side: str) -> Draft202012Validator:
    return Draft202012Validator(schema(event_type, side))


@pytest.fixture(params=VALID, ids=lambda case: case.name)
def good(request: pytest.FixtureRequest) -> Case:
    """Each valid example."""
    case: Case = request.param
    return case


@pytest.fixture(params=INVALID, ids=lambda case: case.name)
def bad(request: pytest.FixtureRequest) -> Case:
    """Each invalid example."""
    case: Case = request.param
    return case


def test_every_event_type_has_a_valid_example() -> None:
    assert {case.type for case in VALID} == set(BY_NAME)


def test_a_valid_example_is_read_and_written_as_it_says(good: Case) -> None:
    event = decode(good.type, good.topic, good.value, good.source)
    written = encode(event)
    assert canonical(json.loads(written)) == canonical(good.written)
    assert decode(good.type, good.topic, written, "elsewhere") == event


@pytest.mark.parametrize("side", ["writer", "reader"])
def test_both_schemas_accept_a_valid_example(good: Case, side: str) -> None:
    validator = _validator(good.type, side)
    assert list(validator.iter_errors(good.data)) == []
    assert list(validator.iter_errors(good.written)) == []


def test_only_the_reader_accepts_a_field_it_does_not_know(good: Case) -> None:
    for extended in _extended(good.data):
        assert _validator(good.type, "reader").is_valid(extended)
        assert not _validator(good.type, "writer").is_valid(extended)
        value = json.dumps(extended).encode()
        assert decode(good.type, good.topic, value, good.source) == decode(
            good.type, good.topic, good.value, good.source
        )


def _extended(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The value with an unknown field at its top and, if it has lines, in its first line."""
    new = {"added_in_2031": "new"}
    extended = [{**data, **new}]
    match data:
        case {"lines": [dict(first), *others]}:
            extended.append({**data, "lines": [{**first, **new}, *others]})
    return extended


def test_an_invalid_example_is_refused_by_name(bad: Case, request: pytest.FixtureRequest) -> None:
    with pytest.raises(ValueError) as refused:
        decode(bad.type, bad.topic, bad.value, bad.source)
    if isinstance(refused.value, ValidationError):
        errors = refused.value.errors(include_context=False)
        places = {".".join(str(part) for part in error["loc"]): error["msg"] for error in errors}
        assert bad.says in places[bad.field]
        # What encloses the field may be named too: "lines" with no valid line left.
        assert all(bad.field == place or bad.field.startswith(f"{place}.") for place in places)
    else:
        assert bad.field == ""
        assert bad.says in str(refused.value)


def test_an_invalid_example_says_what_is_wrong_with_it(bad: Case) -> None:
    assert bad.field or bad.says


@pytest.mark.parametrize("bad", DESCRIBED, ids=lambda case: case.name)
def test_the_schemas_refuse_what_they_have_words_for(bad: Case) -> None:
    case = bad.name.rsplit("/", 1)[1]
    by_code_alone = case in BY_CODE_ALONE and not bad.field.endswith(".unit")
    readable = by_code_alone or case == READ_ANYWAY
    assert _validator(bad.type, "writer").is_valid(bad.data) == by_code_alone
    assert _validator(bad.type, "reader").is_valid(bad.data) == readable


def _order(lines: int) -> bytes:
    each = [{"line_id": str(number), "quantity": "1", "unit": "kg"} for number in range(lines)]
    order = {"order_source": "s", "order_id": "A", "revision": 1, "destination": "JP"}
    return json.dumps({**order, "exporter": {"id": "e", "country": "CN"}, "lines": each}).encode()


def test_a_thousand_lines_are_read_and_one_more_is_refused() -> None:
    kind = "exportgate.order.placed.v1"
    decode(kind, "orders", _order(1_000), "s")
    _validator(kind, "writer").validate(json.loads(_order(1_000)))
    with pytest.raises(ValidationError) as refused:
        decode(kind, "orders", _order(1_001), "s")
    assert [error["loc"] for error in refused.value.errors()] == [("lines",)]
    assert not _validator(kind, "writer").is_valid(json.loads(_order(1_001)))


@pytest.mark.parametrize("field", ['"order_source"', '"unknown"'])
@pytest.mark.parametrize("opening, closing", [("[", "]"), ('{"a":', "}")])
@pytest.mark.parametrize("closed", [True, False])
def test_a_value_nested_ten_thousand_deep_is_refused(
    field: str, opening: str, closing: str, closed: bool
) -> None:
    deep = opening * 10_000 + "1" + (closing * 10_000 if closed else "")
    value = ("{" + field + ":" + deep + ("}" if closed else "")).encode()
    with pytest.raises(ValueError, match=r"recursion|depth|nest|JSON"):
        decode("exportgate.order.placed.v1", "orders", value, "s")


def test_an_event_is_read_in_its_own_topics_alone(good: Case) -> None:
    with pytest.raises(NotAnEvent, match=good.type):
        decode(good.type, "orders.dlt", good.value, good.source)
