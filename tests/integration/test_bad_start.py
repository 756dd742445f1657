"""What a service says, and how it ends, when it cannot start."""

from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from infra.local.process import free_port
from tests.support.gate import Gate
from tests.support.stack import RealKafka, RealRedis

UNUSABLE = 3


@pytest.mark.parametrize("service", ["classification", "license-check", "hold-release"])
def test_without_a_broker_it_ends_with_3_and_says_so(
    service: str, redis_server: RealRedis, tmp_path: Path
) -> None:
    gate = Gate(tmp_path, f"127.0.0.1:{free_port()}", redis_server.url)

    done = gate.run("run", service)

    assert done.returncode == UNUSABLE
    assert "no broker answers at 127.0.0.1" in done.stderr


def test_without_redis_it_ends_with_3_and_says_so(fresh_topics: RealKafka, tmp_path: Path) -> None:
    gate = Gate(tmp_path, fresh_topics.bootstrap, f"redis://127.0.0.1:{free_port()}/0")

    done = gate.run("run", "hold-release")

    assert done.returncode == UNUSABLE
    assert "no Redis answers" in done.stderr


def test_a_topic_that_forgets_ends_it_with_3_naming_the_setting(
    fresh_topics: RealKafka, flushed_redis: RealRedis, tmp_path: Path
) -> None:
    admin = AdminClient({"bootstrap.servers": fresh_topics.bootstrap})
    forgetful = ConfigResource(
        ResourceType.TOPIC, "orders.checks", set_config={"retention.ms": "604800000"}
    )
    for future in admin.alter_configs([forgetful]).values():
        future.result(15)
    gate = Gate(tmp_path, fresh_topics.bootstrap, flushed_redis.url)

    done = gate.run("run", "hold-release")

    assert done.returncode == UNUSABLE
    assert "orders.checks: retention.ms is '604800000', must be '-1'" in done.stderr
