"""What every service is built from: the broker checked, Redis found, pumps made."""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from schemas.checks import Unreadable
from schemas.envelope import Output, Recorded
from schemas.topics import SOURCES, Topic, dead_letters
from services.runtime.broker import Cluster, connect
from services.runtime.errors import Unavailable, Unusable
from services.runtime.folded import STALE_AFTER, Folded, Folding
from services.runtime.pump import Pump
from services.runtime.remember import Place, Remembered
from services.runtime.settings import Settings
from services.runtime.sink import Sink
from services.runtime.snapshot import Snapshots
from services.runtime.source import Reader
from services.runtime.stage import Stage


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything a service's `pumps` needs."""

    settings: Settings
    cluster: Cluster
    remembered: Remembered
    reader: Reader
    client: str

    def pump(self, stage: Stage) -> Pump:
        """Build the pump of a stage."""
        return Pump(
            stage=stage,
            bootstrap=self.settings.kafka_bootstrap,
            client=f"{self.client}-{stage.name}",
            remembered=self.remembered,
        )

    def folded(
        self,
        name: str,
        topic: Topic,
        folding: Folding,
        *,
        state: Topic,
        stale_after: timedelta | None = STALE_AFTER,
    ) -> Folded:
        """Build a stage with memory; `state` is where its snapshots stand."""
        return Folded(
            name=name,
            topic=topic,
            partitions=self.cluster.partitions[topic.name],
            folding=folding,
            remembered=self.remembered,
            reader=self.reader,
            place_of=lambda at: self.place(topic, name, folding.version, at),
            snapshots=self._snapshots(name, state),
            stale_after=stale_after,
        )

    def _snapshots(self, name: str, state: Topic) -> Snapshots | None:
        """A mock broker keeps nothing, so there is nothing to come back to."""
        every = self.settings.snapshot_every.total_seconds()
        if self.settings.broker_kind == "embedded" or not every:
            return None
        bootstrap, client = self.settings.kafka_bootstrap, f"{self.client}-{name}-state"
        return Snapshots(state, self.reader, lambda: Sink(bootstrap, client), every)

    def place(self, topic: Topic, name: str, version: int, partition: int) -> Place:
        """Name where a fold's partition is remembered."""
        return Place(
            cluster=self.cluster.cluster_id,
            topic=topic.name,
            topic_id=self.cluster.topic_ids[topic.name],
            partition=partition,
            group=name,
            version=version,
        )

    @staticmethod
    def passed_on(record: Recorded[Any], topic: Topic) -> Output:
        """Pass a cancellation, shipment, return or unreadable record on, unchanged."""
        unreadable = isinstance(record.event, Unreadable)
        source = None if unreadable else record.source
        return Output(topic.name, record.key, record.id, record.event, source=source)


def runtime(name: str, topics: tuple[Topic, ...], settings: Settings) -> Runtime:
    """Check the broker and Redis. Raises Unusable, saying what is wrong, before anything starts."""
    wanted = [*topics, *(dead_letters(topic) for topic in topics if topic in SOURCES)]
    embedded = settings.broker_kind == "embedded"
    cluster = connect(settings.kafka_bootstrap, wanted, embedded=embedded)
    remembered = Remembered(settings.redis_url.get_secret_value())
    try:
        remembered.ping()
    except Unavailable as error:
        raise Unusable(f"no Redis answers: {error}") from error
    client = f"exportgate-{name}-{settings.instance or os.getpid()}"
    reader = Reader(settings.kafka_bootstrap, client)
    return Runtime(settings, cluster, remembered, reader, client)
