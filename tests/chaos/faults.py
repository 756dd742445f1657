"""What is done to the stack, when: a seeded schedule, and the hand that does it."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from infra.local.services import Service
from tests.chaos.world import World

Kind = Literal["kill", "pause", "resume", "redis_kill", "flushall", "broker_restart"]
KILL_EVERY_S: Final = 5.0
PAUSE_S: Final = 20.0
TICK_S: Final = 0.1


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing to do, so many seconds after the start."""

    at: float
    kind: Kind


def schedule(seconds: float) -> list[Fault]:
    """A kill every five seconds, and each of the rarer faults once, apart from each other."""
    kills = [Fault(at * KILL_EVERY_S, "kill") for at in range(1, int(seconds / KILL_EVERY_S) + 1)]
    pause = min(PAUSE_S, seconds / 3)
    rare = [
        Fault(seconds * 0.12, "pause"),
        Fault(seconds * 0.12 + pause, "resume"),
        Fault(seconds * 0.52, "redis_kill"),
        Fault(seconds * 0.68, "flushall"),
        Fault(seconds * 0.84, "broker_restart"),
    ]
    return sorted([*kills, *rare])


class Hand:
    """Does the faults, and restarts what has ended, as a supervisor would."""

    def __init__(self, world: World, seed: int, say: Callable[[str], None]) -> None:
        """Know what there is to break."""
        self._world = world
        self._choice = random.Random(f"faults-{seed}")
        self._say = say
        self._paused: Service | None = None
        self.done: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        """Processes that ended by themselves, by name and exit code."""

    def do(self, fault: Fault) -> None:
        """Do one fault."""
        self.done[fault.kind] += 1
        actions: dict[Kind, Callable[[], str]] = {
            "kill": self._kill, "pause": self._pause, "resume": self.resume,
            "redis_kill": self._redis, "flushall": self._flush, "broker_restart": self._broker,
        }  # fmt: skip
        began = time.monotonic()
        what = actions[fault.kind]()
        self._say(f"{fault.at:5.1f} s  {what} ({time.monotonic() - began:.1f} s)")

    def _kill(self) -> str:
        running = [s for s in self._world.services if s.running and s is not self._paused]
        victim = self._choice.choice(running)
        victim.kill()
        victim.launch()
        return f"kill -9 {victim.instance}, restarted"

    def _pause(self) -> str:
        self._paused = self._choice.choice([s for s in self._world.services if s.running])
        self._paused.pause()
        return f"paused {self._paused.instance}"

    def resume(self) -> str:
        """Let go on what is paused."""
        resumed, self._paused = self._paused, None
        if resumed is None:
            return "nothing is paused"
        resumed.resume()
        return f"resumed {resumed.instance}"

    def _redis(self) -> str:
        self._world.redis.kill()
        self._world.redis.start()
        return "Redis killed, and back empty"

    def _flush(self) -> str:
        self._world.flush_redis()
        return "FLUSHALL"

    def _broker(self) -> str:
        self._world.kafka.kill()
        self._world.kafka.start()
        return "broker killed and restarted"

    def supervise(self) -> None:
        """Start again what has ended by itself."""
        for service in self._world.services:
            if service is not self._paused and not service.running:
                child = service.process._child
                code = None if child is None else child.returncode
                self.ended[f"{service.name}: {code}"] += 1
                self._say(f"         {service.instance} ended with {code}, restarted")
                service.launch()
