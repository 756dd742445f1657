"""murmur2 as Java's DefaultPartitioner computes it, to find records in the wrong partition."""

from functools import lru_cache
from struct import unpack_from
from typing import Final

_M: Final = 0x5BD1E995
_SEED: Final = 0x9747B28C
_MASK: Final = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Hash bytes (org.apache.kafka.common.utils.Utils.murmur2), as an unsigned 32-bit number."""
    length = len(data)
    h = _SEED ^ length
    whole = length // 4
    for k in unpack_from(f"<{whole}I", data):
        mixed = (k * _M) & _MASK
        h = ((h * _M) & _MASK) ^ (((mixed ^ (mixed >> 24)) * _M) & _MASK)
    tail = data[whole * 4 :]
    if tail:
        h = ((h ^ int.from_bytes(tail, "little")) * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    return h ^ (h >> 15)


@lru_cache(maxsize=65_536)
def partition_of(key: bytes, partitions: int) -> int:
    """Tell the partition a Java producer would choose for a key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
