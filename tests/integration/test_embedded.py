"""The embedded stack: both brokers from wheels, for the demo and quick tests."""

from collections.abc import Iterator

import pytest
import redis
from confluent_kafka import Consumer, Producer

from infra.local import embedded
from infra.local.embedded import EmbeddedStack
from schemas.topics import EMBEDDED_PARTITIONS, ORDERS, TOPICS


@pytest.fixture(params=["redis-server where found", "valkey from its wheel"])
def stack(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EmbeddedStack]:
    """A stack on either state store."""
    if request.param == "valkey from its wheel":
        monkeypatch.setattr(embedded, "redis_server", lambda: None)
    with EmbeddedStack() as started:
        yield started


def test_every_topic_exists_with_the_mock_brokers_partitions(stack: EmbeddedStack) -> None:
    present = Producer({"bootstrap.servers": stack.bootstrap}).list_topics(timeout=10).topics

    assert {topic.name: len(present[topic.name].partitions) for topic in TOPICS} == {
        topic.name: EMBEDDED_PARTITIONS for topic in TOPICS
    }


def test_records_and_keys_come_back(stack: EmbeddedStack) -> None:
    producer = Producer({"bootstrap.servers": stack.bootstrap})
    producer.produce(ORDERS.name, b"value", b"key")
    assert producer.flush(10) == 0
    settings = {"bootstrap.servers": stack.bootstrap, "group.id": "g"}
    consumer = Consumer({**settings, "auto.offset.reset": "earliest"})
    consumer.subscribe([ORDERS.name])
    record = consumer.poll(20)
    consumer.close()
    with redis.Redis.from_url(stack.redis_url) as client:
        client.set("key", "value")
        kept = client.get("key")

    assert (record.key(), record.value(), kept) == (b"key", b"value", b"value")


def test_stopping_twice_leaves_nothing(stack: EmbeddedStack) -> None:
    stack.stop()
    stack.stop()

    with redis.Redis.from_url(stack.redis_url) as client, pytest.raises(redis.ConnectionError):
        client.ping()
