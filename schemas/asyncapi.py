"""The AsyncAPI 3.0 document: every topic, what it carries, who writes and who reads it."""

from collections.abc import Iterator
from typing import Any, Final

from schemas.events import EVENT_TYPES, EventType
from schemas.topics import (
    CHECKS,
    CHECKS_STATE,
    CLASSIFIED,
    DEAD_LETTER_SUFFIX,
    DECISIONS,
    LICENSES,
    LICENSES_STATE,
    ORDERS,
    PRODUCTS,
    REFERENCE,
    TOPICS,
    Topic,
)

BINDING: Final = "0.5.0"
DEAD_LETTER: Final = "dead-letter"
SNAPSHOT: Final = "snapshot"
EVERY: Final = ("",)
_PASSED_ON: Final = ("order.cancelled", "order.shipped", "order.returned")
_RESERVED: Final = tuple(
    f"reservation.{verb}"
    for verb in (
        "requested",
        "released",
        "confirm-requested",
        "adjusted",
        "settled",
        "returned",
        "voided",
    )
)
_ANSWERED: Final = tuple(
    f"reservation.{verb}" for verb in ("granted", "refused", "withdrawn", "posted")
)

WRITERS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    ORDERS.name: {
        "order-systems": ("order.placed", "order.amended", *_PASSED_ON),
        "hold-release": ("order.recheck-requested",),
    },
    CLASSIFIED.name: {"classification": EVERY},
    CHECKS.name: {
        "license-check": ("order.assessed", "order.unreadable", *_ANSWERED, *_PASSED_ON),
        "officers": ("officer.decided", "order.recheck-wanted"),
        "hold-release": ("order.release-stale", "deadline.", "control."),
    },
    LICENSES.name: {
        "license-office": tuple(
            f"license.{verb}"
            for verb in ("granted", "amended", "suspended", "reinstated", "revoked")
        ),
        "officers": ("license.resolved", "license.balance-adjusted"),
        "hold-release": _RESERVED,
        "license-check": ("deadline.", "control.", "license.event-refused", "license.alerted"),
    },
    DECISIONS.name: {"hold-release": EVERY},
    PRODUCTS.name: {"officers": EVERY},
    REFERENCE.name: {
        "importers": ("reference.rate-set", "reference.price-observed"),
        "officers": ("reference.pack-activated",),
    },
    LICENSES_STATE.name: {"license-check": EVERY},
    CHECKS_STATE.name: {"hold-release": EVERY},
}
"""Topic → who writes → the beginnings of the event types it writes there."""

READERS: Final[dict[str, tuple[str, ...]]] = {
    ORDERS.name: ("classification",),
    CLASSIFIED.name: ("license-check",),
    CHECKS.name: ("hold-release",),
    LICENSES.name: ("license-check",),
    DECISIONS.name: ("order-systems", "warehouses"),
    PRODUCTS.name: ("classification",),
    REFERENCE.name: ("classification", "license-check"),
    LICENSES_STATE.name: ("license-check",),
    CHECKS_STATE.name: ("hold-release",),
}
STAGES: Final = ("classification", "hold-release", "license-check")


