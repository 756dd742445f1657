"""Kafka as a log to be archived. It reads: its credentials need Read and Describe, and no more."""

from collections.abc import Callable, Iterator
from datetime import datetime

from services.replay.archive import ARCHIVED, READ_RECORDS
from services.replay.proof import Source
from services.replay.stages import GateSettings
from services.runtime.broker import connect
from services.runtime.codec import Raw
from services.runtime.settings import Settings
from services.runtime.source import Reader


class KafkaLog:
    """The topics of a cluster, read outside of any group."""

    def __init__(self, settings: Settings) -> None:
        """Connect. Raises Unusable where the topics are not as the log must be."""
        embedded = settings.broker_kind == "embedded"
        found = connect(settings.kafka_bootstrap, list(ARCHIVED), embedded=embedded)
        self.cluster = found.cluster_id
        self.partitions: dict[str, int] = found.partitions
        self._reader = Reader(settings.kafka_bootstrap, "exportgate-archive")

    def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """(low, high) of every partition."""
        return self._reader.ends(topic)

    def between(self, topic: str, partition: int, start: int, end: int) -> list[Raw]:
        """The records of a partition from `start` to before `end`."""
        return self._reader.between(topic, {partition: start}, {partition: end})

    def close(self) -> None:
        """Disconnect."""
        self._reader.close()


def of_kafka(log: KafkaLog) -> Source:
    """Read a proof's records from Kafka itself."""

    def rows(topic: str, partition: int, wanted: Callable[[bytes], bool]) -> Iterator[Raw]:
        low, high = log.ends(topic)[partition]
        for start in range(low, high, READ_RECORDS):
            for raw in log.between(topic, partition, start, min(start + READ_RECORDS, high)):
                if raw.key is not None and wanted(raw.key):
                    yield raw

    return Source({"cluster": log.cluster}, log.partitions.__getitem__, rows)


def gate_settings(settings: Settings) -> GateSettings:
    """The settings of this installation that decide what its services say."""
    return GateSettings(
        time_basis=settings.time_basis,
        max_event_age_s=int(settings.max_event_age.total_seconds()),
        require_screening=settings.require_screening,
    )


def milliseconds(moment: datetime) -> int:
    """A moment as record timestamps count."""
    return round(moment.timestamp() * 1000)
