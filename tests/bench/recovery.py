"""How long the ledger takes to come back when Redis has nothing: from the log, from a snapshot.

`python -m tests.bench.recovery [--records N]`: three years of one partition of `licenses` on a real
broker, folded again by the service's own pump, beside a bare read of the same records; then, from
the snapshot that it wrote, with what came since. The last line is JSON.
"""

import argparse
import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, Final, NamedTuple

import redis
import structlog
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from pydantic import SecretStr

from infra.kafka.topics import create_topics
from infra.local.kafka import KafkaServer
from infra.local.process import free_port
from infra.local.redis import RedisServer
from schemas.topics import LICENSES, LICENSES_STATE
from services.license_check.service import TOPICS, ledger_pump
from services.runtime.app import Runtime, runtime
from services.runtime.folded import Folded
from services.runtime.memory import Memory
from services.runtime.pump import Pump
from services.runtime.settings import Settings
from tests.bench.ledger_log import PARTITION, Line, ledger_log

TAIL_SHARE: Final = 100
"""One of so many records came after the snapshot: more than a busy minute of a partition."""
BATCH: Final = 500
SETTLES_WITHIN_S: Final = 60.0
_BEGAN: Final = time.monotonic()


def say(text: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"{time.monotonic() - _BEGAN:6.1f} s  {text}\n")


# The log


@contextmanager
def create_time(bootstrap: str) -> Iterator[None]:
    """Let `licenses` take the times it is given: three years cannot be waited for."""
    _set_timestamps(bootstrap, "CreateTime")
    yield
    _set_timestamps(bootstrap, LICENSES.config["message.timestamp.type"])


def _set_timestamps(bootstrap: str, kind: str) -> None:
    entry = ConfigEntry("message.timestamp.type", kind, incremental_operation=AlterConfigOpType.SET)
    wanted = ConfigResource(ResourceType.TOPIC, LICENSES.name, incremental_configs=[entry])
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for done in admin.incremental_alter_configs([wanted]).values():
        done.result(30)


def append(bootstrap: str, lines: Iterator[Line]) -> int:
    """Append records to the partition; return its end."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 20,
            "queue.buffering.max.messages": 200_000,
        }
    )  # fmt: skip
    with create_time(bootstrap):
        for number, line in enumerate(lines):
            _produce(producer, line)
            if number % 100_000 == 99_999:
                say(f"{number + 1:,} records written")
        producer.flush()
    consumer = _consumer(bootstrap)
    end = consumer.get_watermark_offsets(TopicPartition(LICENSES.name, PARTITION))[1]
    consumer.close()
    return int(end)


def _produce(producer: Producer, line: Line) -> None:
    while True:
        try:
            producer.produce(
                LICENSES.name, line.value, line.key, PARTITION,
                timestamp=line.timestamp_ms, headers=list(line.headers),
            )  # fmt: skip
        except BufferError:
            producer.poll(0.1)
        else:
            return


def _consumer(bootstrap: str, group: str = "bench") -> Consumer:
    return Consumer(
        {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False}
    )


def commit(bootstrap: str, end: int) -> None:
    """Have the ledger's group stand at the end: all of it was done once, and Redis lost it."""
    consumer = _consumer(bootstrap, "exportgate-ledger")
    consumer.commit(offsets=[TopicPartition(LICENSES.name, PARTITION, end)], asynchronous=False)
    consumer.close()


# What is measured


class Took(NamedTuple):
    """Seconds on the wall, and of processors: on a busy machine only these can be compared."""

    wall: float
    cpu: float

    @classmethod
    def now(cls) -> "Took":
        """Read both clocks."""
        return cls(time.monotonic(), time.process_time())

    def since(self) -> "Took":
        """Tell what passed since."""
        now = self.now()
        return Took(now.wall - self.wall, now.cpu - self.cpu)

    def told(self, name: str, records: int) -> dict[str, float]:
        """Put it in the report."""
        return {
            f"{name}_s": round(self.wall, 2),
            f"{name}_cpu_s": round(self.cpu, 2),
            f"{name}_per_s": round(records / self.wall),
        }


