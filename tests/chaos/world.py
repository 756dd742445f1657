"""The real stack of a chaos run: one broker, one Redis, several instances of every service."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import redis

from infra.kafka.topics import create_topics, delete_topics
from infra.local.kafka import KafkaServer
from infra.local.process import free_port
from infra.local.redis import RedisServer
from infra.local.services import SERVICES, Service
from schemas.topics import TOPICS
from services.runtime.client import Client
from services.runtime.settings import Settings

SETTINGS: Final = {"EXPORTGATE_REQUIRE_SCREENING": "false", "EXPORTGATE_LOG_LEVEL": "WARNING"}


class World:
    """Everything that runs, in one folder; `with` ends it all."""

    def __init__(
        self, *, instances: int, time_basis: str, extra: Mapping[str, str] | None = None
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="exportgate-chaos-"))
        self.keep = False
        """Whether the folder stays, for its logs."""
        self.time_basis = time_basis
        self.kafka = KafkaServer(
            self.folder / "kafka", free_port(), controller_port=free_port(), tied=True
        )
        self.redis = RedisServer(self.folder / "redis", free_port(), tied=True)
        self._instances = instances
        self._extra = dict(extra or {})
        self.services: list[Service] = []

    def __enter__(self) -> Self:
        """Start the broker and Redis."""
        try:
            self.kafka.start()
            self.redis.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End everything."""
        self.stop()

    def stop(self) -> None:
        """End what was started here, and nothing else."""
        for service in self.services:
            service.kill()
        self.redis.stop()
        self.kafka.kill()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def renew(self) -> None:
        """Empty the broker and Redis."""
        delete_topics(self.kafka.bootstrap)
        create_topics(self.kafka.bootstrap)
        self.flush_redis()

    def flush_redis(self) -> None:
        """FLUSHALL."""
        with redis.Redis.from_url(self.redis.url) as client:
            client.flushall()

    def start_services(self, run: str) -> None:
        """Start every instance of every service, and wait until all are ready."""
        env = {**SETTINGS, "EXPORTGATE_TIME_BASIS": self.time_basis, **self._extra}
        self.services = [
            Service(
                name, free_port(), self.folder / run, self.kafka.bootstrap, self.redis.url,
                instance=f"{name}-{number}", env=env, tied=True,
            )
            for name in SERVICES
            for number in range(1, self._instances + 1)
        ]  # fmt: skip
        for service in self.services:
            service.launch()
        for service in self.services:
            service.wait_ready()

    def stop_services(self) -> None:
        """Stop them politely."""
        for service in self.services:
            service.stop()

    def client(self) -> Client:
        """Connect as the command line does."""
        settings = {
            "kafka_bootstrap": self.kafka.bootstrap,
            "redis_url": self.redis.url,
            "time_basis": self.time_basis,
        }
        return Client(Settings.model_validate(settings), TOPICS)
