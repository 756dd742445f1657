"""A duo whose answers may come late, whose re-checks are determined, whose releases grow stale."""

import random
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from schemas.base import Model
from schemas.checks import DeadlineDue, ReleaseStale
from schemas.decisions import OrderReleased
from schemas.envelope import Output
from schemas.orders import RecheckRequested
from schemas.topics import CHECKS, LICENSES, ORDERS
from services.hold_release.gate import deadlines as order_deadlines
from services.hold_release.state import ORDER, OrderState
from services.license_check.book import LICENSE, License
from services.license_check.register import deadlines as license_deadlines
from tests.support.duo import Duo

INSTANT = timedelta(milliseconds=1)
Way = deque[tuple[str, Model]]


class LateDuo(Duo):
    """Each topic keeps its order; between them anything may overtake."""

    def __init__(
        self, rng: random.Random, determine: Callable[[RecheckRequested], Model], stale: float
    ) -> None:
        super().__init__()
        self.rng, self.determine, self.stale = rng, determine, stale
        self.ways: dict[str, Way] = {t.name: deque() for t in (LICENSES, CHECKS, ORDERS)}
        self.stopped: set[str] = set()
        """Topics that nobody reads for a while."""
        self._busy = False

    def _pass_on(self, outputs: tuple[Output, ...]) -> None:
        for one in outputs:
            if isinstance(one.event, OrderReleased) and self.rng.random() < self.stale:
                self.ways[CHECKS.name].append((one.key, _held_back(one.event)))
                continue
            self.said.append(one)
            if one.topic in self.ways:
                self.ways[one.topic].append((one.key, one.event))
        self.catch_up()

    def catch_up(self) -> None:
        """Read what is read now, in any order."""
        if self._busy:
            return
        self._busy = True
        while ready := [t for t, way in self.ways.items() if way and t not in self.stopped]:
            topic = self.rng.choice(ready)
            key, event = self.ways[topic].popleft()
            if topic == LICENSES.name:
                self._pass_on(self._ledger(event, key, INSTANT))
            elif topic == CHECKS.name:
                self._pass_on(self._gate(event, key, INSTANT))
            elif isinstance(event, RecheckRequested):
                self._pass_on(self._gate(self.determine(event), key, INSTANT))
        self._busy = False

    def rest(self) -> None:
        """Read all there is."""
        self.stopped.clear()
        self.catch_up()

    def pass_time(self, by: timedelta) -> None:
        """Time passes; the deadlines of orders and licenses are told."""
        self._together()
        self.gate.now += by
        self._together()
        for key, aggregate in list(self.gate.aggregates.items()):
            order = aggregate[ORDER]
            assert isinstance(order, OrderState)
            for told in self._due(key, order_deadlines(order)):
                self._pass_on(self._gate(told, key, timedelta(0)))
        for key, aggregate in list(self.ledger.aggregates.items()):
            license_ = aggregate[LICENSE]
            assert isinstance(license_, License)
            for told in self._due(key, license_deadlines(license_)):
                self._pass_on(self._ledger(told, key, timedelta(0)))

    def _due(self, key: str, found: list[tuple[str, datetime]]) -> list[Model]:
        told = [{"entity": key, "deadline": name, "due": due} for name, due in found]
        events = [DeadlineDue.model_validate(each) for each in told]
        return [each for each in events if each.due <= self.gate.now]


def _held_back(event: OrderReleased) -> ReleaseStale:
    return ReleaseStale(
        order_source=event.order_source, order_id=event.order_id, decision_id=event.decision_id
    )
