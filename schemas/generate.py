"""Write what others read instead of our code: JSON Schemas of every event, and AsyncAPI 3.

`python -m schemas.generate` writes them, `--check` tells which files are not what it would write.
A writer's schema is closed, a reader's open: so fields can be added while both versions run.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from schemas import asyncapi
from schemas.base import Model
from schemas.decisions import Decided
from schemas.events import EVENT_TYPES
from schemas.orders import (
    OrderAmended,
    OrderCancelled,
    OrderPlaced,
    OrderReturned,
    OrderShipped,
)

FOLDER: Final = Path(__file__).parent / "generated"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
INSTANT: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$"
SOURCE_MAY_BE_ABSENT: Final = (
    OrderPlaced,
    OrderAmended,
    OrderCancelled,
    OrderShipped,
    OrderReturned,
)
GROWING: Final = ("decision", "code")
"""Fields of decisions whose unknown values a reader takes for a hold."""


class _WithZones(GenerateJsonSchema):
    """Asks of every moment the zone that the models ask for (`format` binds no validator)."""

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        """A moment with its zone."""
        return {**super().datetime_schema(schema), "pattern": INSTANT}


def writer_schema(model: type[Model]) -> dict[str, Any]:
    """The schema of what may be written: no field but those named."""
    return {"$schema": DIALECT, **_closed(_schema(model))}


def reader_schema(model: type[Model]) -> dict[str, Any]:
    """The schema of what is read: fields not named are ignored."""
    schema = _schema(model)
    if issubclass(model, Decided):
        for part in (schema, schema["$defs"]["DecisionReason"]):
            for name in GROWING:
                if name in part["properties"]:
                    part["properties"][name] = {
                        "type": "string",
                        "description": "an unknown value is read as HOLD",
                    }
    return {"$schema": DIALECT, **schema}


def _schema(model: type[Model]) -> dict[str, Any]:
    schema = model.model_json_schema(mode="validation", by_alias=True, schema_generator=_WithZones)
    if model in SOURCE_MAY_BE_ABSENT:
        schema["required"].remove("order_source")
        schema["properties"]["order_source"]["description"] = "absent: the event's ce_source"
    return schema


def _closed(node: Any) -> Any:
    """Close every object that names its properties."""
    if isinstance(node, list):
        return [_closed(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    closed = {name: _closed(value) for name, value in node.items()}
    if node.get("type") == "object" and "properties" in node:
        closed["additionalProperties"] = False
    return closed


def files() -> dict[Path, str]:
    """Compute every generated file."""
    made = {FOLDER / "asyncapi.json": asyncapi.document()}
    for each in EVENT_TYPES:
        made[FOLDER / "json" / f"{each.name}.writer.json"] = writer_schema(each.model)
        made[FOLDER / "json" / f"{each.name}.reader.json"] = reader_schema(each.model)
    return {path: _text(content) for path, content in made.items()}


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def drifted() -> list[str]:
    """Name the files that are missing, differ, or are no longer generated."""
    wanted = files()
    found = {path for path in FOLDER.rglob("*.json")}
    wrong = [
        path
        for path, text in wanted.items()
        if path not in found or path.read_text(encoding="utf-8") != text
    ]
    return sorted(str(path.relative_to(FOLDER)) for path in {*wrong, *(found - set(wanted))})


def main() -> int:
    """Write the files, or with `--check` name those that drifted (exit code 1)."""
    if "--check" in sys.argv[1:]:
        wrong = drifted()
        sys.stdout.writelines(f"{name}\n" for name in wrong)
        return 1 if wrong else 0
    for name in drifted():
        (FOLDER / name).unlink(missing_ok=True)
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
