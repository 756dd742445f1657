"""Golden examples, one file a case: what may be written, and what must be refused by name."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from pydantic import ValidationError as Refused

from schemas import generate
from schemas.base import Model, canonical
from schemas.envelope import derived_id
from schemas.events import BY_NAME, EVENT_TYPES, NotAnEvent, decode, encode
from schemas.orders import LINES_MAX, OrderPlaced

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"
VALID = sorted((EXAMPLES / "valid").glob("*.json"))
INVALID = sorted((EXAMPLES / "invalid").glob("*.json"))


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _decode(name: str, value: Any) -> Model:
    return decode(name, BY_NAME[name].topics[0].name, json.dumps(value).encode(), "test")


def test_every_event_type_has_an_example() -> None:
    assert {path.stem for path in VALID} == {each.name for each in EVENT_TYPES}


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_valid_example_is_read_and_written_again_unchanged(path: Path) -> None:
    value = _read(path)

    event = _decode(path.stem, value)

    assert canonical(json.loads(encode(event))) == canonical(value)


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_the_generated_schemas_agree_with_the_models(path: Path) -> None:
    value, model = _read(path), BY_NAME[path.stem].model
    writer, reader = generate.writer_schema(model), generate.reader_schema(model)

    Draft202012Validator(writer).validate(value)
    Draft202012Validator(reader).validate({**value, "added_later": 1})
    with pytest.raises(ValidationError):
        Draft202012Validator(writer).validate({**value, "added_later": 1})


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.stem)
def test_a_reader_ignores_a_field_it_does_not_know(path: Path) -> None:
    value = _read(path)

    assert _decode(path.stem, {**value, "added_later": 1}) == _decode(path.stem, value)


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_an_invalid_example_is_refused_at_its_field(path: Path) -> None:
    case = _read(path)

    with pytest.raises(ValueError) as refused:
        decode(case["type"], case["topic"], json.dumps(case["value"]).encode(), "test")

    if case["field"]:
        assert isinstance(refused.value, Refused)
        places = [".".join(map(str, error["loc"])) for error in refused.value.errors()]
        assert case["field"] in places


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"[]",
        b"\xff\xfe",
        b'{"quantity": NaN}',
        b"[" * 10_000 + b"]" * 10_000,
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    ],
    ids=["empty", "null", "list", "not-utf8", "nan", "deep-list", "deep-object"],
)
def test_a_value_that_is_no_event_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError):
        decode("exportgate.order.placed.v1", "orders", value, "test")


def test_an_order_has_at_most_a_thousand_lines() -> None:
    order = _read(EXAMPLES / "valid" / "exportgate.order.placed.v1.json")
    line = order["lines"][0]
    order["lines"] = [{**line, "line_id": str(at)} for at in range(LINES_MAX)]
    assert isinstance(_decode("exportgate.order.placed.v1", order), OrderPlaced)

    order["lines"].append({**line, "line_id": "one more"})
    with pytest.raises(Refused, match="lines"):
        _decode("exportgate.order.placed.v1", order)


def test_an_order_without_order_source_means_the_source_of_its_event() -> None:
    order = _read(EXAMPLES / "valid" / "exportgate.order.placed.v1.json")
    del order["order_source"]

    event = decode("exportgate.order.placed.v1", "orders", json.dumps(order).encode(), "shop")

    assert isinstance(event, OrderPlaced)
    assert event.key == f"shop/{order['order_id']}"


def test_an_event_stands_only_in_its_topics() -> None:
    with pytest.raises(NotAnEvent, match="licenses carries no"):
        decode("exportgate.decision.released.v1", "licenses", b"{}", "test")


def test_what_is_generated_is_what_is_committed() -> None:
    assert generate.drifted() == []


@given(st.permutations(["a", "b", "c"]), st.sampled_from(["1", "1.0", "1.00"]))
def test_equal_content_has_equal_bytes(order: list[str], quantity: str) -> None:
    line = {"line_id": "1", "quantity": quantity, "unit": "kg", "description": "x"}
    value = {
        "order_source": "erp", "order_id": "O-1", "revision": 1, "destination": "DE",
        "exporter": {"id": "default", "country": "CN"}, "lines": [line],
    }  # fmt: skip
    reference = encode(_decode("exportgate.order.placed.v1", value))
    line["quantity"] = "1"

    assert encode(_decode("exportgate.order.placed.v1", value)) == reference
    assert canonical({name: 1 for name in order}) == b'{"a":1,"b":1,"c":1}'


@given(st.lists(st.text(min_size=1), min_size=2, max_size=4, unique=True))
def test_ids_differ_where_what_they_depend_on_differs(parts: list[str]) -> None:
    assert derived_id(*parts) == derived_id(*parts)
    assert derived_id(*parts) != derived_id(*reversed(parts)) or parts == parts[::-1]
    assert derived_id(*parts)[14] == "5"
