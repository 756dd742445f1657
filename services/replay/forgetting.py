"""What folds forget: at the same offsets as the services, by the same log time."""

import heapq
from collections.abc import Callable, Mapping
from datetime import datetime

from schemas.base import Model
from schemas.fold import Forget, Partition


class Fading:
    """What of one partition will be long over, and when, so that nobody has to look at all of it.

    The runtime's memory walks over everything at an offset where a fold forgets; the same is found.
    """

    def __init__(self, forget: Forget) -> None:
        """Nothing is known yet."""
        self._forget = forget
        self._waiting: list[tuple[datetime, str, str]] = []

    def note(self, key: str, changes: Mapping[str, Model | None]) -> None:
        """Take what a step changed."""
        for name, entity in changes.items():
            due = None if entity is None else self._forget(entity)
            if due is not None:
                heapq.heappush(self._waiting, (due, key, name))

    def over(
        self, partition: Partition, known: Callable[[str, str], Model | None]
    ) -> list[tuple[str, str]]:
        """Name what is to be dropped before such an offset is folded: aggregate, entity."""
        found: dict[tuple[str, str], None] = {}
        while self._waiting and self._waiting[0][0] <= partition.log_time:
            due, key, name = heapq.heappop(self._waiting)
            entity = known(key, name)
            if entity is not None and self._forget(entity) == due:
                found[key, name] = None
        return list(found)


class Aggregates:
    """The memory of a fold over one partition, as its service has it."""

    def __init__(self, forget: Forget) -> None:
        """Know nothing."""
        self._known: dict[str, dict[str, Model]] = {}
        self._fading = Fading(forget)

    def of(self, key: str) -> dict[str, Model]:
        """The aggregate under a key, as the fold takes it."""
        return self._known.get(key, {})

    def put(self, key: str, changes: Mapping[str, Model | None]) -> None:
        """Take what a step changed."""
        if not changes:
            return
        aggregate = self._known.setdefault(key, {})
        for name, entity in changes.items():
            if entity is None:
                aggregate.pop(name, None)
            else:
                aggregate[name] = entity
        self._fading.note(key, changes)

    def drop(self, key: str) -> None:
        """Of a key nothing will be asked any more."""
        self._known.pop(key, None)

    def forget_old(self, partition: Partition) -> None:
        """Drop what is long over, as the runtime's memory does before it folds such an offset."""
        for key, name in self._fading.over(partition, lambda key, name: self.of(key).get(name)):
            aggregate = self._known[key]
            del aggregate[name]
            if not aggregate:
                del self._known[key]
