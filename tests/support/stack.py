"""Real Kafka and real Redis for tests: one of each for a whole run, started when first asked for.

Found in this order: `EXPORTGATE_TEST_KAFKA` (host:port) and `EXPORTGATE_TEST_REDIS` (a URL), whose
topics and keys the tests delete; containers, where a Docker daemon answers; processes, where Java
and Maven, or `redis-server`, are installed. Else the test is skipped by name, or fails under CI.

A `conftest.py` imports the fixtures it wants; however many do, there is one broker.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import pytest
import redis as redis_client
import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from testcontainers.core.container import DockerContainer

from infra.kafka.topics import create_topics, delete_topics
from infra.local import kafka as local_kafka
from infra.local import redis as local_redis
from infra.local.process import REPOSITORY, free_port, wait_until

CONTAINER_READY_S = 120


@dataclass(frozen=True, slots=True)
class RealKafka:
    """A running broker."""

    bootstrap: str
    how: str
    stop: Callable[[], None]


@dataclass(frozen=True, slots=True)
class RealRedis:
    """A running Redis."""

    url: str
    how: str
    stop: Callable[[], None]

    def client(self) -> Any:
        """A new connection; the test closes it."""
        return redis_client.Redis.from_url(self.url)


_Real = TypeVar("_Real", RealKafka, RealRedis)
_KAFKA = pytest.StashKey[RealKafka]()
_REDIS = pytest.StashKey[RealRedis]()


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> RealKafka:
    """The run's broker. Without topics unless a test makes them: see `fresh_topics`."""
    return _once(request.config, _KAFKA, _find_kafka)


@pytest.fixture(scope="session")
def redis_server(request: pytest.FixtureRequest) -> RealRedis:
    """The run's Redis, with whatever the last test left in it: see `flushed_redis`."""
    return _once(request.config, _REDIS, _find_redis)


@pytest.fixture
def fresh_topics(kafka: RealKafka) -> RealKafka:
    """The broker with all topics new and empty; the old ones' committed offsets went with them."""
    renew_topics(kafka.bootstrap)
    return kafka


def renew_topics(bootstrap: str) -> None:
    """Delete all topics, wait until they are gone, and create them again."""
    delete_topics(bootstrap)
    create_topics(bootstrap)


@pytest.fixture
def flushed_redis(redis_server: RealRedis) -> RealRedis:
    """The Redis, empty."""
    with redis_server.client() as client:
        client.flushall()
        client.script_flush()
    return redis_server


def _once(config: pytest.Config, key: pytest.StashKey[_Real], find: Callable[[], _Real]) -> _Real:
    if key not in config.stash:
        config.stash[key] = found = find()
        config.add_cleanup(found.stop)
    return config.stash[key]


def unavailable(what: str, needs: str) -> NoReturn:
    """Skip the test and name what is missing; under CI nothing real is ever skipped."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not available under CI: needs {needs}", pytrace=False)
    pytest.skip(f"{what}: needs {needs}")


def need_local_kafka() -> None:
    """For tests that kill a broker: only a process of our own will do."""
    if lacks := local_kafka.missing():
        unavailable("a Kafka process", " and ".join(lacks))


def need_program(name: str) -> str:
    """Where a program is, or skip by name."""
    return shutil.which(name) or unavailable(name, f"`{name}` installed")


def _find_kafka() -> RealKafka:
    if given := os.environ.get("EXPORTGATE_TEST_KAFKA"):
        return RealKafka(given, "given", _nothing)
    if docker_answers():
        return _kafka_container()
    if local_kafka.missing():
        unavailable("real Kafka", "Docker, or Java 17+ and Maven")
    folder = Path(tempfile.mkdtemp(prefix="exportgate-kafka-"))
    server = local_kafka.KafkaServer(
        folder, free_port(), controller_port=free_port(), tied=True
    ).start()
    return RealKafka(server.bootstrap, "process", lambda: _stop_and_remove(server, folder))


def _find_redis() -> RealRedis:
    if given := os.environ.get("EXPORTGATE_TEST_REDIS"):
        return RealRedis(given, "given", _nothing)
    if docker_answers():
        return _redis_container()
    if local_redis.redis_server() is None:
        unavailable("real Redis", "Docker, or redis-server")
    folder = Path(tempfile.mkdtemp(prefix="exportgate-redis-"))
    server = local_redis.RedisServer(folder, free_port(), tied=True).start()
    return RealRedis(server.url, "process", lambda: _stop_and_remove(server, folder))


def _nothing() -> None:
    """What was given to us is not ours to stop."""


def _stop_and_remove(
    server: local_kafka.KafkaServer | local_redis.RedisServer, folder: Path
) -> None:
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@cache
def docker_answers() -> bool:
    """Whether a Docker daemon can be reached."""
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=10, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


def _image(service: str) -> str:
    """The image that docker-compose.yml pins: one place to raise it."""
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    return str(compose["services"][service]["image"])


def _kafka_container() -> RealKafka:
    port = free_port()
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    settings = dict(compose["services"]["kafka"]["environment"])
    settings["KAFKA_CONTROLLER_QUORUM_VOTERS"] = "1@localhost:9093"
    settings["KAFKA_ADVERTISED_LISTENERS"] = f"INSIDE://localhost:9092,OUTSIDE://127.0.0.1:{port}"
    container = DockerContainer(_image("kafka")).with_bind_ports("19092/tcp", port)
    for name, value in settings.items():
        container.with_env(name, str(value))
    container.start()
    bootstrap = f"127.0.0.1:{port}"
    if not wait_until(lambda: _kafka_answers(bootstrap), CONTAINER_READY_S):
        container.stop()
        pytest.fail(f"the Kafka container did not answer within {CONTAINER_READY_S} s")
    return RealKafka(bootstrap, "container", container.stop)


def _kafka_answers(bootstrap: str) -> bool:
    try:
        admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
        return bool(admin.list_topics(timeout=2).brokers)
    except KafkaException:
        return False


def _redis_container() -> RealRedis:
    port = free_port()
    container = DockerContainer(_image("redis")).with_bind_ports("6379/tcp", port)
    container.start()
    url = f"redis://127.0.0.1:{port}/0"
    if not wait_until(lambda: _redis_answers(url), CONTAINER_READY_S):
        container.stop()
        pytest.fail(f"the Redis container did not answer within {CONTAINER_READY_S} s")
    return RealRedis(url, "container", container.stop)


def _redis_answers(url: str) -> bool:
    try:
        with redis_client.Redis.from_url(url, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except redis_client.RedisError:
        return False
