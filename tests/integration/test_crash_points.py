"""A process that dies at every named point between poll and commit, one by one.

Goal: after a restart every order is decided as without the crash, and every reservation counts
once, as the independent checker reads the raw topics. One gate serves all of it; in each round one
stage of two services dies at its next point, with orders of their own. A dead member's partitions
come back after the session timeout, about ten seconds: that is the time the rounds take.
"""

from collections.abc import Iterator
from itertools import count

import pytest

from infra.local.process import wait_until
from infra.local.services import Service
from tests.integration.test_dependencies import EVENT_BASIS, quiet
from tests.support.gate import Gate, running_gate
from tests.support.rest import assert_nothing_wrong
from tests.support.stack import RealKafka, RealRedis, renew_topics

ALL = ("folded", "before-produce", "acknowledged", "remembered", "committed")
# The first to die is the one whose output the other waits for.
ROUNDS = [
    *((("hold-release", f"gate:{point}"), ("license-check", f"ledger:{point}")) for point in ALL),
    (
        ("classification", "classification:acknowledged"),
        ("license-check", "determine:acknowledged"),
    ),
]
_seeds = count(1_100)


@pytest.fixture(scope="module")
def gate(
    kafka: RealKafka, redis_server: RealRedis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gate]:
    renew_topics(kafka.bootstrap)
    with redis_server.client() as client:
        client.flushall()
    folder = tmp_path_factory.mktemp("crash")
    with running_gate(folder, kafka.bootstrap, redis_server.url, **EVENT_BASIS) as running:
        running.import_licenses(quiet(1, 1).licenses)
        yield running


def _dies(service: Service) -> bool:
    return wait_until(lambda: not service.running, 45)


@pytest.mark.parametrize("round_", ROUNDS, ids=["+".join(p for _, p in r) for r in ROUNDS])
def test_a_crash_loses_nothing_and_repeats_nothing(
    round_: tuple[tuple[str, str], ...], gate: Gate
) -> None:
    made = quiet(next(_seeds), 40)
    doomed = []
    for service, point in round_:
        gate.services[service].stop()
        doomed.append(gate.service(service, EXPORTGATE_CRASH_POINT=f"{point}:1"))
    for each in doomed:
        each.launch()
    for each in doomed:
        each.wait_ready()

    gate.send(made)

    for (service, point), each in zip(round_, doomed, strict=True):
        assert _dies(each), f"{point}: it did not die"
        gate.service(service).launch()
    gate.await_expected(made, within_s=60)
    assert_nothing_wrong(gate)
