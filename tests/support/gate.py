"""The three services as processes on given brokers, and the questions tests ask of them."""

import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local.process import free_port, wait_until
from infra.local.services import SERVICES, Service
from schemas.decisions import Decided
from schemas.topics import DECISIONS, TOPICS
from services.cli.demo_run import raw_or_event
from services.generator.scenario import Scenario
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

    def service(self, name: str, **env: str) -> Service:
        """Put a service up anew, under other settings; it is not started."""
        old = self.services[name]
        fresh = Service(
            name=name, port=free_port(), folder=old.folder, bootstrap=old.bootstrap,
            redis_url=old.redis_url, env={**self.env, **env}, tied=True,
        )  # fmt: skip
        self.services[name] = fresh
        return fresh

    def import_licenses(self, rows: list[dict[str, str]]) -> None:
        """Import a license book, and wait until the ledger has it."""
        text = "".join(json.dumps(row) + "\n" for row in rows)
        done = self.run("licenses", "import", "-", stdin=text)
        assert done.returncode == 0, done.stderr

    def import_products(self, rows: list[dict[str, Any]]) -> None:
        """Import what is on record about products."""
        text = "".join(json.dumps(row) + "\n" for row in rows)
        done = self.run("products", "import", "-", stdin=text)
        assert done.returncode == 0, done.stderr

    def send(self, made: Scenario) -> None:
        """Write a scenario's events, the malformed ones as they are."""
        client = self.client()
        client.write([raw_or_event(event) for event in made.events])
        client.close()

    def await_expected(self, made: Scenario, within_s: float = DECIDED_WITHIN_S) -> dict[str, Any]:
        """Wait until every order stands as its author expects; fail naming those that do not."""
        latest = self.decisions(lambda now: not differing(made, now), within_s)
        assert not differing(made, latest), differing(made, latest)[:3]
        return latest

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

    def becomes_unready(self, service: str, why: str, within_s: float) -> bool:
        """Wait until /readyz of a service says why it is not ready."""
        port = self.services[service].port
        return wait_until(lambda: why in _page(port, "/readyz"), within_s)

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


def _page(port: int, path: str) -> str:
    """Read a loopback page, whatever its status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def differing(made: Scenario, latest: dict[str, Any]) -> list[str]:
    """Name the orders that do not stand as expected, and how they stand."""
    wrong = []
    for key, expected in made.expected.items():
        found = latest.get(key)
        reasons = {reason.code.value for reason in found.reasons} if found else set()
        good = (
            found is not None
            and (found.decision, found.cause) == (expected.decision, expected.cause)
            and expected.reasons <= reasons
        )
        if not good:
            said = "nothing" if found is None else f"{found.decision} {reasons}"
            wrong.append(f"{key}: {said} instead of {expected}")
    return wrong


@contextmanager
def running_gate(folder: Path, bootstrap: str, redis_url: str, **env: str) -> Iterator[Gate]:
    """Run the gate, and stop it whatever happens."""
    gate = Gate(folder, bootstrap, redis_url, **env)
    try:
        gate.start()
        yield gate
    finally:
        gate.stop()
