"""The loop of one stage: poll → decode → judge → write → acknowledged → remember → commit.

Runs in one thread of its own; only the judgement happens in the service's Faust agent. Nothing is
committed or remembered that was not acknowledged, and a batch is judged once.
"""

import time
from collections.abc import Callable
from typing import Final

import structlog

from services.runtime import metrics
from services.runtime.codec import Raw, Read, Send
from services.runtime.crash import crash_point
from services.runtime.errors import Conflict, Unavailable
from services.runtime.garbage import collect_young
from services.runtime.metrics.observe import lagging, wrote
from services.runtime.remember import Remembered
from services.runtime.sink import Sink
from services.runtime.source import Source
from services.runtime.stage import Stage

log = structlog.get_logger()
BACKOFF_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)
LAG_EVERY_S: Final = 2.0
VALVE_EVERY_S: Final = 1.0


class Pump:
    """Moves one stage's records."""

    def __init__(
        self, *, stage: Stage, bootstrap: str, client: str, remembered: Remembered | None
    ) -> None:
        """Connect both ends."""
        self.stage = stage
        self.sink = Sink(bootstrap, client)
        self.source = Source(
            bootstrap=bootstrap, topic=stage.topic.name, group=stage.group, owner=self,
            client=client,
        )  # fmt: skip
        self._remembered = remembered
        self._backlog: list[Raw] = []
        self._began: dict[int, int] = {}
        self._polled_at = 0.0
        self._lag_at = 0.0
        self._valve_at = 0.0
        self._opened: str | None = None
        self.beat = time.monotonic()
        self.waiting_for = ""
        self.stopping = False
        self.joined = False
        self._reloading = False
        """Whether what was in memory is void, and not yet taken up again where it is remembered."""

    @property
    def waits_for(self) -> str:
        """The dependency that it waits for, in a batch or to load a partition."""
        return self.waiting_for or self.stage.loading_from

    @property
    def dependencies(self) -> dict[str, Callable[[], None]]:
        """How to ask each whether it answers."""
        asked = {"kafka": self.sink.ping}
        return asked if self._remembered is None else {**asked, "redis": self._remembered.ping}

    # One cycle, in the pump's thread

    def cycle(self) -> list[Read]:
        """Remember and commit what is due, and fetch the next batch."""
        self._retry(self._settle)
        self._write(self.stage.due())
        self._backlog += self.source.poll()
        self.beat = time.monotonic()
        self._watch()
        metrics.OLDEST_SECONDS.labels(self.stage.name).set(waited(self._backlog))
        if not self._backlog:
            return []
        self._polled_at = time.monotonic()
        self._retry(self.stage.prepare)
        raws, self._backlog = self._backlog, []
        self._began = {raw.partition: raw.offset for raw in reversed(raws)}
        return self.stage.read(raws)

    def finish(self, sends: list[Send]) -> None:
        """Write what a batch led to, unless somebody else may own its partitions by now."""
        if self.source.is_zombie and sends and not self._is_still_owner():
            log.warning("discarding output: partitions may be another's", stage=self.stage.name)
            self._forget()
            self._retry(self._reload)
            return
        self._write(sends)
        crash_point(f"{self.stage.name}:acknowledged")
        metrics.BATCH_SECONDS.labels(self.stage.name).observe(time.monotonic() - self._polled_at)

    def _is_still_owner(self) -> bool:
        """Ask the broker, by a commit of where this batch began: it refuses a former member."""
        try:
            self.source.commit(self._began, wait=True)
        except Unavailable:
            return False
        return True

    def _write(self, sends: list[Send]) -> None:
        outgoing = self.stage.outgoing(sends)
        if not outgoing:
            return
        crash_point(f"{self.stage.name}:before-produce")
        self.sink.send(outgoing)
        wrote(self.stage.name, outgoing)

    def _settle(self, *, force: bool = False) -> None:
        """Remember, then commit; both name acknowledged offsets only."""
        if self._reloading:
            self._reload()
        if not self.stage.may_settle(force=force):
            return
        try:
            self.stage.remember()
        except Conflict as conflict:
            log.warning("loading again", stage=self.stage.name, reason=str(conflict))
            metrics.CONFLICTS.labels(self.stage.name).inc()
            self._forget()
            self._reload()
            return
        if not self.stage.done:
            return
        crash_point(f"{self.stage.name}:remembered")
        self.source.commit(self.stage.committable(), wait=force)
        self.stage.done = {}
        crash_point(f"{self.stage.name}:committed")

    def _forget(self) -> None:
        """Drop what is in memory: it may say more than was written, and must not be remembered."""
        self._reloading = True
        self.stage.dropped(sorted(self.source.assigned))

    def _reload(self) -> None:
        """Take up every partition again at its remembered place. May raise Unavailable."""
        partitions = sorted(self.source.assigned)
        self.stage.done = {}
        self._backlog = []
        for partition, (committed, low, high) in self.source.positions(partitions).items():
            self.source.seek(partition, self.stage.gained(partition, committed, low, high))
        self._reloading = False

    def _retry(self, step: Callable[[], None]) -> None:
        """Do a step; while a dependency is away keep the place, and the partitions, and wait."""
        tries = 0
        while True:
            try:
                step()
            except Unavailable as error:
                if tries == 0:
                    log.warning("waiting", stage=self.stage.name, error=str(error))
                    self.source.pause()
                self.waiting_for = str(error)
                metrics.UNAVAILABLE.labels(self.stage.name).inc()
                time.sleep(BACKOFF_S[min(tries, len(BACKOFF_S) - 1)])
                tries += 1
                self._backlog += self.source.poll()
                self.source.pause()
                self.beat = time.monotonic()
                if self.stopping:
                    raise
            else:
                break
        if tries:
            self.waiting_for = ""
            self.source.resume()
            log.info("going on", stage=self.stage.name)

    def _watch(self) -> None:
        """Keep the gauges, the valve and stopped partitions."""
        now = time.monotonic()
        collect_young(refolding=self.stage.catching_up)
        metrics.LAST_PROGRESS.labels(self.stage.name).set_to_current_time()
        metrics.PARTITIONS_ASSIGNED.labels(self.stage.name).set(len(self.source.assigned))
        if now - self._lag_at > LAG_EVERY_S:
            self._lag_at = now
            lagging(self.stage.name, self.source.lag())
        metrics.VALVE_SHUT.labels(self.stage.name).set(int(self.stage.valve.shut))
        if self.stage.valve.shut and now - self._valve_at > VALVE_EVERY_S:
            self._valve_at = now
            self._wait_at_valve()

    def _wait_at_valve(self) -> None:
        """Stand still until an operator opens the valve (`exportgate valve open`)."""
        self.source.pause()
        try:
            word = self._remembered.flag(f"valve:{self.stage.name}") if self._remembered else None
        except Unavailable:
            return  # no word yet
        if self._opened is None:
            self._opened = word or ""
        if not word or word == self._opened:
            return
        self._opened = word
        self.stage.valve.open()
        for partition, offset in self.stage.rewind.items():
            self.source.seek(partition, offset)
        self.stage.rewind = {}
        self.source.resume()
        log.warning("the poison valve is open again", stage=self.stage.name)

    def problems(self) -> list[str]:
        """Say why the stage is not ready; empty: it is."""
        name, found = self.stage.name, []
        if not self.joined:
            found.append(f"{name}: has not joined its group yet")
        if waits := self.waits_for:
            found.append(f"{name}: waiting for {waits}")
        if self.stage.valve.shut:
            found.append(f"{name}: the poison valve is shut (`exportgate valve open {name}`)")
        found += [
            f"{name}: partition {at} stopped at a record without a key, or at a broken invariant"
            for at in sorted(self.stage.stopped)
        ]
        return found

    def close(self) -> None:
        """Remember and commit what was done, and leave the group."""
        self.stopping = True
        try:
            if not self._reloading:
                self._settle(force=True)
        except Unavailable as error:
            log.warning("stopping without remembering", stage=self.stage.name, error=str(error))
        self.source.close()

    # services.runtime.source.Owner

    def gained(self, partition: int, committed: int | None, low: int, high: int) -> int:
        """Load a partition."""
        self._forget_backlog([partition])
        self.joined = True
        return self.stage.gained(partition, committed, low, high)

    def losing(self, partitions: list[int]) -> None:
        """Remember and commit, then forget the partitions."""
        try:
            self.stage.remember()
            self.source.commit(self.stage.committable(), wait=True)
            self.stage.done = {}
        except (Unavailable, Conflict) as error:
            # The next owner finds what is missing in the log.
            log.warning("revoked without remembering", stage=self.stage.name, error=str(error))
        self.lost(partitions)

    def lost(self, partitions: list[int]) -> None:
        """Forget the partitions at once."""
        self._forget_backlog(partitions)
        self.stage.dropped(partitions)

    def _forget_backlog(self, partitions: list[int]) -> None:
        gone = set(partitions)
        self._backlog = [raw for raw in self._backlog if raw.partition not in gone]


def waited(backlog: list[Raw]) -> float:
    """Tell how long the first record of a batch had waited when it was taken, in seconds."""
    return max(time.time() - backlog[0].timestamp_ms / 1000, 0.0) if backlog else 0.0
