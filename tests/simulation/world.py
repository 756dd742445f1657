"""Gate and ledger as the runtime runs them, on simulated partitioned logs, with seeded faults.

Records are bytes: every event is encoded, given headers, read by the codec and folded by the
runtime's own `Memory`; what Redis would keep is kept as bytes. Simulated are the broker (a list of
records a partition, stamped as they are appended), the clock, Redis and the processes.
"""

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from schemas.base import Model
from schemas.checks import DeadlineDue, ReleaseStale
from schemas.decisions import OrderReleased
from schemas.envelope import Output, Recorded, derived_id
from schemas.fold import Fold, Partition
from schemas.orders import RecheckRequested
from schemas.topics import CHECKS, DECISIONS, LICENSES, ORDERS
from services.hold_release.gate import Gate
from services.hold_release.gate import deadlines as gate_deadlines
from services.hold_release.state import OrderState
from services.license_check import ledger
from services.license_check.book import License
from services.license_check.register import deadlines as license_deadlines
from services.license_check.service import decode as decode_ledger
from services.runtime.codec import Raw, Read, Send, read, written
from services.runtime.memory import Memory, digest_of
from services.runtime.murmur import partition_of
from tests.support.builders import T0

PARTITIONS: Final = 3
STALE: Final = timedelta(seconds=30)
STEP: Final = timedelta(milliseconds=7)


@dataclass
class Faults:
    """How often what goes wrong, in a hundred batches."""

    rng: random.Random
    crash_before_produce: int = 0
    crash_after_produce: int = 0
    crash_after_remember: int = 0
    redis_lost: int = 0
    zombie: int = 0
    stall: int = 0
    repeat: int = 0

    def strikes(self, name: str) -> bool:
        """Roll the dice."""
        chance: int = getattr(self, name)
        return bool(chance) and self.rng.randrange(100) < chance


