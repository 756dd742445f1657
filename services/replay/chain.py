"""The hash chain of one partition's decisions, checked by their bytes alone: no gap, no fork."""

import hashlib
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final

import orjson

from schemas.fold import GENESIS
from schemas.topics import CHECKS, DECISIONS
from services.replay.errors import Finding
from services.replay.links import cause_of
from services.runtime.codec import Raw

_CHAIN: Final = b'"chain":{'
_LINK: Final = Struct(">32s32sq")
"""SHA-256 of a decision, that of the one before, and its offset: there are two an order."""
_GENESIS: Final = bytes.fromhex(GENESIS)


@dataclass(slots=True)
class ChainCheck:
    """Takes every decision of a partition, in any order."""

    partition: int
    findings: list[Finding] = field(default_factory=list)
    by_index: dict[int, bytes] = field(default_factory=dict)
    """What stands at an index, packed: SHA-256, prev, offset."""
    by_cause: dict[int, int] = field(default_factory=dict)
    """By offset in `orders.checks`: the first index that was written when it was folded."""

    def take(self, raw: Raw) -> None:
        """Take a decision."""
        place = f"{raw.topic}/{raw.partition}/{raw.offset}"
        value = raw.value or b""
        try:
            chain = _chain_of(value)
            index, prev = int(chain["index"]), _digest(chain["prev"])
            partition = int(chain["partition"])
        except (ValueError, KeyError, TypeError):
            self._wrong(place, "names no place in the chain")
            return
        if partition != self.partition:
            self._wrong(place, f"names the chain of partition {partition}")
            return
        sha256 = hashlib.sha256(value).digest()
        known = self.by_index.setdefault(index, _LINK.pack(sha256, prev, raw.offset))
        before, _, at = _LINK.unpack(known)
        if before != sha256:
            first = self._place(at)
            self._wrong(place, f"a fork: index {index} also stands at {first}, and says else")
            return
        offset = _folded_at(raw, value, self.partition)
        self.by_cause[offset] = min(self.by_cause.get(offset, index), index)

    def stood(self, offset: int) -> tuple[int, str] | None:
        """Where the chain stood when a record of `orders.checks` was folded: index, prev."""
        index = self.by_cause.get(offset)
        return None if index is None else (index, _LINK.unpack(self.by_index[index])[1].hex())

    def check(self, held_back: dict[int, bytes], *, pruned: bool = False) -> None:
        """Check links and gaps. At `held_back` indexes stands a release that was never sent.

        Where retention took what came first, nothing stands before the first that is left.
        """
        first = min(self.by_index, default=0) if pruned else 0
        for index, packed in sorted(self.by_index.items()):
            if index == first > 0:
                continue
            _, prev, at = _LINK.unpack(packed)
            before = _GENESIS if index == 0 else self._sha256(index - 1, held_back)
            if before is None:
                text = f"a gap: nothing stands at index {index - 1} of the chain"
                self._wrong(self._place(at), text)
            elif before != prev:
                self._wrong(self._place(at), f"does not follow what stands at index {index - 1}")

    def _sha256(self, index: int, held_back: dict[int, bytes]) -> bytes | None:
        known = self.by_index.get(index)
        return held_back.get(index, None if known is None else _LINK.unpack(known)[0])

    def _place(self, offset: int) -> str:
        return f"{DECISIONS.name}/{self.partition}/{offset}"

    def _wrong(self, place: str, text: str) -> None:
        self.findings.append(Finding("chain", place, text, record=place))


def _digest(text: str) -> bytes:
    """Read a SHA-256. Raises ValueError where it is none."""
    found = bytes.fromhex(text)
    if found.hex() != text or len(found) != hashlib.sha256().digest_size:
        raise ValueError(text)
    return found


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
