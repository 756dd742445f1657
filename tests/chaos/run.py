"""`make chaos`: the gate on real Kafka and Redis under faults, and an independent checker after it.

Two runs of one seed: one in peace, one under faults. Every order must end as its author expects
and as it ended in peace; the checker must find nothing. One JSON object on the last line of stdout.
"""

import argparse
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from infra.local.process import REPOSITORY, StartFailed
from schemas.checks import ReleaseStale
from schemas.decisions import Decided
from schemas.topics import CHECKS
from services.generator.scenario import Scenario, scenario
from services.runtime.packs import load_packs
from tests.chaos.checker import Report, check
from tests.chaos.faults import TICK_S, Fault, Hand, schedule
from tests.chaos.logs import read_logs
from tests.chaos.traffic import Traffic, differing, import_licenses
from tests.chaos.world import World

REFERENCE_RATE: Final = 600
RELEASED_MIN: Final = 0.30
UNUSABLE: Final = 3
REST_S: Final = 3.0
SAY_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Ran:
    """What one run came to."""

    report: Report
    hand: Hand
    traffic: Traffic
    drained_s: float
    stale: int


def say(text: str) -> None:
    """Tell progress."""
    sys.stderr.write(f"{text}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, check, report: 0 nothing wrong, 1 a violation, 3 the stack did not start."""
    asked = _parser().parse_args(arguments)
    began = time.monotonic()
    basis = asked.time_basis or _basis()
    made = _scenario(asked, basis)
    say(f"{len(made.expected)} orders, {len(made.events)} events, time basis {basis}")
    try:
        with World(instances=asked.instances, time_basis=basis) as world:
            peace = _run(world, made, "peace", asked, ())
            torment = _run(world, made, "faults", asked, schedule(asked.seconds))
            result = _result(asked, made, peace, torment)
            world.keep = not result["ok"]
            if world.keep:
                say(f"the services' logs stay in {world.folder}")
    except StartFailed as error:
        say(str(error))
        return UNUSABLE
    result |= {"time_basis": basis, "wall_s": round(time.monotonic() - began, 1)}
    sys.stdout.write(json.dumps(result) + "\n")
    return int(not result["ok"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long faults go on")
    parser.add_argument("--seed", type=int, default=1, help="orders and faults")
    parser.add_argument("--rate", type=float, default=300, help="orders a second")
    parser.add_argument("--instances", type=int, default=2, help="of each service")
    parser.add_argument("--drain", type=float, default=120, help="seconds for what is left then")
    parser.add_argument(
        "--time-basis", choices=["log", "event"], help="default: log while the packs are verified"
    )
    return parser


def _basis() -> str:
    """Log time, as in production, while the packs are verified for today; else the events'."""
    until = load_packs().verified_until
    return "log" if until is None or datetime.now(UTC).date() < until else "event"


def _scenario(asked: argparse.Namespace, basis: str) -> Scenario:
    count = int(asked.seconds * asked.rate)
    dates = {}
    if basis == "log":
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
        dates = {"start": yesterday, "end": yesterday}
    return scenario(asked.seed, count, malformed=count // 200, **dates)


def _run(
    world: World, made: Scenario, name: str, asked: argparse.Namespace, faults: Sequence[Fault]
) -> Ran:
    """One run over empty topics; it ends when everything is decided, or the time is over."""
    say(f"{name}: starting {asked.instances} of each service")
    world.renew()
    world.start_services(name)
    client = world.client()
    import_licenses(client, made)
    client.close()
    rate = asked.rate if faults else max(asked.rate, REFERENCE_RATE)
    seconds = asked.seconds * asked.rate / rate
    traffic = Traffic(world.kafka.bootstrap, made, seconds=seconds)
    hand = Hand(world, asked.seed, say)
    traffic.start()
    _torment(hand, traffic, list(faults))
    drained = _drain(hand, traffic, asked.drain)
    traffic.stop()
    world.stop_services()
    say(f"{name}: drained after {drained:.1f} s; reading the topics")
    logs = read_logs(world.kafka.bootstrap)
    stale = sum(isinstance(each.event, ReleaseStale) for each in logs.firsts(CHECKS))
    report = check(logs)
    say(f"{name}: {len(report.violations)} violations {report.counts}")
    for each in report.violations[:20]:
        say(f"  {each}")
    return Ran(report, hand, traffic, drained, stale)


def _torment(hand: Hand, traffic: Traffic, faults: list[Fault]) -> None:
    """Do each fault when its time has come, until all is sent and all is done."""
    began = time.monotonic()
    tick, said = threading.Event(), 0.0
    while faults or traffic.sender.is_alive():
        now = time.monotonic() - began
        if faults and faults[0].at <= now:
            hand.do(faults.pop(0))
        hand.supervise()
        if now - said > SAY_EVERY_S:
            said = now
            say(f"{now:5.1f} s  {traffic.sent} sent, {len(traffic.latest)} decided")
        tick.wait(TICK_S)
    hand.resume()


def _drain(hand: Hand, traffic: Traffic, within_s: float) -> float:
    """Wait until every order stands as expected and nothing has moved for a while."""
    began = time.monotonic()
    tick, still, seen = threading.Event(), began, -1
    while (now := time.monotonic()) - began < within_s:
        hand.supervise()
        moved = sum(event.seq for event in list(traffic.latest.values()))
        if moved != seen:
            seen, still = moved, now
        elif now - still > REST_S and not traffic.unexpected():
            return still - began
        tick.wait(TICK_S * 5)
    return within_s


def _result(asked: argparse.Namespace, made: Scenario, peace: Ran, torment: Ran) -> dict[str, Any]:
    latest = torment.report.decisions
    released = sum(event.decision == "RELEASED" for event in latest.values())
    unexpected = differing(made, latest)
    unlike = {
        key for key in made.expected if _gist(latest, key) != _gist(peace.report.decisions, key)
    }
    for key, text in list(unexpected.items())[:10]:
        say(f"  {key}: {text}")
    for key in list(unlike)[:10]:
        say(f"  {key}: {_gist(latest, key)}, in peace {_gist(peace.report.decisions, key)}")
    share = released / max(len(made.expected), 1)
    violations = len(torment.report.violations)
    failed = len(torment.traffic.failed) + len(peace.traffic.failed)
    wrong = violations + len(unexpected) + len(unlike) + failed
    return {
        "ok": wrong == 0 and share >= RELEASED_MIN and not peace.report.violations,
        "seconds": asked.seconds, "seed": asked.seed, "rate": asked.rate,
        "instances": asked.instances, "orders": len(made.expected), "events": len(made.events),
        "decided": len(latest), "released": released, "released_share": round(share, 3),
        "faults": sum(torment.hand.done.values()), "kills": torment.hand.done["kill"],
        "by_fault": dict(torment.hand.done), "ended_by_themselves": dict(torment.hand.ended),
        "records": torment.report.records, "duplicates": torment.report.duplicates,
        "stale_releases": torment.stale, "violations": violations,
        "by_invariant": torment.report.counts, "unexpected": len(unexpected),
        "unlike_peace": len(unlike), "violations_in_peace": len(peace.report.violations),
        "send_failures": failed, "drained_s": round(torment.drained_s, 1), "commit": _commit(),
    }  # fmt: skip


def _gist(decisions: dict[str, Decided], key: str) -> tuple[object, ...]:
    """Outcome and reasons: what must not depend on faults."""
    found = decisions.get(key)
    if found is None:
        return ("nothing",)
    return found.decision, found.cause, tuple(sorted({r.code.value for r in found.reasons}))


def _commit() -> str:
    def git(*arguments: str) -> str:
        said = subprocess.run(
            ["git", *arguments], cwd=REPOSITORY, capture_output=True, text=True, check=False
        )
        return said.stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain") else "")


if __name__ == "__main__":
    sys.exit(main())
