"""The golden examples, one file a case, and the schema that describes each value."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import schemas

FOLDER: Final = Path(schemas.__file__).parent
GENERATED: Final = FOLDER / "generated"


@dataclass(frozen=True)
class Case:
    """One example: a value, and what its headers and its topic would say."""

    name: str
    type: str
    topic: str
    source: str
    value: bytes
    data: Any = None
    written: Any = None
    """What is written for it; for a value that is already in the written form, the value."""
    field: str = ""
    """The offending field of an invalid value, where it is one field's fault."""
    says: str = ""


def valid() -> list[Case]:
    """Every value that must be read."""
    return [_case(path) for path in sorted((FOLDER / "examples" / "valid").glob("*/*.json"))]


def invalid() -> list[Case]:
    """Every value that must be refused."""
    return [_case(path) for path in sorted((FOLDER / "examples" / "invalid").glob("*/*.json"))]


def _case(path: Path) -> Case:
    stored = json.loads(path.read_text(encoding="utf-8"))
    if path.parent.name != stored["type"]:
        raise ValueError(f"{path.name} stands under {path.parent.name}, not {stored['type']}")
    data = stored.get("data")
    refused = stored.get("refused", {})
    return Case(
        name=f"{path.parent.name}/{path.stem}",
        type=stored["type"],
        topic=stored["topic"],
        source=stored["source"],
        value=(stored["text"] if "text" in stored else json.dumps(data)).encode(),
        data=data,
        written=stored.get("written", data),
        field=refused.get("field", ""),
        says=refused.get("says", ""),
    )


def schema(event_type: str, side: str) -> dict[str, Any]:
    """Read a committed schema of an event type: its writer's or its reader's."""
    text = (GENERATED / "json" / f"{event_type}.{side}.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(text)
    return document
