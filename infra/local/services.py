"""The exportgate services as background processes on one machine."""

import http.client
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.local.process import Background, claim_port

SERVICES: Final = ("classification", "license-check", "hold-release")
READY_S = 90
STOP_S = 20


def http_ok(port: int, path: str) -> bool:
    """Whether a loopback page answers 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass
class Service:
    """One service process and the port of its health and metrics pages.

    `instance` sets apart several processes of the same service, each with its own port.
    """

    name: str
    port: int
    folder: Path
    bootstrap: str
    redis_url: str
    instance: str = ""
    env: Mapping[str, str] | None = None
    tied: bool = False

    def __post_init__(self) -> None:
        instance = self.instance or self.name
        settings = {
            "EXPORTGATE_KAFKA_BOOTSTRAP": self.bootstrap,
            "EXPORTGATE_REDIS_URL": self.redis_url,
            "EXPORTGATE_HTTP_PORT": str(self.port),
            "EXPORTGATE_INSTANCE": instance,
            **(self.env or {}),
        }
        command = (sys.executable, "-m", "services.cli", "run", self.name)
        self.process = Background(instance, command, self.folder, settings, self.tied)

    @property
    def running(self) -> bool:
        """Whether the process we started runs."""
        return self.process.pid is not None

    def ready(self) -> bool:
        """Whether it says that it is ready for orders."""
        return http_ok(self.port, "/readyz")

    def launch(self) -> None:
        """Start it unless it runs; does not wait."""
        if not self.running:
            claim_port(self.port, self.name)
        self.process.launch()

    def wait_ready(self) -> None:
        """Wait until it is ready, or raise with the end of its log."""
        self.process.wait_ready(self.ready, READY_S)

    def stop(self) -> None:
        """End it; a second call does nothing."""
        self.process.stop(STOP_S)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self.process.kill()

    def pause(self) -> None:
        """SIGSTOP."""
        self.process.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self.process.resume()
