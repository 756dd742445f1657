"""murmur2 as Java has it: the vectors of Kafka's own UtilsTest."""

import pytest

from services.runtime.murmur import murmur2, partition_of

VECTORS = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("data", "java"), VECTORS)
def test_hash(data: bytes, java: int) -> None:
    assert murmur2(data) == java % 2**32


@pytest.mark.parametrize(("data", "java"), VECTORS)
@pytest.mark.parametrize("partitions", [1, 4, 12])
def test_partition(data: bytes, java: int, partitions: int) -> None:
    """Utils.toPositive(murmur2(key)) % partitions."""
    assert partition_of(data, partitions) == (java & 0x7FFFFFFF) % partitions


def test_bytes_above_127_are_unsigned() -> None:
    """Java's bytes are signed, and its tail masks them: `& 0xff`."""
    assert murmur2("订单".encode()) == murmur2(b"\xe8\xae\xa2\xe5\x8d\x95")
    assert {partition_of(f"erp/o{at}".encode(), 12) for at in range(200)} == set(range(12))
