"""Redis, where folds are remembered: compare-and-set per partition, and sums that must add up.

The log is the truth. Whoever writes first from a place wrote the right state, for the fold is
deterministic; so there is no lock, lease or epoch, only (offset, chain) compared and set.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import redis
from redis.exceptions import NoScriptError

from schemas.base import Model
from schemas.fold import Partition
from services.runtime.errors import Conflict, Unavailable
from services.runtime.memory import MODULUS, Memory, digest_of, is_root

CHUNK: Final = 2_000
"""Entities per call when a whole state is written."""
_WRITE: Final = """
local at = redis.call('HGET', KEYS[1], 'at') or ''
if at ~= ARGV[1] then return 0 end
local space = KEYS[2]
local sets, deletions = tonumber(ARGV[4]), tonumber(ARGV[5])
local offset = ARGV[6]
local next = 7
for i = 1, sets do
  redis.call('HSET', space, ARGV[next], ARGV[next + 1])
  if ARGV[next + 2] ~= '' then redis.call('ZADD', KEYS[3], offset, ARGV[next + 2]) end
  next = next + 3
end
for i = 1, deletions do
  redis.call('HDEL', space, ARGV[next])
  redis.call('ZREM', KEYS[3], ARGV[next])
  next = next + 1
end
redis.call('HSET', KEYS[1], 'at', ARGV[2], 'meta', ARGV[3])
return 1
"""
_CHANGED: Final = """
local meta = redis.call('HGET', KEYS[1], 'meta')
if not meta then return {false, {}} end
local space = cjson.decode(meta)['space']
local names = redis.call('ZRANGEBYSCORE', KEYS[1] .. ':index:' .. space, ARGV[1], '+inf')
local found = {}
for _, name in ipairs(names) do
  found[#found + 1] = name
  found[#found + 1] = redis.call('HGET', KEYS[1] .. ':' .. space, name)
end
return {meta, found}
"""
_STANDING: Final = """
local found = {}
for at, key in ipairs(KEYS) do found[at] = redis.call('HGET', key, 'at') or '' end
return found
"""
"""One command: as many as there are partitions take the client five times as long to write."""
LOAD_TRIES: Final = 3
"""A state written while it is read does not add up; it is read again so often."""
Decode = Callable[[str, bytes], Model]
Changes = dict[bytes, bytes | None]
"""Serialised entities by name; None: forgotten."""


@dataclass(frozen=True, slots=True)
class Place:
    """Whose state: everything that must agree before a remembered state may be used."""

    cluster: str
    topic: str
    topic_id: str
    partition: int
    group: str
    version: int

    @property
    def key(self) -> str:
        """Redis key; the braces keep one partition on one node of a cluster."""
        return (
            f"exportgate:{{{self.cluster}:{self.topic}:{self.topic_id}:{self.partition}:"
            f"{self.group}:v{self.version}}}"
        )


class Remembered:
    """Remembers partitions of folds in Redis."""

    def __init__(self, url: str) -> None:
        """Connect lazily."""
        self._redis = redis.Redis.from_url(
            url, socket_timeout=5, socket_connect_timeout=2, health_check_interval=30
        )
        self._write = self._redis.register_script(_WRITE)
        self._changed = self._redis.register_script(_CHANGED)
        self._standing = self._redis.register_script(_STANDING)

    def ping(self) -> None:
        """Ask whether Redis is there. Raises Unavailable."""
        self._call(self._redis.ping)

    def _call(self, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except NoScriptError:
            raise
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"Redis: {error}") from error

    def load(self, place: Place, decode: Decode) -> Memory | None:
        """Load a partition; None where nothing is remembered or it does not add up.

        Even then the place Redis stands at is returned by `stands_at`, for the next write.
        """
        for _ in range(LOAD_TRIES):
            at = self.stands_at(place)
            meta_raw = self._call(lambda: self._redis.hget(place.key, "meta"))
            if meta_raw is None:
                return None
            try:
                memory = self._load(place, json.loads(meta_raw), decode)
            except (ValueError, KeyError, TypeError):
                memory = None
            if memory is not None or self.stands_at(place) == at:
                return memory
        return None

    def _load(self, place: Place, meta: dict[str, Any], decode: Decode) -> Memory | None:
        memory = Memory(
            partition=Partition(
                number=place.partition,
                log_time=datetime.fromisoformat(meta["log_time"]),
                chain_index=meta["chain_index"],
                chain_prev=meta["chain_prev"],
            ),
            offset=meta["offset"],
            chain=meta["chain"],
            last_digest=meta["last_sha256"],
            version=meta["version"],
            space=meta["space"],
        )
        if self.stands_at(place) != memory.place:
            return None
        memory.remembered_at = memory.place
        space = f"{place.key}:{meta['space']}"
        for name, value in self._call(lambda: list(self._redis.hscan_iter(space, count=CHUNK))):
            memory.put(name, decode(name.decode(), value), digest_of(name, value))
        return memory if f"{memory.sum:064x}" == meta["sum"] else None

    def stands_at(self, place: Place) -> str:
        """Tell the place Redis stands at; empty where it has nothing."""
        found = self._call(lambda: self._redis.hget(place.key, "at"))
        return found.decode() if found else ""

    def stand_at(self, places: list[Place]) -> list[str]:
        """Tell the places Redis stands at, of several partitions in one call."""

        keys = [place.key for place in places]
        return [found.decode() for found in self._call(lambda: self._standing(keys=keys))]

    def write(self, memories: Mapping[Place, Memory]) -> None:
        """Write what changed of each partition, if Redis stands where it was last seen.

        Raises Conflict if it stands elsewhere. Where Redis does not answer, what changed is
        written with the next call.
        """
        changed = [(place, memory, memory.take_changes()) for place, memory in memories.items()]
        try:
            self._write_all(changed)
        except Unavailable:
            for _, memory, changes in changed:
                memory.give_back(changes)
            raise

    def _write_all(self, changed: list[tuple[Place, Memory, Changes]]) -> None:
        old = {place: self._space(place) for place, memory, _ in changed if memory.whole}
        for place, memory, changes in changed:
            if memory.whole:
                memory.space = secrets.token_hex(8)
                self._write_whole(place, memory, changes)
                changes.clear()
        self._compare_and_set(changed)
        for place, memory, _ in changed:
            memory.whole = False
            if space := old.get(place):
                self._unlink(f"{place.key}:{space}", f"{place.key}:index:{space}")

    def _unlink(self, *keys: str) -> None:
        self._call(lambda: self._redis.unlink(*keys))

    def _compare_and_set(self, changed: list[tuple[Place, Memory, Changes]]) -> None:
        """Set every partition in one round trip; each stands or falls alone."""

        def send() -> list[Any]:
            pipe = self._redis.pipeline(transaction=False)
            for place, memory, changes in changed:
                space = memory.space
                keys = [place.key, f"{place.key}:{space}", f"{place.key}:index:{space}"]
                pipe.evalsha(self._write.sha, len(keys), *keys, *_arguments(memory, changes))
            return list(pipe.execute())

        try:
            outcomes = self._call(send)
        except NoScriptError:
            self._call(lambda: self._redis.script_load(_WRITE))
            outcomes = self._call(send)
        conflict = ""
        for (place, memory, _), done in zip(changed, outcomes, strict=True):
            if done:
                memory.remembered_at = memory.place
            else:
                conflict = f"{place.key} does not stand at {memory.remembered_at or 'nothing'}"
        if conflict:
            raise Conflict(conflict)

    def _space(self, place: Place) -> str:
        meta = self._call(lambda: self._redis.hget(place.key, "meta"))
        try:
            return str(json.loads(meta)["space"]) if meta else ""
        except (ValueError, KeyError, TypeError):
            return ""

    def _write_whole(self, place: Place, memory: Memory, changes: Changes) -> None:
        """Write a state that did not come from Redis beside the old one, in chunks."""
        space = f"{place.key}:{memory.space}"
        index = f"{place.key}:index:{memory.space}"
        entries = [(name, value) for name, value in changes.items() if value is not None]
        for start in range(0, len(entries), CHUNK):
            chunk = dict(entries[start : start + CHUNK])
            roots = {name: memory.offset for name in chunk if is_root(name)}

            def put(chunk: dict[bytes, bytes] = chunk, roots: dict[bytes, int] = roots) -> None:
                self._redis.hset(space, mapping=dict[Any, Any](chunk))
                if roots:
                    self._redis.zadd(index, roots)

            self._call(put)

    def changed_since(
        self, place: Place, offset: int
    ) -> tuple[dict[str, Any] | None, dict[bytes, bytes]]:
        """Read the roots of aggregates changed at or after an offset, with the meta record."""
        meta, flat = self._call(lambda: self._changed(keys=[place.key], args=[offset]))
        pairs = zip(flat[::2], flat[1::2], strict=True)
        # What the index names and nobody has is left out, so that it does not add up.
        found = {name: value for name, value in pairs if value is not None}
        return (json.loads(meta) if meta else None), found

    def flag(self, name: str) -> str | None:
        """Read a flag an operator set."""
        found = self._call(lambda: self._redis.get(f"exportgate:flag:{name}"))
        return found.decode() if found else None

    def set_flag(self, name: str, value: str) -> None:
        """Set a flag for a service."""
        self._call(lambda: self._redis.set(f"exportgate:flag:{name}", value))


def _arguments(memory: Memory, changes: Changes) -> list[Any]:
    """Fill the arguments of `_WRITE`."""
    sets = [(name, value) for name, value in changes.items() if value is not None]
    gone = [name for name, value in changes.items() if value is None]
    args: list[Any] = [
        memory.remembered_at, memory.place, json.dumps(_meta(memory)), len(sets), len(gone),
        memory.offset,
    ]  # fmt: skip
    for name, value in sets:
        args += [name, value, name if is_root(name) else b""]
    return args + gone


def _meta(memory: Memory) -> dict[str, Any]:
    return {
        "offset": memory.offset,
        "chain": memory.chain,
        "last_sha256": memory.last_sha256,
        "space": memory.space,
        "version": memory.version,
        "sum": f"{memory.sum % MODULUS:064x}",
        "roots_sum": f"{memory.roots_sum % MODULUS:064x}",
        "count": len(memory.digests),
        "log_time": memory.partition.log_time.isoformat(),
        "chain_index": memory.partition.chain_index,
        "chain_prev": memory.partition.chain_prev,
    }
