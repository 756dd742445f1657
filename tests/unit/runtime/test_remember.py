"""What a fold remembers in a real Redis comes back the same, or not at all."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from services.license_check.book import License
from services.runtime.errors import Conflict, Unavailable
from services.runtime.memory import Memory
from services.runtime.remember import Place, Remembered
from tests.support.builders import license_granted, requested, settle, void
from tests.support.remembering import DECODE, Feed, content

START = (license_granted(), requested(), requested("r2", "5"))


def loaded(remembered: Remembered, place: Place) -> Memory:
    memory = remembered.load(place, DECODE)
    assert memory is not None
    return memory


@pytest.fixture
def feed(remembered: Remembered, place: Place, client: Any) -> Feed:
    """Three records folded and remembered."""
    del client
    found = Feed(place)
    found.say(*START)
    remembered.write({place: found.memory})
    return found


def space(client: Any, place: Place) -> str:
    return f"{place.key}:{json.loads(client.hget(place.key, 'meta'))['space']}"


def test_nothing_is_remembered_at_first(remembered: Remembered, place: Place) -> None:
    assert remembered.load(place, DECODE) is None
    assert remembered.stands_at(place) == ""


def test_what_was_written_is_loaded(remembered: Remembered, place: Place, feed: Feed) -> None:
    again = loaded(remembered, place)

    assert content(again) == content(feed.memory)
    assert again.place == feed.memory.place == remembered.stands_at(place)
    assert again.partition == feed.memory.partition
    assert (again.sum, again.roots_sum) == (feed.memory.sum, feed.memory.roots_sum)
    assert again.last_sha256 == feed.memory.last_sha256
    assert not again.whole


def test_changes_are_written_as_they_come(remembered: Remembered, place: Place, feed: Feed) -> None:
    for event in (settle("r1", "s1", "4"), void("r2"), requested("r3", "1"), void("r9")):
        feed.say(event)
        remembered.write({place: feed.memory})
        again = loaded(remembered, place)
        assert content(again) == content(feed.memory)
        assert again.sum == feed.memory.sum


def test_a_loaded_memory_goes_on(remembered: Remembered, place: Place, feed: Feed) -> None:
    other = Feed(place, loaded(remembered, place))
    other.say(settle("r1", "s1", "4"))
    feed.say(settle("r1", "s1", "4"))
    remembered.write({place: other.memory})

    assert content(loaded(remembered, place)) == content(feed.memory)
    assert other.memory.place == feed.memory.place


def test_who_writes_second_from_a_place_is_refused(
    remembered: Remembered, place: Place, feed: Feed
) -> None:
    other = Feed(place, loaded(remembered, place))
    feed.say(void("r1"))
    remembered.write({place: feed.memory})
    other.say(settle("r1", "s1", "4"))
    with pytest.raises(Conflict):
        remembered.write({place: other.memory})

    assert content(loaded(remembered, place)) == content(feed.memory)


def test_a_whole_state_is_not_written_over_what_others_wrote_since(
    remembered: Remembered, place: Place, feed: Feed
) -> None:
    """A refold saw Redis empty; by the time it writes, somebody else has."""
    late = Feed(place)
    late.say(*START)
    late.memory.remembered_at = ""
    with pytest.raises(Conflict):
        remembered.write({place: late.memory})

    assert content(loaded(remembered, place)) == content(feed.memory)


def test_a_whole_state_takes_the_place_of_the_old_one(
    remembered: Remembered, place: Place, feed: Feed, client: Any
) -> None:
    old = space(client, place)
    client.hset(old, "left\x00over", "nonsense")
    again = Feed(place)
    again.say(*START)
    again.memory.remembered_at = remembered.stands_at(place)
    remembered.write({place: again.memory})

    assert space(client, place) != old
    assert not client.exists(old)
    assert content(loaded(remembered, place)) == content(feed.memory)
    again.say(void("r1"))
    remembered.write({place: again.memory})
    assert content(loaded(remembered, place)) == content(again.memory)


def test_a_whole_state_of_many_entities_is_written_in_chunks(
    remembered: Remembered, place: Place, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.runtime.remember.CHUNK", 7)
    feed = Feed(place)
    feed.say(license_granted(), *(requested(f"r{at}", "1") for at in range(40)))
    remembered.write({place: feed.memory})

    assert client.hlen(space(client, place)) == 41
    assert content(loaded(remembered, place)) == content(feed.memory)


def test_a_forgotten_entity_is_gone(remembered: Remembered, place: Place, feed: Feed) -> None:
    feed.memory.aggregates["cn-1"].pop("r2")
    feed.memory.dirty[b"cn-1\x00r2"] = None
    feed.say(void("r1"))
    remembered.write({place: feed.memory})

    again = loaded(remembered, place)
    assert set(again.aggregates["cn-1"]) == {"", "r1"}


SPOILED: dict[str, Callable[[Any, Place, str], Any]] = {
    "an entity is missing": lambda c, p, s: c.hdel(s, b"cn-1\x00r1"),
    "the license is missing": lambda c, p, s: c.hdel(s, b"cn-1\x00"),
    "an entity is another's": lambda c, p, s: c.hset(s, b"cn-1\x00r1", c.hget(s, b"cn-1\x00r2")),
    "an entity is not JSON": lambda c, p, s: c.hset(s, b"cn-1\x00r1", b"{"),
    "an entity is of another shape": lambda c, p, s: c.hset(s, b"cn-1\x00r1", b"{}"),
    "one digit is changed": lambda c, p, s: c.hset(
        s, b"cn-1\x00", c.hget(s, b"cn-1\x00").replace(b'"100"', b'"900"')
    ),
    "there is one too many": lambda c, p, s: c.hset(s, b"cn-2\x00", c.hget(s, b"cn-1\x00")),
    "all entities are gone": lambda c, p, s: c.delete(s),
    "the meta record is gone": lambda c, p, s: c.hdel(p.key, "meta"),
    "the meta record is torn": lambda c, p, s: c.hset(p.key, "meta", c.hget(p.key, "meta")[:40]),
    "the meta record is null": lambda c, p, s: c.hset(p.key, "meta", "null"),
    "the meta record lacks a field": lambda c, p, s: c.hset(p.key, "meta", '{"offset": 3}'),
    "the place is another": lambda c, p, s: c.hset(p.key, "at", "7:" + "0" * 64),
    "the place is gone": lambda c, p, s: c.hdel(p.key, "at"),
    "everything is gone": lambda c, p, s: c.delete(p.key),
    "the sum is another": lambda c, p, s: c.hset(
        p.key, "meta", json.dumps(json.loads(c.hget(p.key, "meta")) | {"sum": "0" * 64})
    ),
    "the offset is another": lambda c, p, s: c.hset(
        p.key, "meta", json.dumps(json.loads(c.hget(p.key, "meta")) | {"offset": 2})
    ),
    "the space is of another kind": lambda c, p, s: (c.delete(s), c.hset(s, "x", "y")),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_what_does_not_add_up_is_not_loaded_and_can_be_replaced(
    remembered: Remembered,
    place: Place,
    feed: Feed,
    client: Any,
    spoil: Callable[[Any, Place, str], Any],
) -> None:
    spoil(client, place, space(client, place))
    assert remembered.load(place, DECODE) is None

    refolded = Feed(place)
    refolded.say(*START)
    refolded.memory.remembered_at = remembered.stands_at(place)
    remembered.write({place: refolded.memory})
    assert content(loaded(remembered, place)) == content(feed.memory)


@pytest.mark.parametrize("field", ["cluster", "topic", "topic_id", "partition", "group", "version"])
def test_another_place_remembers_nothing(
    remembered: Remembered, place: Place, feed: Feed, field: str
) -> None:
    del feed
    other: Any = {"partition": place.partition + 1, "version": 2}.get(field, "another")
    changed = {name: getattr(place, name) for name in place.__slots__} | {field: other}

    assert remembered.load(Place(**changed), DECODE) is None


def test_a_redis_that_is_not_there_is_unavailable(place: Place) -> None:
    nowhere = Remembered("redis://127.0.0.1:1/0")
    with pytest.raises(Unavailable):
        nowhere.ping()
    with pytest.raises(Unavailable):
        nowhere.load(place, DECODE)


@pytest.mark.parametrize("reached", [False, True], ids=["before", "after"])
def test_a_write_that_failed_is_made_good_by_the_next(
    remembered: Remembered,
    place: Place,
    feed: Feed,
    monkeypatch: pytest.MonkeyPatch,
    reached: bool,
) -> None:
    """Redis did not answer, before or after it wrote: nothing that changed may be missed."""
    call = remembered._call

    def fails(asked: Callable[[], Any]) -> Any:
        if reached:
            call(asked)
        raise Unavailable("no answer")

    feed.say(void("r1"))
    monkeypatch.setattr(remembered, "_call", fails)
    with pytest.raises(Unavailable):
        remembered.write({place: feed.memory})
    monkeypatch.undo()
    feed.say(requested("r7", "1"))
    if reached:
        with pytest.raises(Conflict):
            remembered.write({place: feed.memory})
        return
    remembered.write({place: feed.memory})

    assert content(loaded(remembered, place)) == content(feed.memory)


def test_flags_are_what_an_operator_set(remembered: Remembered, client: Any) -> None:
    name = "valve:test"
    assert remembered.flag(name) is None
    remembered.set_flag(name, "open-1")
    assert remembered.flag(name) == "open-1"
    client.delete(f"exportgate:flag:{name}")


def test_entities_are_of_the_kind_that_was_written(
    remembered: Remembered, place: Place, feed: Feed
) -> None:
    del feed
    again = loaded(remembered, place)

    assert isinstance(again.aggregates["cn-1"][""], License)
