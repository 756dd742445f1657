"""A process that dies at every named point between poll and commit, one by one.

Goal: after a restart every order is decided as without the crash, and every reservation counts
once. The dead member's partitions come back after the session timeout, about ten seconds.
"""

from decimal import Decimal
from pathlib import Path

import pytest

from infra.local.process import wait_until
from schemas.checks import ReservationGranted
from schemas.topics import CHECKS
from services.cli import book
from services.generator.scenario import scenario
from services.runtime.client import events
from tests.support.gate import Gate, running_gate
from tests.support.stack import RealKafka, RealRedis

POINTS = ("folded", "before-produce", "acknowledged", "remembered", "committed")
STAGES = (("ledger", "license-check"), ("gate", "hold-release"))


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize(("stage", "service"), STAGES)
def test_a_crash_loses_nothing_and_repeats_nothing(
    stage: str,
    service: str,
    point: str,
    fresh_topics: RealKafka,
    flushed_redis: RealRedis,
    tmp_path: Path,
) -> None:
    made = scenario(11, 40)
    made.ship_when_released.clear()
    made.expected.update(
        {key: type(e)("RELEASED") for key, e in made.expected.items() if e.cause == "shipped"}
    )
    with running_gate(
        tmp_path, fresh_topics.bootstrap, flushed_redis.url, EXPORTGATE_TIME_BASIS="event"
    ) as gate:
        gate.import_licenses(made.licenses)
        gate.services[service].stop()
        doomed = gate.service(service, EXPORTGATE_CRASH_POINT=f"{stage}:{point}:1")
        doomed.launch()
        doomed.wait_ready()

        gate.send(made)

        assert wait_until(lambda: not doomed.running, 30), "it did not die at its point"
        gate.service(service).launch()
        gate.await_expected(made, within_s=60)
        _assert_reserved_once(gate)


def _assert_reserved_once(gate: Gate) -> None:
    """What the ledger holds is what was granted, each reservation once, no more and no less."""
    client = gate.client()
    granted = {
        record.event.reservation_id: record.event.quantity
        for record in events(client.read_all(CHECKS))
        if isinstance(record.event, ReservationGranted)
    }
    for held in book.licenses(client).values():
        opened = {n: e for n, e in held.reservations.items() if e.state == "open"}
        assert {name: granted[name] for name in opened} == {
            name: entry.quantity for name, entry in opened.items()
        }
        assert held.license.reserved_quantity == sum(
            (entry.quantity for entry in opened.values()), Decimal(0)
        )
    client.close()