def bare(bootstrap: str, end: int) -> tuple[Took, int]:
    """Read the partition and look at nothing; return what it took, and bytes of the values."""
    consumer, size, offset = _consumer(bootstrap), 0, -1
    began = Took.now()
    consumer.assign([TopicPartition(LICENSES.name, PARTITION, 0)])
    while offset < end - 1:
        for message in consumer.consume(BATCH, 1.0):
            size += len(message.value())
            offset = message.offset()
    took = began.since()
    consumer.close()
    return took, size


def cycle_until(pump: Pump, done: Callable[[Memory], bool]) -> Memory:
    """Move records, as the service does, until a partition is where it should be."""
    stage = pump.stage
    assert isinstance(stage, Folded), "the ledger is a fold"
    while (memory := stage.memories.get(PARTITION)) is None or not done(memory):
        if reads := pump.cycle():
            pump.finish(stage.handle(reads))
    return memory


def recovered(service: Runtime, end: int) -> tuple[Took, Pump, Memory]:
    """Start the ledger with an empty Redis; return what it took until it has caught up."""
    gc.collect()
    began = Took.now()
    pump = ledger_pump(service)
    memory = cycle_until(pump, lambda found: not found.catching_up)
    took = began.since()
    assert memory.offset == end, "nothing is missing, and nothing was added"
    return took, pump, memory


def snapshot(service: Runtime, pump: Pump, entities: int) -> int:
    """Wait for the snapshot of all there is; return its bytes."""
    give_up = time.monotonic() + SETTLES_WITHIN_S
    ends = (0, 0)
    while ends[1] - ends[0] <= entities:
        assert time.monotonic() < give_up, "the snapshot was not written"
        cycle_until(pump, lambda found: found.place == found.remembered_at)
        pump.cycle()
        ends = service.reader.ends(LICENSES_STATE.name)[PARTITION]
    raws = service.reader.between(LICENSES_STATE.name, {PARTITION: ends[0]}, {PARTITION: ends[1]})
    return sum(len(raw.key or b"") + len(raw.value or b"") for raw in raws)


def measure(bootstrap: str, redis_url: str, records: int) -> dict[str, Any]:
    """Write the log and come back from it, both ways."""
    tail = records // TAIL_SHARE
    log = ledger_log(records + tail)
    end = append(bootstrap, islice(log, records))
    read, size = bare(bootstrap, end)
    say(f"a bare read took {read.wall:.1f} s")
    commit(bootstrap, end)
    service = runtime("recovery", TOPICS, settings(bootstrap, redis_url))
    folded, pump, memory = recovered(service, end)
    entities = sum(1 for _ in memory.entities())
    say(f"{entities:,} entities folded from the log in {folded.wall:.1f} s")
    snapshot_bytes = snapshot(service, pump, entities)
    pump.close()

    redis.Redis.from_url(redis_url).flushall()
    end = append(bootstrap, log)
    commit(bootstrap, end)
    taken, pump, _ = recovered(service, end)
    pump.close()
    return {
        "records": records,
        "bytes": size,
        **read.told("bare", records),
        **folded.told("log", records),
        "log_to_bare": round(folded.wall / read.wall, 1),
        "entities": entities,
        "snapshot_bytes": snapshot_bytes,
        "tail": end - records,
        **taken.told("snapshot", end),
        "snapshot_to_bare": round(taken.wall / read.wall, 2),
    }


def settings(bootstrap: str, redis_url: str) -> Settings:
    """Be the service, but for snapshots at once."""
    return Settings(
        kafka_bootstrap=bootstrap,
        redis_url=SecretStr(redis_url),
        snapshot_every=timedelta(milliseconds=1),
    )


def main() -> None:
    """Measure on a broker and a Redis of its own, and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--records", type=int, default=1_000_000)
    asked = options.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    gc.disable()  # as the service's host does
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="exportgate-bench-")))
        kafka = stack.enter_context(
            KafkaServer(folder / "kafka", free_port(), controller_port=free_port(), tied=True)
        )
        found = stack.enter_context(RedisServer(folder / "redis", free_port(), tied=True))
        create_topics(kafka.bootstrap)
        result = measure(kafka.bootstrap, found.url, asked.records)
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
