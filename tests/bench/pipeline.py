"""The gate beside three bare hops that read and write the same events, in one run on real Kafka.

`make bench` (`SECONDS=`, `SEED=`). Both are warmed up; the median of three bursts counts.
Throughput: all orders at once, from the append of the first to the append of the last decision.
Latency: an open loop of 500 orders/s, from the append of an order to the append of its decision, by
the broker's own timestamps. The last line is one JSON object.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.kafka.topics import create_topics
from infra.local.kafka import KafkaServer
from infra.local.process import free_port, wait_until
from infra.local.redis import RedisServer
from schemas.base import Model
from schemas.checks import OrderAssessed, OrderClassified
from schemas.decisions import OrderReleased
from schemas.events import BY_MODEL
from schemas.orders import OrderPlaced
from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, ORDERS, Topic
from services.cli.demo_run import raw_or_event
from services.generator.scenario import Scenario, scenario
from tests.support.gate import Gate, running_gate

RATE = 500
BURST, BURSTS = 10_000, 3
WARM_UP, WARM_UPS = 4_000, 3
"""The broker's virtual machine compiles what is used often: cold, it is several times slower."""
BARE = ("bare.0", "bare.1", "bare.2", "bare.3")
PARTITIONS = 12
DRAINED_WITHIN_S = 180.0


KINDS: Final[tuple[tuple[Topic, type[Model]], ...]] = (
    (ORDERS, OrderPlaced),
    (CLASSIFIED, OrderClassified),
    (CHECKS, OrderAssessed),
    (DECISIONS, OrderReleased),
)


class Load(Protocol):
    """Sends orders through something and measures what comes out."""

    def __call__(self, *, seed_shift: int, count: int, rate: int) -> dict[str, Any]:
        """`rate` in orders/s; 0: all at once."""


def say(text: str) -> None:
    """Report progress."""
    sys.stderr.write(text + "\n")


def todays(seed: int, count: int) -> Scenario:
    """Orders of today, each revision placed, so that no event is too old."""
    today = datetime.now(UTC).date()
    made = scenario(seed, count, start=today, end=today)
    moment = datetime.now(UTC) - timedelta(minutes=1)
    made.events = [
        type(event)(event.type, event.id, event.source, moment, event.key, event.data)
        for event in made.events
    ]
    return made


def stamps(bootstrap: str, topic: str, start: dict[int, int]) -> dict[str, int]:
    """First append time (ms) of each key from `start` on."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})
    found: dict[str, int] = {}
    places = [TopicPartition(topic, at, offset) for at, offset in start.items()]
    ends = {p.partition: consumer.get_watermark_offsets(p)[1] for p in places}
    left = sum(max(end - start[at], 0) for at, end in ends.items())
    consumer.assign(places)
    while left > 0:
        for message in consumer.consume(1000, 1.0):
            if message.error() is None:
                left -= 1
                found.setdefault((message.key() or b"").decode(), message.timestamp()[1])
    consumer.close()
    return found


def ends_of(bootstrap: str, topic: str) -> dict[int, int]:
    """Next offset of every partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})
    found = {
        at: consumer.get_watermark_offsets(TopicPartition(topic, at))[1] for at in range(PARTITIONS)
    }
    consumer.close()
    return found


