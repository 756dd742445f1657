"""What the runtime relies on, asked of both brokers through its own source and sink.

The embedded broker and the real one pass the same tests; where they differ it is stated in their
capabilities, and a capability that is missing is shown to be missing.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from infra.kafka.topics import silent_partitions
from infra.local.embedded import EmbeddedStack
from infra.local.process import wait_until
from schemas.topics import EMBEDDED_PARTITIONS, ORDERS
from services.runtime.codec import Raw, Send
from services.runtime.murmur import partition_of
from services.runtime.sink import Sink
from services.runtime.source import Reader, Source
from tests.support.stack import RealKafka, kafka

__all__ = ["kafka"]
WITHIN_S = 40.0
QUIET_S = 1.0
_names = count(1)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """In what the brokers differ."""

    partitions: int
    log_append_time: bool
    commit_while_sharing: bool
    """Whether a member may commit while the group shares its partitions out."""


@dataclass(frozen=True, slots=True)
class Broker:
    """A running broker, and how to get an empty topic on it."""

    bootstrap: str
    can: Capabilities
    create: Callable[[str], None]

    def topic(self) -> str:
        """A new topic."""
        name = f"contract-{next(_names)}-{time.time_ns()}"
        self.create(name)
        return name

    def write(self, topic: str, pairs: list[tuple[str, str]]) -> None:
        """Write through the runtime's sink; it returns when all is acknowledged."""
        Sink(self.bootstrap, "contract").send(
            [Send(topic, key.encode(), value.encode(), ()) for key, value in pairs]
        )


@pytest.fixture(scope="module")
def embedded() -> Iterator[Broker]:
    with EmbeddedStack() as stack:
        admin = AdminClient({"bootstrap.servers": stack.bootstrap})
        yield Broker(
            stack.bootstrap,
            Capabilities(EMBEDDED_PARTITIONS, log_append_time=False, commit_while_sharing=False),
            lambda name: _touch(admin, name),
        )


@pytest.fixture(scope="module")
def real(kafka: RealKafka) -> Broker:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    can = Capabilities(ORDERS.partitions, log_append_time=True, commit_while_sharing=True)
    return Broker(kafka.bootstrap, can, lambda name: _create(admin, name))


@pytest.fixture(params=["embedded", pytest.param("real", marks=pytest.mark.real)])
def broker(request: pytest.FixtureRequest) -> Broker:
    found: Broker = request.getfixturevalue(request.param)
    return found


def _touch(admin: AdminClient, name: str) -> None:
    """The mock creates what it is asked about."""
    assert wait_until(lambda: bool(admin.list_topics(name, timeout=10).topics[name].partitions), 15)


def _create(admin: AdminClient, name: str) -> None:
    config = {"message.timestamp.type": "LogAppendTime"}
    asked = admin.create_topics([NewTopic(name, ORDERS.partitions, 1, config=config)])
    asked[name].result(15)
    assert wait_until(lambda: not silent_partitions(admin), 30)


@dataclass
class Member:
    """One consumer of a group, which notes what it is told and what it reads."""

    broker: Broker
    topic: str
    group: str
    raws: list[Raw] = field(default_factory=list)
    began: dict[int, int | None] = field(default_factory=dict)
    ended: list[int] = field(default_factory=list)
    done: dict[int, int] = field(default_factory=dict)
    source: Any = None

    def __post_init__(self) -> None:
        self.source = Source(
            bootstrap=self.broker.bootstrap, topic=self.topic, group=self.group, owner=self,
            client="contract",
        )  # fmt: skip

    def gained(self, partition: int, committed: int | None, low: int, high: int) -> int:
        """Start at the committed place, else at the beginning."""
        assert low <= (committed or 0) <= high
        self.began[partition] = committed
        return committed or low

    def losing(self, partitions: list[int]) -> None:
        """Commit what was read, as a pump does."""
        self.commit(partitions)
        self.lost(partitions)

    def commit(self, partitions: Iterable[int]) -> None:
        """Commit what was read of partitions and is not committed yet."""
        places = {at: self.done.pop(at) for at in partitions if at in self.done}
        self.source.commit(places, wait=True)

    def lost(self, partitions: list[int]) -> None:
        """Note it."""
        self.ended += partitions

    def poll(self) -> list[Raw]:
        """Read once."""
        raws: list[Raw] = self.source.poll()
        self.raws += raws
        self.done.update({raw.partition: raw.offset + 1 for raw in raws})
        return raws

    def values(self) -> list[str]:
        """What was read."""
        return [(raw.value or b"").decode() for raw in self.raws]


@pytest.fixture
def join() -> Iterator[Callable[[Broker, str, str], Member]]:
    members: list[Member] = []

    def joined(broker: Broker, topic: str, group: str) -> Member:
        members.append(Member(broker, topic, group))
        return members[-1]

    yield joined
    for member in members:
        member.source.close()


Join = Callable[[Broker, str, str], Member]


def poll_until(done: Callable[[], bool], *members: Member, within_s: float = WITHIN_S) -> bool:
    """Poll until it is so, or the time is over."""
    deadline = time.monotonic() + within_s
    while not done() and time.monotonic() < deadline:
        for member in members:
            member.poll()
    return done()


def pairs(number: int, keys: int = 20) -> list[tuple[str, str]]:
    """Records of some keys, numbered."""
    return [(f"erp/K-{at % keys}", str(at)) for at in range(number)]


