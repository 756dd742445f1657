"""The three services as processes on given brokers, and the questions tests ask of them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local.process import free_port
from infra.local.services import SERVICES, Service
from schemas.decisions import Decided
from schemas.topics import DECISIONS, TOPICS
from services.runtime.client import Client, events
from services.runtime.settings import Settings

DECIDED_WITHIN_S = 30.0


class Gate:
    """A running gate."""

    def __init__(self, folder: Path, bootstrap: str, redis_url: str, **env: str) -> None:
        self.env = {
            "EXPORTGATE_KAFKA_BOOTSTRAP": bootstrap,
            "EXPORTGATE_REDIS_URL": redis_url,
            "EXPORTGATE_REQUIRE_SCREENING": "false",
            **env,
        }
        self.services = {
            name: Service(
                name=name, port=free_port(), folder=folder, bootstrap=bootstrap,
                redis_url=redis_url, env=self.env, tied=True,
            )
            for name in SERVICES
        }  # fmt: skip
        self.settings = Settings.model_validate(
            {
                "kafka_bootstrap": bootstrap,
                "redis_url": redis_url,
                "time_basis": env.get("EXPORTGATE_TIME_BASIS", "log"),
            }
        )

    def start(self) -> None:
        """Start what does not run, and wait until all are ready."""
        for service in self.services.values():
            service.launch()
        for service in self.services.values():
            service.wait_ready()

    def stop(self) -> None:
        """Stop all of them."""
        for service in self.services.values():
            service.stop()

    def client(self) -> Client:
        """Connect as the command line does."""
        return Client(self.settings, TOPICS)

    def run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run `exportgate` as a user does."""
        return subprocess.run(
            [sys.executable, "-m", "services.cli", *arguments],
            env={**os.environ, **self.env}, input=stdin, capture_output=True, text=True,
            timeout=90, check=False,
        )  # fmt: skip

    def json(self, *arguments: str) -> Any:
        """Run a command that ends with one JSON object, and read it."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def decisions(
        self, wanted: Callable[[dict[str, Any]], bool], within_s: float = DECIDED_WITHIN_S
    ) -> dict[str, Any]:
        """Follow decisions until what stands is as wanted, or the time is over."""
        client = self.client()
        latest: dict[str, Any] = {}
        start = dict.fromkeys(client.end_of(DECISIONS), 0)
        deadline = time.monotonic() + within_s
        for reads in client.follow(DECISIONS, start):
            for decided in events(reads):
                known = latest.get(decided.key)
                if isinstance(decided.event, Decided) and (
                    known is None or decided.event.seq > known.seq
                ):
                    latest[decided.key] = decided.event
            if wanted(latest) or time.monotonic() > deadline:
                break
        client.close()
        return latest


@contextmanager
def running_gate(folder: Path, bootstrap: str, redis_url: str, **env: str) -> Iterator[Gate]:
    """Run the gate, and stop it whatever happens."""
    gate = Gate(folder, bootstrap, redis_url, **env)
    try:
        gate.start()
        yield gate
    finally:
        gate.stop()