def document() -> dict[str, Any]:
    """Describe the whole traffic from the topics registry and the event types."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:exportgate",
        "info": {
            "title": "exportgate",
            "version": "1.0.0",
            "description": "Orders in, decisions out; everything in between stands in the log. "
            "CloudEvents 1.0 in binary mode; murmur2 partitioner (Java's default).",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:19092",
                "protocol": "kafka",
                "description": "A placeholder; the brokers are a matter of configuration.",
            }
        },
        "channels": {topic.name: _channel(topic) for topic in TOPICS},
        "operations": dict(_operations()),
        "components": {
            "messages": {
                **{event_type.name: _message(event_type) for event_type in EVENT_TYPES},
                DEAD_LETTER: _dead_letter(),
                SNAPSHOT: _snapshot(),
            },
            "schemas": {"headers": _headers()},
        },
    }


def carried(topic: Topic) -> tuple[str, ...]:
    """Name the messages a topic carries."""
    if topic.name.endswith(DEAD_LETTER_SUFFIX):
        return (DEAD_LETTER,)
    own = tuple(each.name for each in EVENT_TYPES if topic in each.topics)
    return (SNAPSHOT, *own) if topic in (LICENSES_STATE, CHECKS_STATE) else own


def _channel(topic: Topic) -> dict[str, Any]:
    config: dict[str, Any] = {
        name: int(value) if value.lstrip("-").isdigit() else value
        for name, value in topic.config.items()
    }
    config["cleanup.policy"] = topic.cleanup.split(",")
    return {
        "address": topic.name,
        "description": f"{topic.description}. Key: {topic.key}.",
        "messages": {name: _ref("components", "messages", name) for name in carried(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": config,
                "bindingVersion": BINDING,
            }
        },
    }


def _operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for topic in TOPICS:
        if topic.name in WRITERS:
            continue
        for stage in STAGES:
            yield _operation(stage, "send", topic, EVERY)
        yield _operation("operators", "receive", topic, EVERY)
    for name, writers in WRITERS.items():
        topic = next(each for each in TOPICS if each.name == name)
        for writer, begins in writers.items():
            yield _operation(writer, "send", topic, begins)
        for reader in READERS[name]:
            yield _operation(reader, "receive", topic, EVERY)


def _operation(
    who: str, action: str, topic: Topic, begins: tuple[str, ...]
) -> tuple[str, dict[str, Any]]:
    wanted = [
        name
        for name in carried(topic)
        if begins == EVERY or name.removeprefix("exportgate.").startswith(begins)
    ]
    return f"{who}.{action}.{topic.name}", {
        "action": action,
        "channel": _ref("channels", topic.name),
        "messages": [_ref("channels", topic.name, "messages", name) for name in wanted],
        "tags": [{"name": who}],
    }


def _message(event_type: EventType) -> dict[str, Any]:
    keys = sorted({topic.key for topic in event_type.topics})
    if event_type.name.startswith("exportgate.control."):
        keys = ["#<partition>, in that partition"]
    return {
        "name": event_type.name,
        "title": event_type.model.__name__,
        "summary": (event_type.model.__doc__ or "").strip(),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "allOf": [_ref("components", "schemas", "headers")],
            "properties": {"ce_type": {"const": event_type.name}},
        },
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./json/{event_type.name}.writer.json"},
        },
        "bindings": _key(" or ".join(keys)),
        "x-reader-schema": f"./json/{event_type.name}.reader.json",
    }


def _headers() -> dict[str, Any]:
    text = {"type": "string", "minLength": 1}
    return {
        "type": "object",
        "description": "CloudEvents attributes, UTF-8; (ce_source, ce_id) is the identity.",
        "required": ["ce_id", "ce_source", "ce_specversion", "ce_time", "ce_type"],
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": text,
            "ce_source": text,
            "ce_type": text,
            "ce_time": {"type": "string", "format": "date-time", "description": "chooses the law"},
            "ce_sha256": {
                "type": "string",
                "pattern": "^[0-9a-f]{64}$",
                "description": "SHA-256 of the value; a value that differs is refused",
            },
            "ce_cause": {
                "type": "string",
                "description": "topic/partition/offset of the record that caused this one",
            },
            "ce_since": {
                "type": "string",
                "pattern": "^[0-9]{1,13}$",
                "description": "milliseconds since 1970 (UTC) at which the record of `orders` that "
                "led here was appended; measured, never decided on",
            },
            "content-type": {"type": "string", "const": "application/json"},
            "traceparent": {"type": "string", "description": "W3C trace context, passed on"},
        },
    }


def _dead_letter() -> dict[str, Any]:
    text = {"type": "string"}
    names = ("topic", "partition", "offset", "timestamp", "consumer-group")
    added = [*(f"kafka_dlt-original-{name}" for name in names), "kafka_dlt-exception-message"]
    return {
        "name": DEAD_LETTER,
        "title": "Dead letter",
        "summary": "A record that could not be read: its bytes and headers, and ours added.",
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "required": sorted(added),
            "properties": {name: text for name in added},
        },
        "bindings": _key("as the source record's, if it had one"),
    }


def _snapshot() -> dict[str, Any]:
    return {
        "name": SNAPSHOT,
        "title": "Snapshot",
        "summary": "State of one entity; its shape is its fold's own business.",
        "contentType": "application/json",
        "payload": {"type": "object"},
        "bindings": _key("entity"),
    }


def _key(description: str) -> dict[str, Any]:
    key = {"type": "string", "description": description}
    return {"kafka": {"key": key, "bindingVersion": BINDING}}


def _ref(*path: str) -> dict[str, str]:
    return {"$ref": "#/" + "/".join(path)}
