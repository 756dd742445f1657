"""The end of an archive: what is not archived yet, and what only pretends to be.

A stage answers within moments. Where an archive goes on for an hour after a record and what the
stage says of it is not there, it was left out, or the stage stood still; both are to be told. And
nothing can stand before what led to it.
"""

from bisect import bisect_right

from services.replay.archive import ARCHIVED
from services.replay.errors import Finding
from services.replay.links import Compared, at
from services.replay.manifest import Place
from services.replay.reading import Archive

LATE_MS = 3_600_000
SKEW_MS = 60_000
"""How far the clocks of two brokers may be apart."""
_ROUND = {topic.name: number for number, topic in enumerate(ARCHIVED)}


def not_pruned(archive: Archive, causes: list[int], source: Place, target: Place) -> list[int]:
    """Of causes whose outputs are not there, those whose outputs retention did not take."""
    limit = archive.pruned_until(target)
    if not limit or not causes:
        return causes
    ordered = sorted(causes)
    first = bisect_right(ordered, limit, key=lambda each: _moment(archive, at(source, each)) or 0)
    return ordered[first:]


def tail_findings(
    archive: Archive, found: Compared, source: Place, target: Place, reached: int
) -> list[Finding]:
    """Say what an archive's end does not excuse.

    `reached` is an offset of the source after which the stage spoke, wherever to.
    """
    wrong = []
    if found.in_flight:
        wrong += _left_out(archive, min(found.in_flight), source, target, reached)
    for offset, _ in found.ahead[:1]:
        wrong += _before_its_cause(archive, at(target, offset), source, target)
    return wrong


def _left_out(
    archive: Archive, cause: int, source: Place, target: Place, reached: int
) -> list[Finding]:
    place = at(source, cause)
    since = _moment(archive, place)
    went_on = max(archive.last_ms(target), _moment(archive, at(source, reached)) or 0)
    if since is None or went_on <= since + LATE_MS:
        return []
    text = f"what is said of it to {target[0]} is not there, and the archive goes on for long"
    return [Finding("fold", place, text, record=place, cause=place)]


def _before_its_cause(archive: Archive, place: str, source: Place, target: Place) -> list[Finding]:
    """The cause was written after all that is archived of its topic: and so was this.

    A round of the archiver takes one topic after the other, each up to where it ended before those
    that follow: so what follows holds every cause, unless the round was not finished.
    """
    if _ROUND[source[0]] > _ROUND[target[0]]:
        text = (
            f"its cause is not archived in {source[0]}: a round was not finished, or it is forged"
        )
        return [Finding("unfinished", place, text, record=place)]
    places = [(source[0], each) for each in range(archive.partitions(source[0]))]
    moment, last = _moment(archive, place), max(map(archive.last_ms, places))
    if moment is None or moment + SKEW_MS >= last:
        return []
    text = f"its cause is not in {source[0]}, which goes on after it"
    return [Finding("fold", place, text, record=place)]


def _moment(archive: Archive, place: str) -> int | None:
    found = archive.raw_at(place)
    return None if found is None else found.timestamp_ms
