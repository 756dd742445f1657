"""A ledger's partition in memory, fed with events, as the stage that hosts it does."""

from datetime import timedelta
from typing import Final

from schemas.base import Model
from schemas.envelope import Output
from schemas.fold import Partition
from services.license_check import ledger
from services.license_check.service import decode
from services.runtime.memory import Memory
from services.runtime.remember import Place
from tests.support.builders import T0
from tests.support.wire import reading

DECODE: Final = decode


class Feed:
    """Appends events to one partition of `licenses` and folds them into a memory."""

    def __init__(self, place: Place, memory: Memory | None = None) -> None:
        self.place = place
        self.memory = memory or Memory(partition=Partition(place.partition), whole=True)

    def say(self, *events: Model, key: str = "cn-1") -> tuple[Output, ...]:
        """Fold events one after the other."""
        outputs: tuple[Output, ...] = ()
        for event in events:
            at = T0 + timedelta(seconds=self.memory.offset)
            one = reading(event, key, "licenses", offset=self.memory.offset, at=at)
            outputs += tuple(self.memory.fold(ledger.fold, one))
        return outputs


def content(memory: Memory) -> dict[tuple[str, str], str]:
    """All entities, to compare."""
    return {(key, name): entity.model_dump_json() for key, name, entity in memory.entities()}
