"""Exchange rates as determination may have known them when it wrote a record.

Which of the last moments' rates it had read is not on record; any state of the last minutes that
leads to the recorded bytes is accepted, and no other.
"""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

from schemas.checks import Rate
from schemas.reference import RateSet
from schemas.topics import REFERENCE
from services.replay.reading import Archive
from services.runtime.codec import read
from services.runtime.rates import KEPT

LAG_MS: Final = 120_000
"""A record that much older than the determination had been read by then."""


@dataclass(slots=True)
class RateHistory:
    """Every state of the rates, by the timestamp of the record that led to it."""

    since: list[int] = field(default_factory=lambda: [0])
    states: list[tuple[Rate, ...]] = field(default_factory=lambda: [()])

    def until(self, timestamp_ms: int) -> list[tuple[Rate, ...]]:
        """The states determination may have known at a moment, the latest first."""
        last = bisect_right(self.since, timestamp_ms) - 1
        first = max(bisect_right(self.since, timestamp_ms - LAG_MS) - 1, 0)
        return self.states[first : last + 1][::-1]


def rate_history(archive: Archive) -> RateHistory:
    """Read `reference` to its archived end."""
    partitions = archive.partitions(REFERENCE.name)
    raws = [row for at in range(partitions) for row in archive.rows(REFERENCE.name, at)]
    raws.sort(key=lambda raw: (raw.timestamp_ms, raw.partition, raw.offset))
    found = RateHistory()
    pairs: dict[tuple[str, str], dict[str, Rate]] = {}
    for raw in raws:
        event = read(raw, partitions).record.event
        if not isinstance(event, RateSet):
            continue
        rate = Rate.model_validate(event.model_dump(by_alias=True))
        pair = pairs.setdefault((rate.from_, rate.to), {})
        pair[rate.rate_id] = rate
        if len(pair) > KEPT:
            del pair[min(pair, key=lambda each: (pair[each].at, each))]
        every = [known for found_ in pairs.values() for known in found_.values()]
        found.since.append(raw.timestamp_ms)
        found.states.append(tuple(sorted(every, key=lambda each: (each.from_, each.to, each.at))))
    return found
