"""Write what others read instead of our code: JSON Schemas of every event, and AsyncAPI 3.

`python -m schemas.generate` writes them, `--check` tells which files are not what it would write.
A writer's schema is closed, a reader's open: so fields can be added while both versions run.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from schemas.base import Model
from schemas.events import EVENT_TYPES, EventType
from schemas.topics import TOPICS, Topic

FOLDER: Final = Path(__file__).parent / "generated"
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
HEADERS: Final = {
    "ce_specversion": "CloudEvents version, 1.0",
    "ce_id": "identity of the event, together with ce_source",
    "ce_source": "who says it",
    "ce_type": "type of the event",
    "ce_time": "the event's own time, RFC 3339",
    "ce_sha256": "SHA-256 of the value, hex; checked where present",
    "ce_cause": "topic/partition/offset of the record that led to this one",
    "traceparent": "W3C trace context, passed on",
}
NEEDED: Final = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time")
WRITERS: Final = {
    "orders": ("order-system", "hold-release"),
    "orders.classified": ("classification",),
    "orders.checks": ("license-check", "officer", "hold-release"),
    "licenses": ("license-office", "officer", "hold-release", "license-check"),
    "orders.decisions": ("hold-release",),
    "products": ("officer",),
    "reference": ("officer",),
    "licenses.state": ("license-check",),
    "orders.checks.state": ("hold-release",),
}
READERS: Final = {
    "orders": ("classification",),
    "orders.classified": ("license-check",),
    "orders.checks": ("hold-release",),
    "licenses": ("license-check",),
    "orders.decisions": ("order-system", "warehouse"),
}


def writer_schema(model: type[Model]) -> dict[str, Any]:
    """The schema of what may be written: no field but those named."""
    return {"$schema": DIALECT, **_closed(_schema(model))}


def reader_schema(model: type[Model]) -> dict[str, Any]:
    """The schema of what is read: fields not named are ignored."""
    return {"$schema": DIALECT, **_schema(model)}


def _schema(model: type[Model]) -> dict[str, Any]:
    return model.model_json_schema(mode="validation", by_alias=True)


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


def asyncapi() -> dict[str, Any]:
    """Describe every topic, message and operation (AsyncAPI 3.0.0)."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "exportgate",
            "version": "1.0.0",
            "description": "Orders are classified, checked against licenses, released or held.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"local": {"host": "127.0.0.1:19092", "protocol": "kafka"}},
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": _operations(),
        "components": {
            "messages": {_message_id(each): _message(each) for each in EVENT_TYPES},
            "schemas": {
                "headers": {
                    "type": "object",
                    "required": list(NEEDED),
                    "properties": {
                        name: {"type": "string", "description": text}
                        for name, text in HEADERS.items()
                    },
                }
            },
        },
    }


def _message_id(event_type: EventType) -> str:
    return event_type.model.__name__


def _message(event_type: EventType) -> dict[str, Any]:
    return {
        "name": event_type.name,
        "title": event_type.model.__name__,
        "summary": (event_type.model.__doc__ or "").strip().splitlines()[0],
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/headers"},
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./json/{event_type.name}.writer.json"},
        },
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": "0.5.0"}},
    }


def _messages_of(topic: Topic) -> list[EventType]:
    name = topic.name.removesuffix(".dlt")
    return [each for each in EVENT_TYPES if any(t.name == name for t in each.topics)]


def _channel(topic: Topic) -> dict[str, Any]:
    return {
        "address": topic.name,
        "description": f"{topic.description}. Keyed by {topic.key}.",
        "messages": {
            _message_id(each): {"$ref": f"#/components/messages/{_message_id(each)}"}
            for each in _messages_of(topic)
        },
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": [topic.cleanup],
                    "retention.ms": -1,
                    "retention.bytes": -1,
                    "max.message.bytes": topic.max_bytes,
                },
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operations() -> dict[str, Any]:
    """Who sends to and receives from each channel; the application is the whole gate."""
    operations = {}
    for action, table in (("send", WRITERS), ("receive", READERS)):
        for topic, parties in table.items():
            for party in parties:
                operations[f"{party}-{action}-{topic}".replace(".", "-")] = {
                    "action": action,
                    "channel": {"$ref": f"#/channels/{topic}"},
                    "summary": f"{party}: {action} {topic}",
                }
    return operations


def files() -> dict[Path, str]:
    """Compute every generated file."""
    made = {FOLDER / "asyncapi.json": asyncapi()}
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
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
