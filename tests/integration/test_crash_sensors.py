"""Sensors that die between acknowledgement and commit: what they say again changes nothing."""

from pathlib import Path

from infra.local.process import wait_until
from tests.chaos.checker import check
from tests.chaos.logs import read_logs
from tests.integration.test_dependencies import EVENT_BASIS, quiet
from tests.support.gate import running_gate
from tests.support.stack import RealKafka, RealRedis

POINTS = {"classification": "classification:acknowledged:1", "license-check": "determine:folded:2"}


def test_both_sensors_may_crash_and_each_order_is_decided_once(
    fresh_topics: RealKafka, flushed_redis: RealRedis, tmp_path: Path
) -> None:
    made = quiet(12, 60)
    with running_gate(tmp_path, fresh_topics.bootstrap, flushed_redis.url, **EVENT_BASIS) as gate:
        gate.import_licenses(made.licenses)
        doomed = []
        for name, point in POINTS.items():
            gate.services[name].stop()
            doomed.append(gate.service(name, EXPORTGATE_CRASH_POINT=point))
        for service in doomed:
            service.launch()
        for service in doomed:
            service.wait_ready()

        gate.send(made)

        assert wait_until(lambda: not doomed[0].running, 30), "it did not die at its point"
        gate.service("classification").launch()
        assert wait_until(lambda: not doomed[1].running, 45), "it did not die at its point"
        gate.service("license-check").launch()
        gate.await_expected(made, within_s=60)

    report = check(read_logs(fresh_topics.bootstrap))
    assert report.violations == []
    assert report.duplicates > 0
