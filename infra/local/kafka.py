"""A real Kafka broker as a background process: Java, and jars fetched once with Maven."""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from infra.kafka.topics import silent_partitions
from infra.local.process import (
    REPOSITORY,
    Background,
    StartFailed,
    claim_port,
    local_dir,
    port_open,
)

POM = REPOSITORY / "infra/kafka/pom.xml"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
JAVA_NEEDED = 17
FETCH_S = 600
FORMAT_S = 60
READY_S = 60
STAMP = ".complete"
JVM = ("-Xmx1g", "-XX:TieredStopAtLevel=1")
"""A local broker lives for minutes; the second compiler would take a third of its time."""
LOGGING = {
    "org.slf4j.simpleLogger.showDateTime": "true",
    "org.slf4j.simpleLogger.dateTimeFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSZ",
    "org.slf4j.simpleLogger.defaultLogLevel": "info",
}
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
num.partitions=12
num.network.threads=2
num.io.threads=2
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
"""
"""The session is short since a killed broker may register again only when its last one is over."""


def java() -> str | None:
    """The Java program, if it is new enough for a broker."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if program is None:
        return None
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', said.stderr + said.stdout)
    return program if version and int(version[1]) >= JAVA_NEEDED else None


def missing() -> list[str]:
    """What a machine lacks to run the broker; empty when it lacks nothing."""
    lacks = [] if java() else [f"Java {JAVA_NEEDED} or later"]
    if shutil.which("mvn") is None and not _jars_complete():
        lacks.append("Maven (mvn)")
    return lacks


def _jars_folder() -> Path:
    return local_dir() / "lib" / "kafka"


def _pom_digest() -> str:
    return hashlib.sha256(POM.read_bytes()).hexdigest()


def _jars_complete() -> bool:
    stamp = _jars_folder() / STAMP
    return stamp.exists() and stamp.read_text() == _pom_digest()


def fetch_jars() -> Path:
    """Fetch the broker's jars unless the pom's are here already; answers their folder."""
    folder = _jars_folder()
    if _jars_complete():
        return folder
    if shutil.which("mvn") is None:
        raise StartFailed("Maven (mvn) is not installed; it fetches Kafka's jars")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        jars = Path(work) / "jars"
        asked = ["mvn", "-B", "-q", "-f", str(POM), COPY, f"-DoutputDirectory={jars}"]
        said = subprocess.run(asked, capture_output=True, text=True, check=False, timeout=FETCH_S)
        if said.returncode != 0:
            raise StartFailed(f"Maven could not fetch Kafka:\n{said.stdout}{said.stderr}")
        (jars / STAMP).write_text(_pom_digest())
        _swap_in(jars, folder, Path(work) / "old")
    return folder


def _swap_in(fresh: Path, folder: Path, aside: Path) -> None:
    """Put the new folder in the old one's place; if another run was first, keep its jars."""
    if folder.exists() and not _jars_complete():
        folder.rename(aside)
    try:
        fresh.rename(folder)
    except OSError:
        if not _jars_complete():
            raise


class KafkaServer:
    """One broker with its own controller (KRaft) on loopback.

    The same folder and ports find the same process and the same data again. `advertised` is the
    address clients are told, when they shall come through a proxy.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        *,
        controller_port: int | None = None,
        advertised: str | None = None,
        tied: bool = False,
    ) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.controller_port = controller_port or port + 1
        self.advertised = advertised or f"127.0.0.1:{port}"
        self._tied = tied
        self.process = self._background(())

    def _background(self, command: tuple[str, ...]) -> Background:
        return Background("kafka", command, self.folder, tied=self._tied)

    @property
    def bootstrap(self) -> str:
        """What a client connects to first."""
        return self.advertised

    @property
    def running(self) -> bool:
        """Whether the process we started runs."""
        return self.process.pid is not None

    def start(self) -> Self:
        """Start it unless it runs, on the data that is there, and wait until it answers."""
        if not self.running:
            self._launch()
        self.process.wait_ready(self.answers, READY_S)
        return self

    def _launch(self) -> None:
        program = java()
        if program is None:
            raise StartFailed(f"Java {JAVA_NEEDED} or later is not installed")
        for port in (self.port, self.controller_port):
            claim_port(port, "Kafka")
        options = [f"-D{name}={value}" for name, value in LOGGING.items()]
        base = (program, *JVM, *options, "-cp", f"{fetch_jars()}/*")
        properties = self._write_properties()
        self._format(base, properties)
        self.process = self._background((*base, "kafka.Kafka", str(properties)))
        self.process.launch()

    def _write_properties(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "server.properties"
        text = PROPERTIES.format(
            port=self.port,
            controller_port=self.controller_port,
            advertised=self.advertised,
            data=self.folder / "data",
        )
        path.write_text(text)
        return path

    def _format(self, base: tuple[str, ...], properties: Path) -> None:
        """Give an empty data folder its cluster id; a formatted one keeps its own."""
        if (self.folder / "data" / "meta.properties").exists():
            return
        cluster = self._tool(base, "random-uuid").strip().splitlines()[-1]
        self._tool(base, "format", "-t", cluster, "-c", str(properties), "--ignore-formatted")

    def _tool(self, base: tuple[str, ...], *arguments: str) -> str:
        said = subprocess.run(
            [*base, "kafka.tools.StorageTool", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=FORMAT_S,
        )
        if said.returncode != 0:
            raise StartFailed(f"StorageTool {arguments[0]}:\n{said.stdout}{said.stderr}")
        return said.stdout

    def answers(self) -> bool:
        """Whether the broker leads its partitions (asked through its proxy, if it has one)."""
        if not port_open(self.port):
            return False
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{self.port}", "log_level": 0})
        try:
            return bool(admin.list_topics(timeout=2).brokers) and not silent_partitions(admin)
        except KafkaException:
            return False

    def stop(self) -> None:
        """End it, flushing its logs; a second call does nothing."""
        self.process.stop(grace_s=30)

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self.process.kill()

    def pause(self) -> None:
        """SIGSTOP."""
        self.process.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self.process.resume()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
