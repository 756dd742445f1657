"""The hash chain of one partition's decisions, checked by their bytes alone: no gap, no fork."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from schemas.fold import GENESIS
from schemas.topics import CHECKS
from services.replay.errors import Finding
from services.replay.links import cause_of
from services.runtime.codec import Raw

_CHAIN: Final = b'"chain":{'


@dataclass(slots=True)
class ChainCheck:
    """Takes every decision of a partition, in any order."""

    partition: int
    findings: list[Finding] = field(default_factory=list)
    by_index: dict[int, tuple[str, str, str]] = field(default_factory=dict)
    """(SHA-256, prev, place) of what stands at an index."""
    by_cause: dict[int, tuple[int, str]] = field(default_factory=dict)
    """By offset in `orders.checks`: where the chain stood when that record was folded."""

    def take(self, raw: Raw) -> None:
        """Take a decision."""
        place = f"{raw.topic}/{raw.partition}/{raw.offset}"
        value = raw.value or b""
        try:
            chain = _chain_of(value)
            index, prev = int(chain["index"]), str(chain["prev"])
            partition = int(chain["partition"])
        except (ValueError, KeyError, TypeError):
            self._wrong(place, "names no place in the chain")
            return
        if partition != self.partition:
            self._wrong(place, f"names the chain of partition {partition}")
            return
        sha256 = hashlib.sha256(value).hexdigest()
        known = self.by_index.setdefault(index, (sha256, prev, place))
        if known[0] != sha256:
            self._wrong(place, f"a fork: index {index} also stands at {known[2]}, and says else")
            return
        offset = _folded_at(raw, value, self.partition)
        first = self.by_cause.get(offset, (index, prev))
        self.by_cause[offset] = min(first, (index, prev))

    def check(self, held_back: dict[int, str]) -> None:
        """Check links and gaps. At `held_back` indexes stands a release that was never sent."""
        known = {index: sha256 for index, (sha256, _, _) in self.by_index.items()} | held_back
        for index, (_, prev, place) in sorted(self.by_index.items()):
            before = GENESIS if index == 0 else known.get(index - 1)
            if before is None:
                self._wrong(place, f"a gap: nothing stands at index {index - 1} of the chain")
            elif before != prev:
                self._wrong(place, f"does not follow what stands at index {index - 1}")

    def _wrong(self, place: str, text: str) -> None:
        self.findings.append(Finding("chain", place, text, record=place))


def _chain_of(value: bytes) -> dict[str, Any]:
    """Read the link, which our writers put last; else look for it in the whole value."""
    at = value.rfind(_CHAIN)
    try:
        found: dict[str, Any] = orjson.loads(value[at + len(_CHAIN) - 1 : -1])
    except orjson.JSONDecodeError:
        found = orjson.loads(value)["chain"]
    return found


def _folded_at(raw: Raw, value: bytes, partition: int) -> int:
    """The offset in `orders.checks` whose fold made a decision, as its value or its header says."""
    mark = f'"caused_by":"{CHECKS.name}/{partition}/'.encode()
    at = value.rfind(mark)
    if at >= 0:
        number = value[at + len(mark) : at + len(mark) + 20].partition(b'"')[0]
        if number.isdigit():
            return int(number)
    cause = cause_of(raw.headers)
    return cause[1] if cause is not None else -1
