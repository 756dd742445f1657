"""The AsyncAPI document against AsyncAPI 3.0.0, the topics registry and the event types."""

import json
import re
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from schemas.events import BY_NAME
from schemas.topics import TOPICS, Topic
from tests.unit.schemas.cases import GENERATED, schema

DOCUMENT: Final[dict[str, Any]] = json.loads((GENERATED / "asyncapi.json").read_text("utf-8"))
FIELDS: Final = {
    "root": "asyncapi id info defaultContentType servers channels operations components",
    "info": "title version description termsOfService contact license tags externalDocs",
    "server": "host protocol protocolVersion pathname description title summary variables security"
    " tags externalDocs bindings",
    "channel": "address messages title summary description servers parameters tags externalDocs"
    " bindings",
    "operation": "action channel title summary description security tags externalDocs bindings"
    " traits messages reply",
    "message": "headers payload correlationId contentType name title summary description tags"
    " externalDocs bindings examples traits",
    "components": "schemas servers channels operations messages securitySchemes serverVariables"
    " parameters correlationIds replies replyAddresses externalDocs tags operationTraits"
    " messageTraits serverBindings channelBindings operationBindings messageBindings",
    "kafka channel": "topic partitions replicas topicConfiguration bindingVersion",
    "kafka message": "key schemaIdLocation schemaIdPayloadEncoding schemaLookupStrategy"
    " bindingVersion",
}
"""The fixed fields of each object of the specification and of its Kafka bindings 0.5.0."""
CHANNELS: Final = DOCUMENT["channels"]
OPERATIONS: Final = DOCUMENT["operations"]
MESSAGES: Final = DOCUMENT["components"]["messages"]


def _known(kind: str, found: dict[str, Any], *required: str) -> None:
    unknown = {name for name in found if not re.fullmatch(r"x-[\w\d.\-]+", name)}
    assert unknown <= set(FIELDS[kind].split()), kind
    assert set(required) <= set(found), kind


def _resolve(reference: dict[str, str]) -> dict[str, Any]:
    assert set(reference) == {"$ref"}
    path = reference["$ref"]
    assert path.startswith("#/")
    found: Any = DOCUMENT
    for part in path[2:].split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    resolved: dict[str, Any] = found
    return resolved


def test_the_document_has_the_shape_of_asyncapi_3() -> None:
    _known("root", DOCUMENT, "asyncapi", "info")
    assert DOCUMENT["asyncapi"] == "3.0.0"
    _known("info", DOCUMENT["info"], "title", "version")
    _known("components", DOCUMENT["components"])
    for group in DOCUMENT["components"].values():
        assert all(re.fullmatch(r"[\w.\-]+", name) for name in group)
    for server in DOCUMENT["servers"].values():
        _known("server", server, "host", "protocol")
        assert re.fullmatch(r"127\.0\.0\.1:\d+", server["host"])
        assert server["protocol"] == "kafka"


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_channel_is_its_topic(topic: Topic) -> None:
    channel = CHANNELS[topic.name]
    _known("channel", channel, "address", "messages")
    assert channel["address"] == topic.name
    binding = channel["bindings"]["kafka"]
    _known("kafka channel", binding)
    assert (binding["topic"], binding["partitions"]) == (topic.name, topic.partitions)
    config = binding["topicConfiguration"]
    assert config["cleanup.policy"] == [topic.cleanup]
    for name in ("retention.ms", "retention.bytes", "max.message.bytes"):
        assert config[name] == int(topic.config[name])
    carried = {name for name, each in BY_NAME.items() if topic in each.topics}
    own = {"snapshot"} if topic.cleanup == "compact" else set()
    assert set(channel["messages"]) == carried | own or not carried
    assert channel["messages"]
    for name, reference in channel["messages"].items():
        assert _resolve(reference) is MESSAGES[name]


def test_there_is_a_channel_for_every_topic_and_no_other() -> None:
    assert set(CHANNELS) == {topic.name for topic in TOPICS}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_headers_a_key_and_a_payload(name: str) -> None:
    message = MESSAGES[name]
    _known("message", message, "name", "bindings", "contentType")
    _known("kafka message", message["bindings"]["kafka"], "key")
    if name in BY_NAME:
        assert message["headers"]["type"] == "object"
        assert message["headers"]["properties"]["ce_type"] == {"const": name}
        (common,) = message["headers"]["allOf"]
        properties = _resolve(common)["properties"]
        assert set(_resolve(common)["required"]) < set(properties)
        Draft202012Validator.check_schema(_resolve(common))
        for side, path in (
            ("writer", message["payload"]["schema"]["$ref"]),
            ("reader", message["x-reader-schema"]),
        ):
            assert json.loads((GENERATED / path).read_text("utf-8")) == schema(name, side)


def test_every_event_type_is_a_message() -> None:
    assert set(MESSAGES) == {*BY_NAME, "dead-letter", "snapshot"}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_moves_messages_of_its_channel(name: str) -> None:
    operation = OPERATIONS[name]
    _known("operation", operation, "action", "channel")
    assert operation["action"] in ("send", "receive")
    assert operation["messages"]
    within = operation["channel"]["$ref"] + "/messages/"
    for reference in operation["messages"]:
        assert reference["$ref"].startswith(within)
        assert _resolve(_resolve(reference)) in MESSAGES.values()
    (tag,) = operation["tags"]
    topic = _resolve(operation["channel"])["address"]
    assert name == f"{tag['name']}.{operation['action']}.{topic}"


@pytest.mark.parametrize("action", ["send", "receive"])
def test_every_message_of_every_channel_is_written_and_read_by_somebody(action: str) -> None:
    moved = {
        reference["$ref"]
        for operation in OPERATIONS.values()
        if operation["action"] == action
        for reference in operation["messages"]
    }
    carried = {
        f"#/channels/{topic}/messages/{name}"
        for topic, channel in CHANNELS.items()
        for name in channel["messages"]
    }
    assert moved == carried


def _writers(topic: str, message: str) -> set[str]:
    wanted = {"$ref": f"#/channels/{topic}/messages/{message}"}
    return {
        operation["tags"][0]["name"]
        for operation in OPERATIONS.values()
        if operation["action"] == "send" and wanted in operation["messages"]
    }


@pytest.mark.parametrize(
    "topic, message, writers",
    [
        ("orders", "order.recheck-requested", {"hold-release"}),
        ("orders", "order.placed", {"order-systems"}),
        ("orders.classified", "order.cancelled", {"classification"}),
        ("orders.checks", "order.cancelled", {"license-check"}),
        ("orders.checks", "reservation.granted", {"license-check"}),
        ("orders.checks", "officer.decided", {"officers"}),
        ("licenses", "reservation.requested", {"hold-release"}),
        ("licenses", "deadline.due", {"license-check"}),
        ("orders.decisions", "decision.released", {"hold-release"}),
    ],
)
def test_what_has_one_writer_names_it(topic: str, message: str, writers: set[str]) -> None:
    assert _writers(topic, f"exportgate.{message}.v1") == writers
