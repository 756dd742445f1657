"""The whole stack on one machine: what there is, how it starts, how it stops."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.kafka.topics import create_topics
from infra.local import monitoring
from infra.local.kafka import KafkaServer, fetch_jars
from infra.local.process import Background, StartFailed, local_dir
from infra.local.redis import RedisServer
from infra.local.services import SERVICES, Service

CANARY_EVERY_S = ("EXPORTGATE_CANARY_EVERY_S", "60")
"""A stack that somebody watches has a canary, unless told otherwise."""
State = Literal["running", "stopped", "not installed"]


def port(name: str, default: int) -> int:
    """A port from the environment, `EXPORTGATE_LOCAL_<NAME>_PORT`, or the default."""
    variable = f"EXPORTGATE_LOCAL_{name}_PORT"
    given = os.environ.get(variable, str(default))
    if not given.isdecimal():
        raise StartFailed(f"{variable} is not a port: {given!r}")
    return int(given)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the status table."""

    name: str
    state: State
    address: str
    pid: int | None
    log: Path


class LocalStack:
    """Kafka, Redis, the services, Prometheus and Alertmanager, by recorded pid."""

    def __init__(self) -> None:
        base = local_dir()
        self.kafka = KafkaServer(
            base / "kafka", port("KAFKA", 19092), controller_port=port("CONTROLLER", 19093)
        )
        self.redis = RedisServer(base / "redis", port("REDIS", 16379), durable=True)
        first = port("HTTP", 18101)
        self.services = [
            Service(
                name,
                first + n,
                base / "services",
                self.kafka.bootstrap,
                self.redis.url,
                env={"EXPORTGATE_CANARY_EVERY_S": os.environ.get(*CANARY_EVERY_S)},
            )
            for n, name in enumerate(SERVICES)
        ]
        self.monitoring_dir = base / "prometheus"
        self.prometheus_port = port("PROMETHEUS", 19090)
        self.alertmanager_port = port("ALERTMANAGER", 19094)
        self.monitoring = {
            self.prometheus_port: monitoring.prometheus(self.monitoring_dir, self.prometheus_port),
            self.alertmanager_port: monitoring.alertmanager(
                self.monitoring_dir, self.alertmanager_port
            ),
        }

    def up(self, say: Callable[[str], None], *, services: bool = True) -> None:
        """Start what does not run yet, each after what it needs."""
        say("Kafka …")
        fetch_jars()
        self.kafka.start()
        say("Redis …")
        self.redis.start()
        say("topics …")
        create_topics(self.kafka.bootstrap)
        if services:
            self._start_services(say)
        self._start_monitoring(say)

    def _start_services(self, say: Callable[[str], None]) -> None:
        for service in self.services:
            say(f"{service.name} …")
            service.launch()
        for service in self.services:
            service.wait_ready()

    def _start_monitoring(self, say: Callable[[str], None]) -> None:
        ports = {service.name: service.port for service in self.services}
        monitoring.write_config(
            self.monitoring_dir / "config", ports, self.alertmanager_port,
            prometheus_port=self.prometheus_port,
        )  # fmt: skip
        for port_number, process in self.monitoring.items():
            if monitoring.program(process.name) is None:
                say(f"{process.name} is not installed here: not started")
                continue
            say(f"{process.name} …")
            monitoring.start(process, port_number)

    def down(self, say: Callable[[str], None]) -> None:
        """Stop what runs, in the opposite order; data stays."""
        for name, stop in self._stops():
            say(f"{name} stops …")
            stop()

    def _stops(self) -> Iterator[tuple[str, Callable[[], object]]]:
        for process in self.monitoring.values():
            if process.pid is not None:
                yield process.name, process.stop
        for service in reversed(self.services):
            if service.running:
                yield service.name, service.stop
        if self.redis.running:
            yield "redis", self.redis.stop
        if self.kafka.running:
            yield "kafka", self.kafka.stop

    def rows(self) -> list[Row]:
        """What runs where, now."""
        return [
            _row(self.kafka.process, self.kafka.bootstrap),
            _row(self.redis.process, self.redis.url),
            *(_row(each.process, f"http://127.0.0.1:{each.port}") for each in self.services),
            *(
                _row(each, f"http://127.0.0.1:{port_number}", monitoring.program(each.name))
                for port_number, each in self.monitoring.items()
            ),
        ]


def _row(process: Background, address: str, program: str | None = "given") -> Row:
    state: State = "running" if process.pid else "stopped"
    if program is None and state == "stopped":
        state = "not installed"
    return Row(process.name, state, address, process.pid, process.log)
