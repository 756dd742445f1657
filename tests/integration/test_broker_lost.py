"""The broker goes away in the middle and comes back: producers wait, nothing is lost."""

from pathlib import Path

from infra.kafka.topics import create_topics
from infra.local.kafka import KafkaServer
from infra.local.process import free_port
from tests.integration.test_dependencies import EVENT_BASIS, quiet
from tests.support.gate import running_gate
from tests.support.rest import assert_nothing_wrong
from tests.support.stack import RealRedis, need_local_kafka


def test_a_broker_killed_in_flight_means_waiting_and_going_on(
    flushed_redis: RealRedis, tmp_path: Path
) -> None:
    need_local_kafka()
    kafka = KafkaServer(tmp_path / "kafka", free_port(), controller_port=free_port(), tied=True)
    try:
        kafka.start()
        create_topics(kafka.bootstrap)
        with running_gate(tmp_path, kafka.bootstrap, flushed_redis.url, **EVENT_BASIS) as gate:
            made = quiet(31, 200)
            gate.import_licenses(made.licenses)
            gate.send(made)

            kafka.kill()
            kafka.start()

            gate.await_expected(made, within_s=90)
            assert all(service.running for service in gate.services.values()), "one gave up"
            assert_nothing_wrong(gate)
    finally:
        kafka.stop()