def drive(
    bootstrap: str, source: str, target: str, records: list[tuple[bytes, bytes, Any]], rate: int
) -> dict[str, Any]:
    """Send records (rate 0: at once), wait for all to come out, and measure by append times."""
    starts = ends_of(bootstrap, source), ends_of(bootstrap, target)
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "partitioner": "murmur2"})
    began = time.monotonic()
    for at, (key, value, headers) in enumerate(records):
        while rate and (wait := began + at / rate - time.monotonic()) > 0:
            producer.poll(wait)  # returns early when it has something to do
        producer.produce(source, key=key, value=value, headers=headers)
        if not at % 1000:
            producer.poll(0)
    producer.flush()
    keys = {key.decode() for key, _, _ in records}
    before = sum(starts[1].values())
    wait_until(
        lambda: sum(ends_of(bootstrap, target).values()) - before >= len(keys), DRAINED_WITHIN_S
    )
    came, went = stamps(bootstrap, source, starts[0]), stamps(bootstrap, target, starts[1])
    spent = sorted(went[key] - came[key] for key in keys if key in went)
    seconds = (max(went.values()) - min(came.values())) / 1000
    return {
        "orders": len(keys), "decided": len(spent), "seconds": round(seconds, 2),
        "orders_per_s": round(len(spent) / seconds), "p50_ms": spent[len(spent) // 2],
        "p99_ms": spent[len(spent) * 99 // 100], "max_ms": spent[-1],
    }  # fmt: skip


def as_records(made: Scenario) -> list[tuple[bytes, bytes, Any]]:
    """Encode a scenario's events."""
    sends = [raw_or_event(event) for event in made.events]
    return [(s.key or b"", s.value or b"", list(s.headers)) for s in sends]


def _answers(bootstrap: str, topic: str) -> bool:
    """Whether a new topic has its leaders."""
    try:
        return bool(ends_of(bootstrap, topic))
    except KafkaException:
        return False


class Sample(NamedTuple):
    """An event of the average size of its kind."""

    model: str
    value: bytes


@contextmanager
def bare_hops(bootstrap: str, folder: Path, samples: list[Sample]) -> Iterator[None]:
    """Run three bare hops as processes, each reading one kind of event and writing the next."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    config = {"message.timestamp.type": "LogAppendTime"}
    fresh = [NewTopic(name, PARTITIONS, 1, config=config) for name in BARE]
    for future in admin.create_topics(fresh).values():
        future.result(30)
    assert wait_until(lambda: all(_answers(bootstrap, name) for name in BARE), 30)
    hops = []
    for at, (reads, writes) in enumerate(pairwise(samples)):
        file = folder / f"{writes.model}.json"
        file.write_text(json.dumps({"model": writes.model, "value": writes.value.decode()}))
        command = [sys.executable, "-m", "tests.bench.hop", bootstrap, BARE[at], BARE[at + 1]]
        hops.append(subprocess.Popen([*command, reads.model, str(file)]))
    try:
        yield
    finally:
        for hop in hops:
            hop.kill()
            hop.wait()


def sample_of(bootstrap: str, topic: str, model: type[Model]) -> Sample:
    """Find, among the events of one kind in one partition, the one nearest to their average."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench"})
    place = TopicPartition(topic, 0, 0)
    _, high = consumer.get_watermark_offsets(place)
    consumer.assign([place])
    kind, seen, values = BY_MODEL[model].name.encode(), 0, []
    while seen < high:
        for message in consumer.consume(500, 1.0):
            seen += 1
            if dict(message.headers() or ()).get("ce_type") == kind:
                values.append(message.value() or b"")
    consumer.close()
    average = sum(map(len, values)) // len(values)
    return Sample(model.__name__, min(values, key=lambda value: abs(len(value) - average)))


def measure(load: Load, name: str, seconds: int) -> dict[str, Any]:
    """Warm up, then the median of three bursts, then the open loop."""
    for warmed in range(WARM_UPS):
        rate = load(seed_shift=10 + warmed, count=WARM_UP, rate=0)["orders_per_s"]
        say(f"{name}: warming up, {rate} orders/s")
    bursts = [load(seed_shift=20 + at, count=BURST, rate=0) for at in range(BURSTS)]
    rates = [burst["orders_per_s"] for burst in bursts]
    say(f"{name}: {BURST} orders at once, {BURSTS} times: {rates} orders/s")
    steady = load(seed_shift=30, count=RATE * seconds, rate=RATE)
    say(f"{name}: {RATE} orders/s for {seconds} s: p50 {steady['p50_ms']} ms")
    median = sorted(bursts, key=lambda burst: int(burst["orders_per_s"]))[BURSTS // 2]
    return {"burst": median, "bursts_orders_per_s": rates, "open_loop": steady}


def gate_load(gate: Gate, bootstrap: str, seed: int) -> Load:
    """Send orders through the gate."""
    gate.import_licenses(todays(seed, 1).licenses)
    gate.import_products(todays(seed, 1).products)

    def load(*, seed_shift: int, count: int, rate: int) -> dict[str, Any]:
        records = as_records(todays(seed + seed_shift, count))
        return drive(bootstrap, ORDERS.name, DECISIONS.name, records, rate)

    return load


def bare_load(bootstrap: str, seed: int) -> Load:
    """Send the same orders through the bare hops, one record an order."""

    def load(*, seed_shift: int, count: int, rate: int) -> dict[str, Any]:
        records = one_each(todays(seed + seed_shift, count))
        return drive(bootstrap, BARE[0], BARE[3], records, rate)

    return load


def one_each(made: Scenario) -> list[tuple[bytes, bytes, Any]]:
    """One record an order, as it was placed: a bare hop answers each record, not each order."""
    placed = [raw_or_event(event) for event in made.events if event.type == "OrderPlaced"]
    return [(send.key or b"", send.value or b"", None) for send in placed]


def main() -> None:
    """Run the benchmark and print its figures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=15, help="of the open loop")
    options.add_argument("--seed", type=int, default=7)
    asked = options.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="exportgate-bench-"))
    with (
        KafkaServer(folder / "kafka", free_port()) as kafka,
        RedisServer(folder / "redis", free_port()) as redis,
    ):
        create_topics(kafka.bootstrap)
        with running_gate(folder, kafka.bootstrap, redis.url) as gate:
            ours = measure(gate_load(gate, kafka.bootstrap, asked.seed), "gate", asked.seconds)
        samples = [sample_of(kafka.bootstrap, topic.name, model) for topic, model in KINDS]
        with bare_hops(kafka.bootstrap, folder, samples):
            bare = measure(bare_load(kafka.bootstrap, asked.seed), "bare hops", asked.seconds)
    ratio = ours["burst"]["orders_per_s"] / bare["burst"]["orders_per_s"]
    result = {
        "gate": ours,
        "bare": bare,
        "bytes": [len(sample.value) for sample in samples],
        "ratio": round(ratio, 3),
    }
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
