"""A partition is loaded while Redis is silent: the stage says what it waits for meanwhile."""

from typing import Any

from schemas.topics import CHECKS
from services.runtime.errors import Unavailable
from services.runtime.folded import Folded, Folding
from services.runtime.memory import Memory
from services.runtime.remember import Decode, Place, Remembered


class SilentAtFirst(Remembered):
    """A Redis that answers the second time, and then has nothing."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1/0")
        self.stage: Any = None
        self.seen: list[str] = []

    def load(self, place: Place, decode: Decode) -> Memory | None:
        del place, decode
        self.seen.append(self.stage.loading_from)
        if len(self.seen) == 1:
            raise Unavailable("Redis: Timeout reading from socket")
        return None

    def stands_at(self, place: Place) -> str:
        del place
        return ""


def test_a_load_says_what_it_waits_for_and_then_no_more() -> None:
    redis, nothing = SilentAtFirst(), None
    stage = Folded(
        name="gate", topic=CHECKS, partitions=12, remembered=redis, reader=nothing,  # type: ignore[arg-type]
        folding=Folding(fold=nothing, decode=nothing, due=lambda entity: []),  # type: ignore[arg-type]
        place_of=lambda at: Place("c", CHECKS.name, "t", at, "gate", 1),
    )  # fmt: skip
    redis.stage = stage

    assert stage.gained(0, None, 0, 0) == 0

    assert redis.seen == ["", "Redis: Timeout reading from socket"]
    assert stage.loading_from == ""
