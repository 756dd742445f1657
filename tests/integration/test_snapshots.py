"""A fold comes back from its snapshots, or not at all: what does not add up is not used."""

from collections.abc import Callable, Iterator

import pytest

from infra.local.process import wait_until
from schemas.envelope import read_headers
from schemas.topics import LICENSES_STATE
from services.runtime.codec import Send
from services.runtime.memory import Memory
from services.runtime.remember import Place
from services.runtime.sink import Sink
from services.runtime.snapshot import MARKER, SPACE, Snapshots
from services.runtime.source import Reader
from tests.support import builders as make
from tests.support.remembering import DECODE, Feed, content
from tests.support.stack import RealKafka

PLACE = Place("c", "licenses", "t", 3, "ledger", 1)
AT, VERSION = PLACE.partition, PLACE.version


@pytest.fixture
def kafka_(fresh_topics: RealKafka) -> str:
    return fresh_topics.bootstrap


@pytest.fixture
def reader(kafka_: str) -> Iterator[Reader]:
    found = Reader(kafka_, "test")
    yield found
    found.close()


@pytest.fixture
def snapshots(kafka_: str, reader: Reader) -> Callable[[], Snapshots]:
    """Owners of the partition, one after the other."""
    return lambda: Snapshots(LICENSES_STATE, reader, lambda: Sink(kafka_, "test"), every_s=0)


def take(snapshots: Snapshots, feed: Feed) -> Memory:
    """Take a snapshot, and wait until it is there."""
    feed.memory.take_changes()
    feed.memory.whole = False
    snapshots.offer(AT, feed.memory)
    found: list[Memory] = []

    def is_there() -> bool:
        loaded = snapshots.load(AT, VERSION, DECODE)
        found[:] = [loaded] if loaded is not None else []
        return loaded is not None and loaded.offset == feed.memory.offset

    assert wait_until(is_there, 20), "no snapshot of this place"
    return found[0]


def fed(count: int) -> Feed:
    """A ledger with licenses and a reservation."""
    feed = Feed(PLACE)
    for at in range(count):
        feed.say(make.license_granted(f"cn-{at}"), key=f"cn-{at}")
    feed.say(make.requested("cn-0"), key="cn-0")
    return feed


def test_it_comes_back_as_it_was_and_whole_for_redis(snapshots: Callable[[], Snapshots]) -> None:
    feed = fed(3)

    loaded = take(snapshots(), feed)

    assert content(loaded) == content(feed.memory)
    assert (loaded.place, loaded.sum) == (feed.memory.place, feed.memory.sum)
    assert loaded.partition == feed.memory.partition
    assert loaded.whole


def test_the_next_snapshot_writes_what_changed_alone(
    snapshots: Callable[[], Snapshots], reader: Reader
) -> None:
    feed, owner = fed(5), snapshots()
    take(owner, feed)
    before = reader.ends(LICENSES_STATE.name)[AT][1]

    feed.say(make.license_granted("cn-1", quantity="7"), key="cn-1")
    loaded = take(owner, feed)

    assert content(loaded) == content(feed.memory)
    assert reader.ends(LICENSES_STATE.name)[AT][1] - before == 2, "one license and the marker"


def test_another_owner_begins_a_space_of_its_own(snapshots: Callable[[], Snapshots]) -> None:
    feed = fed(2)
    first = take(snapshots(), feed)
    feed.say(make.license_granted("cn-9"), key="cn-9")

    second = take(snapshots(), feed)

    assert len(content(second)) == len(content(first)) + 1


def test_what_an_owner_left_half_written_is_not_used(
    snapshots: Callable[[], Snapshots], kafka_: str, reader: Reader
) -> None:
    feed = fed(2)
    take(snapshots(), feed)
    low, high = reader.ends(LICENSES_STATE.name)[AT]
    raws = reader.between(LICENSES_STATE.name, {AT: low}, {AT: high})
    entity = next(raw for raw in raws if read_headers(raw.headers).get("ce_type") != MARKER)
    changed = (entity.value or b"").replace(b"100", b"900")
    assert changed != entity.value
    Sink(kafka_, "test").send([Send(LICENSES_STATE.name, entity.key, changed, entity.headers, AT)])

    assert snapshots().load(AT, VERSION, DECODE) is not None, "it stands behind the marker"

    marker = next(raw for raw in raws if read_headers(raw.headers).get("ce_type") == MARKER)
    Sink(kafka_, "test").send(
        [Send(LICENSES_STATE.name, marker.key, marker.value, marker.headers, AT)]
    )
    assert snapshots().load(AT, VERSION, DECODE) is None, "it does not add up"


@pytest.mark.parametrize("version", [VERSION - 1])
def test_a_release_that_does_not_know_its_version_starts_over(
    version: int, snapshots: Callable[[], Snapshots]
) -> None:
    take(snapshots(), fed(1))

    assert snapshots().load(AT, version, DECODE) is None


def test_a_marker_that_cannot_be_read_is_no_snapshot(
    snapshots: Callable[[], Snapshots], kafka_: str
) -> None:
    take(snapshots(), fed(1))
    headers = ((SPACE, b"x"), ("ce_type", MARKER.encode()))
    Sink(kafka_, "test").send([Send(LICENSES_STATE.name, b"#3", b"{", headers, AT)])

    assert snapshots().load(AT, VERSION, DECODE) is None
