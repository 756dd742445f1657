"""The process stack: real Kafka and Redis start, survive a crash with their data, and stop."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from infra.kafka.topics import create_topics
from infra.local import monitoring
from infra.local.kafka import KafkaServer, fetch_jars
from infra.local.process import REPOSITORY, free_port
from infra.local.redis import RedisServer
from schemas.topics import ORDERS, TOPICS
from tests.support.stack import RealKafka, RealRedis, need_local_kafka, need_program, renew_topics

DEADLINE_S = 30


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaServer]:
    """A broker that a test may kill."""
    need_local_kafka()
    with KafkaServer(tmp_path, free_port(), controller_port=free_port(), tied=True) as server:
        yield server


def write(bootstrap: str, value: bytes) -> None:
    """Append one record to `orders`, acknowledged by the broker."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    producer.produce(ORDERS.name, value, b"key", partition=0)
    assert producer.flush(DEADLINE_S) == 0


def read(bootstrap: str) -> list[Any]:
    """Every record in partition 0 of `orders`."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reads"})
    end = consumer.get_watermark_offsets(TopicPartition(ORDERS.name, 0), timeout=DEADLINE_S)[1]
    consumer.assign([TopicPartition(ORDERS.name, 0, 0)])
    records = consumer.consume(end, timeout=DEADLINE_S) if end else []
    consumer.close()
    return list(records)


@pytest.mark.real
def test_a_broker_killed_and_restarted_keeps_what_it_acknowledged(broker: KafkaServer) -> None:
    create_topics(broker.bootstrap)
    write(broker.bootstrap, b"before")
    first = broker.process.pid

    broker.kill()
    assert not broker.running
    broker.start()

    assert broker.process.pid != first
    assert [record.value() for record in read(broker.bootstrap)] == [b"before"]
    broker.stop()
    broker.stop()
    assert not broker.running


@pytest.mark.real
def test_a_paused_broker_is_silent_until_it_is_resumed(broker: KafkaServer) -> None:
    create_topics(broker.bootstrap)
    broker.pause()
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": broker.bootstrap}).list_topics(timeout=1)

    broker.resume()
    write(broker.bootstrap, b"after")

    assert [record.value() for record in read(broker.bootstrap)] == [b"after"]
    assert broker.start().running


def test_redis_keeps_data_over_a_crash_only_when_durable(tmp_path: Path) -> None:
    need_program("redis-server")
    survived = {}
    for durable in (True, False):
        with RedisServer(tmp_path / str(durable), free_port(), durable=durable, tied=True) as each:
            with RealRedis(each.url, "process", each.stop).client() as client:
                client.set("key", "value")
            each.kill()
            each.start()
            with RealRedis(each.url, "process", each.stop).client() as client:
                survived[durable] = client.get("key")

    assert survived == {True: b"value", False: None}


def test_topics_are_created_as_the_schema_says_and_only_once(fresh_topics: RealKafka) -> None:
    create_topics(fresh_topics.bootstrap)

    admin = AdminClient({"bootstrap.servers": fresh_topics.bootstrap})
    present = admin.list_topics(timeout=DEADLINE_S).topics
    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, t.name) for t in TOPICS])
    configs = {resource.name: answer.result() for resource, answer in asked.items()}
    for topic in TOPICS:
        assert len(present[topic.name].partitions) == topic.partitions
        actual = {key: configs[topic.name][key].value for key in topic.config}
        assert actual == topic.config


def test_fresh_topics_forget_records_and_committed_offsets(fresh_topics: RealKafka) -> None:
    bootstrap = fresh_topics.bootstrap
    write(bootstrap, b"old")
    place = TopicPartition(ORDERS.name, 0, 1)
    group = Consumer({"bootstrap.servers": bootstrap, "group.id": "remembers"})
    group.commit(offsets=[place], asynchronous=False)
    assert group.committed([place], timeout=DEADLINE_S)[0].offset == 1

    renew_topics(bootstrap)

    assert read(bootstrap) == []
    assert group.committed([place], timeout=DEADLINE_S)[0].offset < 0
    group.close()


def test_records_carry_the_brokers_time(fresh_topics: RealKafka) -> None:
    write(fresh_topics.bootstrap, b"timed")

    (record,) = read(fresh_topics.bootstrap)

    log_append_time = 2
    assert record.timestamp()[0] == log_append_time


def test_redis_is_flushed_before_a_test(flushed_redis: RealRedis) -> None:
    with flushed_redis.client() as client:
        assert client.dbsize() == 0
        client.set("key", "left for the next test")


@pytest.mark.real
def test_the_command_starts_reports_and_stops_the_stack(tmp_path: Path) -> None:
    need_local_kafka()
    need_program("redis-server")
    (tmp_path / "lib").symlink_to(fetch_jars().parent)
    names = ("KAFKA", "CONTROLLER", "REDIS", "HTTP", "PROMETHEUS", "ALERTMANAGER")
    env = {f"EXPORTGATE_LOCAL_{name}_PORT": str(free_port()) for name in names}
    env["EXPORTGATE_LOCAL_DIR"] = str(tmp_path)
    try:
        first = command("up", env)
        second = command("up", env)
    finally:
        last = command("down", env)

    running = {name for name, row in first.items() if row["state"] == "running"}
    installed = {name for name in monitoring.PROGRAMS if monitoring.program(name)}
    assert running == {"kafka", "redis"} | installed
    assert {row["pid"] for row in second.values()} == {row["pid"] for row in first.values()}
    assert not [name for name, row in last.items() if row["state"] == "running"]


def command(name: str, env: dict[str, str]) -> dict[str, Any]:
    """Run `python -m infra.local` without the services; what it says on stdout."""
    said = subprocess.run(
        [sys.executable, "-m", "infra.local", name, "--no-services", "--json"],
        env={**os.environ, **env},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    shown: dict[str, Any] = json.loads(said.stdout)
    return shown
