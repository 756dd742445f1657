"""Redis goes away, comes back empty or wrong, a license is revoked: what becomes of the orders."""

from datetime import UTC, date, datetime
from pathlib import Path

from infra.local.process import free_port
from infra.local.redis import RedisServer
from schemas.decisions import HoldReason
from schemas.envelope import derived_id
from schemas.licenses import LicenseRevoked
from schemas.topics import LICENSES
from services.generator.scenario import Scenario, scenario
from services.runtime.client import record
from tests.support.gate import Gate, running_gate
from tests.support.stack import RealKafka, RealRedis

EVENT_BASIS = {"EXPORTGATE_TIME_BASIS": "event"}


def quiet(seed: int, count: int) -> Scenario:
    """A scenario in which nobody ships."""
    made = scenario(seed, count)
    for key in made.ship_when_released:
        made.expected[key] = type(made.expected[key])("RELEASED")
    made.ship_when_released.clear()
    return made


def test_redis_away_means_waiting_and_redis_back_empty_means_folding_again(
    fresh_topics: RealKafka, tmp_path: Path
) -> None:
    redis = RedisServer(tmp_path / "redis", free_port(), tied=True).start()
    try:
        with running_gate(tmp_path, fresh_topics.bootstrap, redis.url, **EVENT_BASIS) as gate:
            before, after = quiet(21, 30), quiet(22, 30)
            gate.import_licenses(before.licenses)
            gate.send(before)
            gate.await_expected(before)

            redis.kill()
            gate.send(after)
            assert gate.becomes_unready("license-check", "waiting for Redis", within_s=20)
            redis.start()

            gate.await_expected(after, within_s=60)
            gate.await_expected(before)
    finally:
        redis.stop()


def test_a_flushed_redis_changes_no_decision_even_over_a_restart(
    fresh_topics: RealKafka, flushed_redis: RealRedis, tmp_path: Path
) -> None:
    with running_gate(tmp_path, fresh_topics.bootstrap, flushed_redis.url, **EVENT_BASIS) as gate:
        before, after = quiet(23, 30), quiet(24, 30)
        gate.import_licenses(before.licenses)
        gate.send(before)
        settled = gate.await_expected(before)

        gate.stop()
        flushed_redis.client().flushall()
        gate.start()
        gate.send(after)

        gate.await_expected(after, within_s=60)
        again = gate.await_expected(before)
        assert {k: d.seq for k, d in settled.items()} == {key: again[key].seq for key in settled}


def test_a_revoked_license_withdraws_the_releases_that_rest_on_it(
    fresh_topics: RealKafka, flushed_redis: RealRedis, tmp_path: Path
) -> None:
    with running_gate(tmp_path, fresh_topics.bootstrap, flushed_redis.url, **EVENT_BASIS) as gate:
        made = quiet(25, 60)
        gate.import_licenses(made.licenses)
        gate.send(made)
        released = gate.await_expected(made)
        drawn = {
            key
            for key, decided in released.items()
            if any(each.license_id == "CN-GEN-2026-2" for each in decided.licenses)
        }
        assert drawn, "the scenario must draw on the license"

        _revoke(gate, "CN-GEN-2026-2")
        latest = gate.decisions(
            lambda now: all(key in now and now[key].decision == "HELD" for key in drawn),
            within_s=5,
        )

        for key in drawn:
            assert latest[key].decision == "HELD"
            assert HoldReason.LICENSE_REVOKED in {r.code for r in latest[key].reasons}
        untouched = set(released) - drawn
        assert {latest[k].seq for k in untouched} == {released[k].seq for k in untouched}


def _revoke(gate: Gate, license_id: str) -> None:
    """Revoke as of before every order: the orders of the scenario are dated June 2026."""
    event = LicenseRevoked(
        license_id=license_id,
        amendment=1,
        effective_at=datetime.combine(date(2026, 5, 1), datetime.min.time(), UTC),
        reason="revoked by the authority",
    )
    client = gate.client()
    event_id = derived_id("revoke", license_id)
    client.write([record(LICENSES, license_id, event, event_id=event_id, time=datetime.now(UTC))])
    client.close()


def test_a_service_that_is_stopped_in_the_middle_loses_nothing(
    fresh_topics: RealKafka, flushed_redis: RealRedis, tmp_path: Path
) -> None:
    with running_gate(tmp_path, fresh_topics.bootstrap, flushed_redis.url, **EVENT_BASIS) as gate:
        made = quiet(26, 200)
        gate.import_licenses(made.licenses)
        gate.send(made)

        for name in list(gate.services):
            gate.services[name].stop()
            gate.services[name].launch()

        latest = gate.await_expected(made, within_s=60)
        assert set(latest) >= set(made.expected)