@dataclass
class Kept:
    """What Redis keeps of one partition, and what the broker keeps of its reader."""

    committed: int = 0
    meta: tuple[Partition, int, str] | None = None
    entities: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where it stands; empty where it has nothing."""
        return "" if self.meta is None else f"{self.meta[1]}:{self.meta[2]}"


class Host:
    """One fold over one topic: per partition a memory, a place in Redis, a committed offset."""

    def __init__(
        self, world: "World", topic: str, fold: Fold, decode: Callable[[str, bytes], Model],
        due: Callable[[Any], list[tuple[str, datetime]]],
    ) -> None:  # fmt: skip
        self.world, self.topic, self.fold, self.due = world, topic, fold, due
        self._decode = decode
        self.kept = [Kept() for _ in range(PARTITIONS)]
        self.memories = [self._load(at) for at in range(PARTITIONS)]
        self._reminded: dict[tuple[str, str], datetime] = {}

    def _load(self, at: int) -> Memory:
        """Take up a partition: from Redis, or from the start of the log."""
        kept = self.kept[at]
        memory = Memory(partition=Partition(at), whole=True)
        if kept.meta is not None:
            memory.partition, memory.offset, memory.chain = kept.meta
            memory.whole = False
            for name, value in kept.entities.items():
                memory.put(name, self._decode(name.decode(), value), digest_of(name, value))
        memory.emit_from = kept.committed
        memory.remembered_at = kept.place
        return memory

    def waiting(self) -> list[int]:
        """List the partitions with something to read."""
        logs = self.world.logs[self.topic]
        return [at for at in range(PARTITIONS) if self.memories[at].offset < len(logs[at])]

    def batch(self, at: int) -> None:
        """Poll → fold → produce → remember → commit; anything may happen in between."""
        faults, memory = self.world.faults, self.memories[at]
        log = self.world.logs[self.topic][at]
        start = memory.offset
        sends: list[Send] = []
        behind = max(self.kept[at].committed - start, 0)
        for one in log[start : start + behind + faults.rng.randrange(1, 5)]:
            for output in memory.fold(self.fold, one):
                sends.append(written(output, one.record, f"/exportgate/{self.topic}"))
        if faults.strikes("stall"):
            self.world.now += timedelta(seconds=faults.rng.choice([3, 12, 45]))
        if faults.strikes("crash_before_produce"):
            self._crash(at)
            return
        self._produce(sends)
        if faults.strikes("zombie"):
            self.world.later.append(lambda: self._produce(sends))
        if faults.strikes("crash_after_produce"):
            self._crash(at)
            return
        if memory.remembered_at != self.kept[at].place:  # compare-and-set: Redis lost it
            self.memories[at] = self._load(at)
            return
        self._remember(at)
        if faults.strikes("crash_after_remember"):
            self._crash(at)
            return
        self.kept[at].committed = memory.offset

    def _produce(self, sends: list[Send]) -> None:
        for send in sends:
            self.world.append(self._looked_over(send))

    def _looked_over(self, send: Send) -> Send:
        """Hold back a release that rests on too old a record, as the runtime does."""
        event = send.event
        young = send.caused_at is not None and send.caused_at >= self.world.now - STALE
        if not isinstance(event, OrderReleased) or young:
            return send
        notice = ReleaseStale(
            order_source=event.order_source,
            order_id=event.order_id,
            decision_id=event.decision_id,
        )
        return self.world.own(CHECKS.name, event.key, notice, f"stale/{event.decision_id}")

    def _remember(self, at: int) -> None:
        memory, kept = self.memories[at], self.kept[at]
        if memory.whole:
            kept.entities.clear()
        for name, value in memory.take_changes().items():
            if value is None:
                kept.entities.pop(name, None)
            else:
                kept.entities[name] = value
        memory.whole = False
        kept.meta = (memory.partition, memory.offset, memory.chain)
        memory.remembered_at = kept.place
        assert memory.sum == sum(digest_of(n, v) for n, v in kept.entities.items()) % 2**256

    def _crash(self, at: int) -> None:
        """The process is gone, and sometimes Redis with it."""
        if self.world.faults.strikes("redis_lost"):
            for kept in self.kept:
                kept.meta, kept.entities = None, {}
        self.memories[at] = self._load(at)

    def append_deadlines(self) -> bool:
        """Append every deadline that is due and was not just appended."""
        found = False
        for memory in self.memories:
            for key, name, entity in memory.entities():
                if name:
                    continue
                for deadline, moment in self.due(entity):
                    if moment <= self.world.now and self._reminds(key, deadline, moment):
                        self._append_deadline(key, deadline, moment)
                        found = True
        return found

    def _reminds(self, key: str, deadline: str, moment: datetime) -> bool:
        last = self._reminded.get((key, deadline))
        self._reminded[key, deadline] = moment
        return last != moment

    def _append_deadline(self, key: str, deadline: str, moment: datetime) -> None:
        event = DeadlineDue.model_validate({"entity": key, "deadline": deadline, "due": moment})
        self.world.append(
            self.world.own(self.topic, key, event, f"{key}/{deadline}/{moment.isoformat()}")
        )


class World:
    """Topics, both folds, the clock, and whoever determines orders again."""

    def __init__(self, faults: Faults, determine: Callable[[RecheckRequested], Model]) -> None:
        self.faults = faults
        self.now = T0
        self.logs: dict[str, list[list[Read]]] = defaultdict(
            lambda: [[] for _ in range(PARTITIONS)]
        )
        self.later: list[Callable[[], None]] = []
        self._determine = determine
        self.gate = Host(
            self, CHECKS.name, Gate(),
            lambda _, value: OrderState.model_validate_json(value),
            lambda entity: gate_deadlines(entity) if isinstance(entity, OrderState) else [],
        )  # fmt: skip
        self.ledger = Host(
            self, LICENSES.name, ledger.fold, decode_ledger,
            lambda entity: license_deadlines(entity) if isinstance(entity, License) else [],
        )  # fmt: skip

    def append(self, send: Send) -> None:
        """Append a record; the broker stamps it. Re-checks go to whoever determines them."""
        self.now += STEP
        assert send.key is not None
        at = partition_of(send.key, PARTITIONS)
        log = self.logs[send.topic][at]
        raw = Raw(
            send.topic, at, len(log), send.key, send.value, send.headers,
            int(self.now.timestamp() * 1000),
        )  # fmt: skip
        one = read(raw, PARTITIONS)
        assert not one.unreadable, one.record.event
        log.append(one)
        if send.topic == ORDERS.name:
            self.later.append(lambda: self.append(self._determined(one)))

    def _determined(self, one: Read) -> Send:
        event = self._determine(one.record.event)
        output = Output(CHECKS.name, one.record.key, derived_id(one.record.id, "assessed"), event)
        return written(output, one.record, "/exportgate/determine")

    def own(self, topic: str, key: str, event: Model, identity: str) -> Send:
        """Write an event that no record caused."""
        nowhere = Recorded(
            event=event, id=identity, source="sim", time=self.now, topic=topic, partition=-1,
            offset=-1, key=key, logged_at=self.now,
        )  # fmt: skip
        return written(Output(topic, key, derived_id(identity), event), nowhere, "/sim")

    def say(self, topic: str, key: str, event: Model, identity: str) -> None:
        """Somebody outside says something, perhaps more than once."""
        send = self.own(topic, key, event, identity)
        self.append(send)
        if self.faults.strikes("repeat"):
            self.later.append(lambda: self.append(send))

    def work(self, steps: int) -> None:
        """Let the folds and the stragglers take turns for a while."""
        for _ in range(steps):
            if not self.turn():
                return

    def turn(self) -> bool:
        """Do one thing that can be done now; tell whether there was one."""
        ready: list[Callable[[], None]] = []
        for host in (self.gate, self.ledger):
            for at in host.waiting():
                ready.append(lambda host=host, at=at: host.batch(at))  # type: ignore[misc]
        if self.later:
            ready.append(self._straggler)
        if not ready:
            return False
        self.faults.rng.choice(ready)()
        if self.faults.rng.randrange(8) == 0:
            self.gate.append_deadlines()
            self.ledger.append_deadlines()
        return True

    def _straggler(self) -> None:
        at = self.faults.rng.randrange(len(self.later))
        self.later.pop(at)()

    def rest(self, limit: int = 20_000) -> None:
        """Work until nothing is left to do and no deadline is due."""
        for _ in range(limit):
            if self.turn():
                continue
            due = [self.gate.append_deadlines(), self.ledger.append_deadlines()]
            if not any(due):
                return
        raise AssertionError("the world does not come to rest")

    def decisions(self) -> list[Read]:
        """Everything in `orders.decisions`, partition by partition."""
        return [one for log in self.logs[DECISIONS.name] for one in log]