def test_the_records_of_a_key_keep_their_order(broker: Broker, join: Join) -> None:
    topic = broker.topic()
    broker.write(topic, pairs(2_000))
    reader = join(broker, topic, "g-order")

    assert poll_until(lambda: len(reader.raws) >= 2_000, reader)

    by_key: dict[bytes | None, list[int]] = defaultdict(list)
    for raw in reader.raws:
        by_key[raw.key].append(int(raw.value or b""))
    assert len(by_key) == 20
    assert all(numbers == sorted(numbers) for numbers in by_key.values())


def test_what_was_acknowledged_can_be_read_at_once(broker: Broker) -> None:
    topic = broker.topic()
    reader = Reader(broker.bootstrap, "contract")
    for number in (1, 7, 600):
        before = {at: high for at, (_, high) in reader.ends(topic).items()}
        broker.write(topic, pairs(number))
        after = {at: high for at, (_, high) in reader.ends(topic).items()}

        found = reader.between(topic, before, after)

        assert sorted(int(raw.value or b"") for raw in found) == list(range(number))
    reader.close()


def test_a_key_stands_where_a_java_producer_would_put_it(broker: Broker, join: Join) -> None:
    topic = broker.topic()
    keys = [f"erp/订单-{at}" if at % 3 else f"e/{'x' * (at % 11)}{at}" for at in range(300)]
    broker.write(topic, [(key, key) for key in keys])
    reader = join(broker, topic, "g-murmur")

    assert poll_until(lambda: len(reader.raws) >= len(keys), reader)

    assert {raw.partition for raw in reader.raws} == set(range(broker.can.partitions))
    for raw in reader.raws:
        assert raw.partition == partition_of(raw.key or b"", broker.can.partitions)


def test_a_group_resumes_exactly_where_it_committed(broker: Broker, join: Join) -> None:
    topic = broker.topic()
    broker.write(topic, pairs(400))
    first = join(broker, topic, "g-commit")
    assert poll_until(lambda: len(first.raws) >= 400, first)
    half = {at: first.done[at] // 2 for at in first.done}
    first.source.commit(half, wait=True)
    first.done = {}
    first.source.close()

    second = join(broker, topic, "g-commit")
    left = sum(raw.offset >= half[raw.partition] for raw in first.raws)
    assert poll_until(lambda: len(second.raws) >= left, second)

    assert {at: second.began[at] for at in half} == half
    assert len(second.raws) == left
    for at, offset in half.items():
        assert min(raw.offset for raw in second.raws if raw.partition == at) == offset


def test_without_a_committed_place_none_is_made_up(broker: Broker, join: Join) -> None:
    topic = broker.topic()
    broker.write(topic, pairs(10))
    member = join(broker, topic, "g-none")

    assert poll_until(lambda: len(member.raws) >= 10, member)

    assert set(member.began) == set(range(broker.can.partitions))
    assert set(member.began.values()) == {None}


def test_a_partition_can_be_read_again_from_any_place(broker: Broker, join: Join) -> None:
    topic = broker.topic()
    broker.write(topic, pairs(300))
    member = join(broker, topic, "g-seek")
    assert poll_until(lambda: len(member.raws) >= 300, member)
    at = member.raws[0].partition
    high = member.done[at]
    member.raws.clear()

    member.source.seek(at, high - 3)

    assert poll_until(lambda: len(member.raws) >= 3, member)
    assert [(raw.partition, raw.offset) for raw in member.raws] == [
        (at, offset) for offset in range(high - 3, high)
    ]


def test_a_paused_member_reads_nothing_and_loses_nothing(broker: Broker, join: Join) -> None:
    topic = broker.topic()
    broker.write(topic, pairs(50))
    member = join(broker, topic, "g-pause")
    assert poll_until(lambda: len(member.raws) >= 50, member)

    member.source.pause()
    broker.write(topic, [(key, f"9{value}") for key, value in pairs(50)])
    assert not poll_until(lambda: len(member.raws) > 50, member, within_s=QUIET_S)
    member.source.resume()

    assert poll_until(lambda: len(member.raws) >= 100, member)
    assert len(set(member.values())) == 100


def test_a_second_member_takes_over_with_the_place_committed(broker: Broker, join: Join) -> None:
    topic = broker.topic()
    broker.write(topic, pairs(600, keys=100))
    first = join(broker, topic, "g-share")
    assert poll_until(lambda: len(first.raws) >= 600, first)
    if not broker.can.commit_while_sharing:
        first.commit(range(broker.can.partitions))

    second = join(broker, topic, "g-share")
    assert poll_until(lambda: bool(second.began), first, second)
    broker.write(topic, [(key, f"9{value}") for key, value in pairs(600, keys=100)])
    assert poll_until(lambda: len(first.raws) + len(second.raws) >= 1_200, first, second)

    assert set(second.began) == set(first.ended)
    assert set(first.source.assigned) | set(second.source.assigned) == set(
        range(broker.can.partitions)
    )
    assert not first.source.assigned & second.source.assigned
    read = [(raw.partition, raw.offset) for raw in (*first.raws, *second.raws)]
    assert len(read) == len(set(read)) == 1_200
    for at, committed in second.began.items():
        assert committed == sum(raw.partition == at for raw in first.raws)


def test_the_log_itself_tells_the_time_where_it_can(broker: Broker, join: Join) -> None:
    topic = broker.topic()
    long_ago = 1_000
    sink = Sink(broker.bootstrap, "contract")
    sink._producer.produce(topic, key=b"k", value=b"v", timestamp=long_ago)
    assert sink._producer.flush(10) == 0
    member = join(broker, topic, "g-time")
    assert poll_until(lambda: bool(member.raws), member)

    by_the_log = abs(member.raws[0].timestamp_ms / 1000 - time.time()) < 60
    assert by_the_log == broker.can.log_append_time
