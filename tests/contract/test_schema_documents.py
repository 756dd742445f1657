"""The committed documents are those the code describes, and the generator says what drifted."""

import json
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from schemas import generate
from schemas.events import BY_NAME, EVENT_TYPES, EventType
from tests.unit.schemas.cases import GENERATED, schema


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of documents that may be spoilt."""
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    monkeypatch.setattr(sys, "argv", ["generate"])
    assert generate.main() == 0
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    assert generate.main() == 0
    return tmp_path


def test_the_committed_documents_are_those_of_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["generate", "--check"])
    assert generate.main() == 0, "run: python -m schemas.generate"


def test_a_document_has_sorted_keys_and_a_last_newline() -> None:
    assert generate.files() == generate.files()
    for path, text in generate.files().items():
        parsed = json.loads(text)
        again = json.dumps(parsed, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        assert text == again, path.name


def test_drift_is_named_and_then_mended(
    elsewhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed, missing, foreign = (
        elsewhere / "json" / f"exportgate.{name}.json"
        for name in ("order.placed.v1.writer", "license.revoked.v1.reader", "order.lost.v1.reader")
    )
    changed.write_bytes(changed.read_bytes() + b"\n")
    missing.unlink()
    foreign.write_text("{}")
    capsys.readouterr()
    assert generate.main() == 1
    told = capsys.readouterr().out.split()
    assert set(told) == {f"json/{path.name}" for path in (changed, missing, foreign)}
    monkeypatch.setattr(sys, "argv", ["generate"])
    assert generate.main() == 0
    assert generate.drifted() == []
    assert not foreign.exists()


def test_there_are_two_schemas_of_every_event_type_and_no_other() -> None:
    names = {path.name for path in (GENERATED / "json").iterdir()}
    assert names == {f"{name}.{side}.json" for name in BY_NAME for side in ("writer", "reader")}


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda each: each.name)
def test_a_schema_is_one_and_only_the_writers_is_closed(event_type: EventType) -> None:
    for side in ("writer", "reader"):
        found = schema(event_type.name, side)
        Draft202012Validator.check_schema(found)
        assert found["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
        objects = [
            part for part in (found, *found.get("$defs", {}).values()) if "properties" in part
        ]
        assert objects
        closed = {part.get("additionalProperties") is False for part in objects}
        assert closed == {side == "writer"}


def test_only_order_systems_may_leave_out_the_order_source() -> None:
    lenient = {
        name
        for name in BY_NAME
        if "order_source" in schema(name, "writer")["properties"]
        and "order_source" not in schema(name, "writer")["required"]
    }
    ours = {f"exportgate.order.{verb}.v1" for verb in ("recheck-requested", "classified")}
    assert not lenient & ours
    assert lenient == {
        f"exportgate.order.{verb}.v1"
        for verb in ("placed", "amended", "cancelled", "shipped", "returned", "unreadable")
    }


def test_no_schema_lets_a_binary_number_stand_for_an_amount() -> None:
    for name in BY_NAME:
        for side in ("writer", "reader"):
            assert '"type": "number"' not in json.dumps(schema(name, side)), name
