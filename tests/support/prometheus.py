"""A real Prometheus with its Alertmanager, in a hurry, and the questions tests ask of them."""

import json
import math
import signal
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local import monitoring
from infra.local.process import Background, free_port
from tests.support.stack import need_program, unavailable


@dataclass
class Monitoring:
    """Both processes, and the API of the first."""

    prometheus: Background
    alertmanager: Background
    port: int
    alertmanager_port: int
    started: float

    def ask(self, path: str, **parameters: str) -> Any:
        """Read a page of the API; an error of Prometheus' fails the test with its words."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as page:
            answer = json.load(page)
        assert answer["status"] == "success", answer
        return answer["data"]

    def has_data(self, expr: str) -> bool:
        """Whether a panel would show at least one number since the start."""
        now = time.time()
        found = self.ask("query_range", query=expr, start=str(self.started), end=str(now), step="2")
        values = (value for series in found["result"] for _, value in series["values"])
        return any(not math.isnan(float(value)) for value in values)

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        return {
            alert["labels"]["alertname"]
            for alert in self.ask("alerts")["alerts"]
            if alert["state"] == "firing"
        }

    def rules(self) -> list[dict[str, Any]]:
        """Every rule as Prometheus holds it."""
        return [rule for group in self.ask("rules")["groups"] for rule in group["rules"]]

    def reload(self) -> None:
        """Have Prometheus read its configuration again."""
        self.prometheus.send(signal.SIGHUP)

    def stop(self) -> None:
        """End both."""
        self.prometheus.stop()
        self.alertmanager.stop()


@contextmanager
def monitored(
    folder: Path, services: Mapping[str, int], *, every_s: int = 1
) -> Iterator[Monitoring]:
    """Run Prometheus and Alertmanager over services, by name and port."""
    need_program("prometheus")
    if monitoring.program("alertmanager") is None:
        unavailable("Alertmanager", "`prometheus-alertmanager` installed")
    port, alertmanager_port = free_port(), free_port()
    monitoring.write_config(
        folder / "config", services, alertmanager_port, prometheus_port=port, every_s=every_s
    )
    made = Monitoring(
        monitoring.prometheus(folder, port), monitoring.alertmanager(folder, alertmanager_port),
        port, alertmanager_port, time.time(),
    )  # fmt: skip
    try:
        monitoring.start(made.alertmanager, alertmanager_port)
        monitoring.start(made.prometheus, port)
        yield made
    finally:
        made.stop()
