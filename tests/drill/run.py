"""`make alert-drill`: does the right alert fire, and none in peace?

Real Kafka, Redis, services, Prometheus and Alertmanager. First a quiet time under load, in which no
alert may fire; then one fault after another, each of which must fire its own. `--hurry N` divides
what alerts wait for (`for:`), to try it out. The last line on stdout is one JSON object.
"""

import argparse
import json
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import yaml

from infra.local.process import StartFailed
from services.generator.scenario import Scenario, scenario
from tests.chaos.run import UNUSABLE, say
from tests.chaos.traffic import Traffic, import_licenses
from tests.chaos.world import World
from tests.drill.faults import DRILLS, Drill, Scene
from tests.support.prometheus import Monitoring, monitored

DRILLS_S: Final = 1_800
"""Load is prepared for so long beside the drills; what is left of it is dropped."""
WITHIN_S: Final = 240
TICK_S: Final = 1.0
CANARY_EVERY_S: Final = 5
SERVED: Final = {"EXPORTGATE_CANARY_EVERY_S": str(CANARY_EVERY_S)}


@dataclass(frozen=True, slots=True)
class Drilled:
    """What one fault came to: whether its alert fired, after how long, and which else."""

    name: str
    alert: str
    after_s: float | None
    also: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run: 0 as it should be, 1 an alert was wrong or missing, 3 the stack did not start."""
    asked = _parser().parse_args(arguments)
    try:
        with World(instances=1, time_basis="log", extra=SERVED) as world:
            world.renew()
            world.start_services("drill")
            ports = {each.name: each.port for each in world.services}
            with monitored(world.folder / "prometheus", ports) as monitoring:
                _hasten(world.folder / "prometheus/config/rules", asked.hurry, monitoring)
                result = _drill(world, monitoring, asked)
    except StartFailed as error:
        say(str(error))
        return UNUSABLE
    sys.stdout.write(json.dumps(result) + "\n")
    return int(not result["ok"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.drill.run", description=__doc__)
    parser.add_argument("--seconds", type=float, default=900, help="of quiet")
    parser.add_argument("--seed", type=int, default=1, help="of the orders")
    parser.add_argument("--rate", type=float, default=20, help="orders a second")
    parser.add_argument("--hurry", type=int, default=1, help="divide what alerts wait for")
    parser.add_argument("--only", nargs="*", help="names of drills; absent: all")
    return parser


def _hasten(folder: Path, hurry: int, monitoring: Monitoring) -> None:
    """Divide every `for:` and have Prometheus read its rules again."""
    if hurry == 1:
        return
    for path in folder.glob("*.yml"):
        tree = yaml.safe_load(path.read_text())
        for rule in (rule for group in tree["groups"] for rule in group["rules"]):
            if "for" in rule:
                number, unit = int(rule["for"][:-1]), {"s": 1, "m": 60}[rule["for"][-1]]
                rule["for"] = f"{max(number * unit // hurry, 1)}s"
        path.write_text(yaml.safe_dump(tree, sort_keys=False))
    monitoring.reload()


def _drill(world: World, monitoring: Monitoring, asked: argparse.Namespace) -> dict[str, Any]:
    client = world.client()
    made = _orders(asked.seed, asked.seconds, asked.rate)
    import_licenses(client, made)
    say(f"quiet: {asked.seconds:.0f} s, {asked.rate:g} orders/s")
    quiet = _quiet(world, monitoring, made, asked.seconds)
    say(f"quiet: {sorted(quiet) or 'no alert fired'}")
    traffic = _traffic(world, _orders(asked.seed + 1, DRILLS_S, asked.rate), DRILLS_S)
    traffic.start()
    chosen = [each for each in DRILLS if not asked.only or each.name in asked.only]
    done = [_one(each, Scene(world, client), monitoring) for each in chosen]
    traffic.stop()
    missing = [each.name for each in done if each.after_s is None]
    return {
        "ok": not quiet and not missing,
        "quiet_s": asked.seconds, "rate": asked.rate, "quiet_orders": len(made.expected),
        "fired_in_quiet": sorted(quiet), "hurry": asked.hurry, "missing": missing,
        "drills": [
            {"drill": d.name, "alert": d.alert, "fired_after_s": d.after_s, "also": list(d.also)}
            for d in done
        ],
    }  # fmt: skip


def _orders(seed: int, seconds: float, rate: float) -> Scenario:
    """Orders of yesterday, all well-formed: what arrives in peace."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    return scenario(seed, int(seconds * rate), start=yesterday, end=yesterday)


def _traffic(world: World, made: Scenario, seconds: float) -> Traffic:
    return Traffic(world.kafka.bootstrap, made, seconds=seconds)


def _quiet(world: World, monitoring: Monitoring, made: Scenario, seconds: float) -> set[str]:
    """Let orders come in, and gather whatever fires."""
    traffic = _traffic(world, made, seconds)
    traffic.start()
    fired: set[str] = set()
    _until(lambda: not traffic.sender.is_alive(), seconds + 60,
           lambda: fired.update(monitoring.firing()))  # fmt: skip
    traffic.stop()
    return fired


def _one(drill: Drill, scene: Scene, monitoring: Monitoring) -> Drilled:
    """Do one fault, wait for its alert, undo it, and wait until the stack works again."""
    _until(lambda: drill.alert not in monitoring.firing(), WITHIN_S)
    before = monitoring.firing()
    began = time.monotonic()
    drill.do(scene)
    fired = _until(lambda: drill.alert in monitoring.firing(), WITHIN_S)
    after = round(time.monotonic() - began, 1) if fired else None
    also = tuple(sorted(monitoring.firing() - before - {drill.alert}))
    drill.undo(scene)
    say(f"{drill.name}: {drill.alert} {'after ' + str(after) + ' s' if fired else 'DID NOT FIRE'}"
        f"{', also ' + ', '.join(also) if also else ''}")  # fmt: skip
    return Drilled(drill.name, drill.alert, after, also)


def _until(
    done: Callable[[], bool], within_s: float, meanwhile: Callable[[], object] = bool
) -> bool:
    """Ask every second until it is so; answers whether it came to be in time."""
    end, tick = time.monotonic() + within_s, threading.Event()
    while not done():
        if time.monotonic() > end:
            return False
        meanwhile()
        tick.wait(TICK_S)
    return True


if __name__ == "__main__":
    sys.exit(main())
