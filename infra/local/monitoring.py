"""Prometheus and Alertmanager as background processes, where their programs are installed."""

import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

import yaml

from infra.local.process import REPOSITORY, Background, claim_port
from infra.local.services import http_ok

CONFIG = REPOSITORY / "infra/prometheus"
READY_S = 30
PROGRAMS = {
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),  # Debian's name, upstream's
}


def program(name: str) -> str | None:
    """Where a monitoring program is installed, if it is."""
    return next((found for each in PROGRAMS[name] if (found := shutil.which(each))), None)


def write_config(
    folder: Path,
    services: Mapping[str, int],
    alertmanager_port: int,
    *,
    prometheus_port: int = 0,
    every_s: int | None = None,
) -> None:
    """Copy the configuration and point it at this machine's ports.

    `every_s` replaces the interval of scrapes and evaluations, for tests in a hurry.
    """
    shutil.copytree(CONFIG, folder, dirs_exist_ok=True)
    targets = [
        {"targets": [f"127.0.0.1:{port}"], "labels": {"service": name}}
        for name, port in services.items()
    ]
    (folder / "targets/services.yml").write_text(yaml.safe_dump(targets))
    for name, port in (("alertmanager", alertmanager_port), ("prometheus", prometheus_port)):
        at = [{"targets": [f"127.0.0.1:{port}"]}] if port else []
        (folder / f"targets/{name}.yml").write_text(yaml.safe_dump(at))
    if every_s is not None:
        file = folder / "prometheus.yml"
        config = yaml.safe_load(file.read_text())
        config["global"] = {"scrape_interval": f"{every_s}s", "evaluation_interval": f"{every_s}s"}
        file.write_text(yaml.safe_dump(config, sort_keys=False))


def prometheus(folder: Path, port: int) -> Background:
    """The Prometheus process, which reads the configuration in `folder`/config."""
    return Background(
        "prometheus",
        (
            program("prometheus") or "prometheus",
            f"--config.file={folder}/config/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ),
        folder,
    )


def alertmanager(folder: Path, port: int) -> Background:
    """The Alertmanager process; alone, so it listens for no peers."""
    return Background(
        "alertmanager",
        (
            program("alertmanager") or "alertmanager",
            f"--config.file={folder}/config/alertmanager.yml",
            f"--storage.path={folder}/alerts",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
        ),
        folder,
    )


def start(process: Background, port: int) -> None:
    """Start it, or have it read its configuration again when it runs already."""
    if process.pid is None:
        claim_port(port, process.name)
    if not process.launch():
        process.send(signal.SIGHUP)
    process.wait_ready(lambda: http_ok(port, "/-/ready"), READY_S)
