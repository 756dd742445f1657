"""A real log, archived while it is written, by an archiver that dies: the archive is the log."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.local.process import wait_until
from services.generator.scenario import scenario
from services.replay.archive import ARCHIVED
from services.replay.kafka_log import KafkaLog
from services.replay.proof_check import examine
from services.replay.reading import open_archive
from tests.chaos.logs import read_logs
from tests.support.gate import Gate, running_gate
from tests.support.stack import RealKafka, RealRedis

EVENT_BASIS = {"EXPORTGATE_TIME_BASIS": "event"}


def test_the_archive_of_a_real_log_is_whole_and_verifies(
    tmp_path: Path, fresh_topics: RealKafka, flushed_redis: RealRedis
) -> None:
    """Malformed records, a gate that is killed, officers, and an archiver killed while it writes.

    Whatever the real stages did is what the folds say, and the sensors too.
    """
    made = scenario(41, 120, malformed=8)
    root = tmp_path / "archive"
    with running_gate(tmp_path, fresh_topics.bootstrap, flushed_redis.url, **EVENT_BASIS) as gate:
        gate.import_licenses(made.licenses)
        archiver = follower(gate, root)
        gate.send(made)
        gate.services["hold-release"].kill()
        gate.services["hold-release"].launch()
        assert wait_until((root / "orders.checks").exists, 30)
        archiver.kill()
        archiver.wait()
        held = gate.decisions(expected_in(made.expected))
        order = next(key for key, each in held.items() if each.decision == "HELD")
        officer = gate.run("holds", "reject", order, "--note", "not this one", "--officer", "li")
        assert officer.returncode == 0, officer.stderr
        gate.decisions(lambda latest: latest[order].decision == "REJECTED")

    before = ends_of(gate)
    settled = gate.json("archive", "--to", str(root))
    looked = gate.run("verify", str(root), "--processes", "2", "--json")
    report = json.loads(looked.stdout)

    assert settled["archive"] == str(root)
    same_as_log(root, fresh_topics.bootstrap)
    assert report["findings"] == []
    assert looked.returncode == 0
    assert report["orders"] >= len(made.expected)
    assert report["in_flight"] == report["ahead"] == 0
    again = gate.json("verify", "--from-kafka")
    assert (again["records"], again["sound"]) == (report["records"], True)
    proof = tmp_path / "proof.json"
    assert gate.run("prove", order, "--out", str(proof)).returncode == 0
    words, faults = examine(proof.read_bytes())
    assert faults == []
    assert any("Officer li: reject" in word for word in words)
    assert ends_of(gate) == before, "a replay wrote to a topic"


def expected_in(wanted: Mapping[str, object]) -> Callable[[dict[str, object]], bool]:
    """Whether every order that is wanted has a decision."""

    def told(latest: dict[str, object]) -> bool:
        return wanted.keys() <= latest.keys()

    return told


def follower(gate: Gate, root: Path) -> subprocess.Popen[bytes]:
    """An archiver that follows the log, a round a second."""
    return subprocess.Popen(
        [sys.executable, "-m", "services.cli", "archive", "--to", str(root), "--follow",
         "--every", "1"],
        env={**os.environ, **gate.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def same_as_log(root: Path, bootstrap: str) -> None:
    """Compare with the log as an independent reader has it, record by record."""
    archive = open_archive(root)
    archived = [
        (row.topic, row.partition, row.offset, row.key, row.value,
         row.headers)
        for topic in sorted(topic.name for topic in ARCHIVED)
        for at in range(archive.partitions(topic))
        for row in archive.rows(topic, at)
    ]  # fmt: skip
    logged = [
        (each.topic, each.partition, each.offset, each.raw_key, each.value, each.headers)
        for topic, entries in sorted(read_logs(bootstrap).topics.items())
        for each in entries
    ]
    assert archive.findings == []
    assert archived == logged
    assert any(each[0].endswith(".dlt") for each in archived)


def ends_of(gate: Gate) -> dict[str, dict[int, tuple[int, int]]]:
    """Where every topic ends."""
    log = KafkaLog(gate.settings)
    found = {topic.name: log.ends(topic.name) for topic in ARCHIVED}
    log.close()
    return found
