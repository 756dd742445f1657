"""Exchange rates on record: topic `reference`, read to its end, then looked at now and then."""

from typing import Final

import structlog

from schemas.checks import Rate
from schemas.reference import RateSet
from schemas.topics import REFERENCE
from services.runtime import metrics
from services.runtime.codec import Raw, read
from services.runtime.errors import Unavailable
from services.runtime.to_end import TopicReader

log = structlog.get_logger()
NAME: Final = "determine"
FRESH_S: Final = 1.0
"""A rate counts for weeks, so that a new one is known within a second is soon enough."""
KEPT: Final = 64
"""Rates kept of each pair of currencies, the newest by their own time."""


class RateReader(TopicReader):
    """Keeps the newest rates of every pair of currencies."""

    def __init__(
        self, bootstrap: str, client: str, partitions: int, fresh_s: float = FRESH_S
    ) -> None:
        """Connect; nothing is read yet."""
        super().__init__(REFERENCE, bootstrap, client, partitions, fresh_s)
        self._pairs: dict[tuple[str, str], dict[str, Rate]] = {}
        self.rates: tuple[Rate, ...] = ()
        self._was_read = False

    def refresh(self) -> None:
        """Look again when it is time. Raises Unavailable while nothing was ever read."""
        try:
            super().refresh()
        except Unavailable:
            if not self._was_read:
                raise
        self._was_read = True

    def take(self, raw: Raw) -> None:
        """Keep a rate. One that cannot be read is nobody's rate: the pair has those before it."""
        event = read(raw, self.partitions).record.event
        if isinstance(event, RateSet):
            rate = Rate.model_validate(event.model_dump(by_alias=True))
            pair = self._pairs.setdefault((rate.from_, rate.to), {})
            pair[rate.rate_id] = rate
            if len(pair) > KEPT:
                del pair[min(pair, key=lambda each: (pair[each].at, each))]
        elif type(event).__name__ == "Unreadable":
            metrics.DEAD_LETTERS.labels(NAME, REFERENCE.name).inc()
            log.error("unreadable reference record", partition=raw.partition, offset=raw.offset)

    def moved(self) -> None:
        """Put the rates together in an order of their own."""
        found = [rate for pair in self._pairs.values() for rate in pair.values()]
        self.rates = tuple(sorted(found, key=lambda rate: (rate.from_, rate.to, rate.at)))
