"""Figures of ADR 0001: one hop on real Kafka by four transports, in one run.

`python -m tests.bench.transports [--count N]`. Each way moves the same records of about 656 bytes,
which it parses and dumps with pydantic; the rate is by the broker's append times of its output, so
starting up does not count. The ratios of one run mean something; the numbers are the machine's.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.kafka.topics import silent_partitions
from infra.local.kafka import KafkaServer
from infra.local.process import free_port, wait_until
from schemas.events import encode
from schemas.orders import OrderPlaced
from services.generator.scenario import scenario
from tests.bench.transport_hop import WAYS

BYTES: Final = 656
PARTITIONS: Final = 12
DONE_WITHIN_S: Final = 120.0
TITLES: Final = {
    "bare": "bare confluent-kafka loop",
    "fed": "Faust agent fed whole batches by confluent-kafka",
    "take": "Faust's own consumer, `take(500)`, confluent producer",
    "own": "Faust's own consumer and producer",
}


def records(count: int) -> list[tuple[bytes, bytes]]:
    """Orders of one size."""
    made = []
    for at, event in enumerate(scenario(7, count).events[:count]):
        data = {**event.data, "contract": "", "revision": 1, "order_id": f"O-{at}"}
        if event.type != "OrderPlaced":
            data = {**scenario(7, 1).events[0].data, "contract": "", "order_id": f"O-{at}"}
        order = OrderPlaced.model_validate({**data, "lines": data["lines"][:1]})
        short = BYTES - len(encode(order))
        order = order.model_copy(update={"contract": "x" * max(short, 0)})
        made.append((order.key.encode(), encode(order)))
    return made


def _create(bootstrap: str, names: list[str]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    config = {"message.timestamp.type": "LogAppendTime"}
    fresh = [NewTopic(name, PARTITIONS, 1, config=config) for name in names]
    for future in admin.create_topics(fresh).values():
        future.result(30)
    if not wait_until(lambda: not silent_partitions(admin), 30):
        raise TimeoutError("the topics do not answer")


def _ends(consumer: Consumer, topic: str) -> int:
    return sum(
        consumer.get_watermark_offsets(TopicPartition(topic, at), timeout=10)[1]
        for at in range(PARTITIONS)
    )


def _seconds(bootstrap: str, topic: str) -> float:
    """From the first append of a topic to the last."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "transports-read"})
    left = _ends(consumer, topic)
    consumer.assign([TopicPartition(topic, at, 0) for at in range(PARTITIONS)])
    stamps: list[int] = []
    while len(stamps) < left:
        stamps += [m.timestamp()[1] for m in consumer.consume(1_000, 5.0) if m.error() is None]
    consumer.close()
    return (max(stamps) - min(stamps)) / 1000


def measure(bootstrap: str, way: str, made: list[tuple[bytes, bytes]]) -> float:
    """Records a second through one hop."""
    source, target = f"{way}.in", f"{way}.out"
    _create(bootstrap, [source, target])
    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2"})
    for key, value in made:
        producer.produce(source, key=key, value=value)
        producer.poll(0)
    producer.flush()
    hop = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.transport_hop", way, bootstrap, source, target],
        stdin=subprocess.DEVNULL,
    )
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "transports-wait"})
    try:
        wait_until(
            lambda: hop.poll() is not None or _ends(consumer, target) >= len(made), DONE_WITHIN_S
        )
    finally:
        hop.kill()
        hop.wait()
    moved = _ends(consumer, target)
    consumer.close()
    if moved < len(made):
        raise TimeoutError(f"{way}: {moved} of {len(made)} came out (exit {hop.returncode})")
    return moved / max(_seconds(bootstrap, target), 0.001)


def main() -> None:
    """Measure all four and print a table, and one JSON object on the last line."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=30_000, help="records a way")
    asked = options.parse_args()
    made = records(asked.count)
    folder = Path(tempfile.mkdtemp(prefix="exportgate-transports-"))
    found: dict[str, float] = {}
    with KafkaServer(
        folder / "kafka", free_port(), controller_port=free_port(), tied=True
    ) as kafka:
        for way in WAYS:
            found[way] = measure(kafka.bootstrap, way, made)
            sys.stderr.write(f"{way}: {found[way]:,.0f} records/s\n")
    sys.stdout.write("| one hop | records/s | of bare |\n|---|---|---|\n")
    for way, rate in found.items():
        share = rate / found["bare"]
        sys.stdout.write(f"| {TITLES[way]} | {rate:,.0f} | {share:.2f} |\n")
    sizes = sum(len(value) for _, value in made) // len(made)
    rates = {way: round(rate) for way, rate in found.items()}
    sys.stdout.write(
        json.dumps({"records_per_s": rates, "count": len(made), "bytes": sizes}) + "\n"
    )


if __name__ == "__main__":
    main()
