"""The license book as determination reads it: all that changed, and only what adds up."""

import json
from typing import Any

import pytest

from services.license_check.book import License
from services.runtime.book import BookReader
from services.runtime.errors import Unavailable
from services.runtime.remember import Place, Remembered
from tests.support.builders import license_granted, requested, settle, void
from tests.support.remembering import Feed


def reader(remembered: Remembered, *places: Place) -> BookReader[License]:
    return BookReader(remembered, list(places), lambda _, value: License.model_validate_json(value))


def used(book: BookReader[License]) -> dict[str, str]:
    return {each.license_id: f"{each.used_quantity:f}" for each in book.entities()}


@pytest.fixture
def feed(remembered: Remembered, place: Place, client: Any) -> Feed:
    del client
    found = Feed(place)
    found.say(license_granted(), requested())
    remembered.write({place: found.memory})
    return found


def test_a_partition_without_a_book_is_waited_for(remembered: Remembered, place: Place) -> None:
    with pytest.raises(Unavailable):
        reader(remembered, place).refresh()


def test_an_empty_book_is_a_book(remembered: Remembered, place: Place, client: Any) -> None:
    del client
    remembered.write({place: Feed(place).memory})
    book = reader(remembered, place)
    book.refresh()

    assert book.entities() == []
    assert book.offsets() == {str(place.partition): 0}


def test_one_partition_missing_of_several_is_waited_for(
    remembered: Remembered, place: Place, feed: Feed
) -> None:
    del feed
    other = Place(place.cluster, "licenses", "topic", place.partition + 1, "ledger", 1)
    with pytest.raises(Unavailable):
        reader(remembered, place, other).refresh()


def test_the_reader_sees_what_changed(remembered: Remembered, place: Place, feed: Feed) -> None:
    book = reader(remembered, place)
    book.refresh()
    assert used(book) == {"cn-1": "0"}
    generation = book.generation
    book.refresh()
    assert book.generation == generation, "nothing changed"

    feed.say(settle("r1", "s1", "4"))
    remembered.write({place: feed.memory})
    book.refresh()
    assert used(book) == {"cn-1": "4"}
    assert book.offsets() == {str(place.partition): 3}
    assert book.generation > generation


def test_reservations_are_no_part_of_the_book(
    remembered: Remembered, place: Place, feed: Feed
) -> None:
    feed.say(*(requested(f"x{at}", "1") for at in range(5)), void("x1"))
    remembered.write({place: feed.memory})
    book = reader(remembered, place)
    book.refresh()

    assert len(book.entities()) == 1


def test_a_book_written_afresh_is_read_afresh(
    remembered: Remembered, place: Place, feed: Feed
) -> None:
    book = reader(remembered, place)
    book.refresh()
    again = Feed(place)
    again.say(license_granted(), requested(), settle("r1", "s1", "7"))
    again.memory.remembered_at = remembered.stands_at(place)
    remembered.write({place: again.memory})
    book.refresh()

    assert used(book) == {"cn-1": "7"}
    assert feed.memory.offset == 2


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("spoilt", ["changed", "lost", "another sum", "one too many"])
def test_a_book_that_does_not_add_up_is_refused(
    remembered: Remembered, place: Place, feed: Feed, client: Any, fresh: bool, spoilt: str
) -> None:
    book = reader(remembered, place)
    if not fresh:
        book.refresh()
    feed.say(settle("r1", "s1", "4"))
    remembered.write({place: feed.memory})
    meta = json.loads(client.hget(place.key, "meta"))
    space, index = f"{place.key}:{meta['space']}", f"{place.key}:index:{meta['space']}"
    name = b"cn-1\x00"
    value = client.hget(space, name)
    if spoilt == "changed":
        client.hset(space, name, value.replace(b'"4"', b'"1"'))
    elif spoilt == "lost":
        client.hdel(space, name)
        client.zrem(index, name)
    elif spoilt == "another sum":
        client.hset(place.key, "meta", json.dumps(meta | {"roots_sum": "0" * 64}))
    else:
        client.hset(space, b"cn-2\x00", value)
        client.zadd(index, {b"cn-2\x00": 3})

    with pytest.raises(Unavailable):
        book.refresh()


def test_an_entity_the_index_names_and_nobody_has_is_refused(
    remembered: Remembered, place: Place, feed: Feed, client: Any
) -> None:
    del feed
    meta = json.loads(client.hget(place.key, "meta"))
    client.hdel(f"{place.key}:{meta['space']}", b"cn-1\x00")

    with pytest.raises(Unavailable):
        reader(remembered, place).refresh()


def test_a_meta_record_that_cannot_be_read_is_waited_for(
    remembered: Remembered, place: Place, feed: Feed, client: Any
) -> None:
    del feed
    client.hset(place.key, "meta", "{torn")

    with pytest.raises(Unavailable):
        reader(remembered, place).refresh()
