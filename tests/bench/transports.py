"""The figures of ADR 0001: one hop by librdkafka alone, by a fed Faust agent, by Faust itself.

`python -m tests.bench.transports`: 20,000 orders stand ready, each way moves them in turn; records
a second between the first and the last append. The last line is one JSON object.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.local.kafka import KafkaServer
from infra.local.process import free_port, wait_until
from services.generator.scenario import scenario
from tests.bench.one_hop import SOURCE, TARGET

MODES = ("bare", "fed", "faust")
COUNT = 20_000
WITHIN_S = 120.0


def ends(bootstrap: str, topic: str) -> int:
    """How many records a topic of one partition has; -1 while it does not answer."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "count", "log_level": 0})
    try:
        return int(consumer.get_watermark_offsets(TopicPartition(topic, 0))[1])
    except KafkaException:
        return -1
    finally:
        consumer.close()


def rate(bootstrap: str, topic: str) -> int:
    """Records a second, between the first and the last append."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "count"})
    stamps = []
    for offset in (0, COUNT - 1):
        consumer.assign([TopicPartition(topic, 0, offset)])
        (message,) = consumer.consume(1, 10)
        stamps.append(message.timestamp()[1])
    consumer.close()
    return int(COUNT * 1000 / max(stamps[1] - stamps[0], 1))


def main() -> None:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="exportgate-transports-"))
    with KafkaServer(folder, free_port()) as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        topics = [SOURCE, *(TARGET.format(mode) for mode in MODES)]
        config = {"message.timestamp.type": "LogAppendTime"}
        for future in admin.create_topics(
            [NewTopic(topic, 1, 1, config=config) for topic in topics]
        ).values():
            future.result(30)
        assert wait_until(lambda: all(ends(kafka.bootstrap, t) == 0 for t in topics), 30)
        placed = next(e.data for e in scenario(7, 10).events if e.type == "OrderPlaced")
        value = json.dumps(placed).encode()
        producer = Producer({"bootstrap.servers": kafka.bootstrap})
        for _ in range(COUNT):
            producer.produce(SOURCE, value=value)
            producer.poll(0)
        producer.flush()
        found = {mode: measure(kafka.bootstrap, mode) for mode in MODES}
    sys.stdout.write(json.dumps({"bytes": len(value), "records_per_s": found}) + "\n")


def measure(bootstrap: str, mode: str) -> int:
    """Let one way move everything."""
    sys.stderr.write(f"{mode} …\n")
    command = [sys.executable, "-m", "tests.bench.one_hop", mode, bootstrap]
    hop = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        topic = TARGET.format(mode)
        assert wait_until(lambda: ends(bootstrap, topic) >= COUNT, WITHIN_S), f"{mode}: too slow"
        return rate(bootstrap, topic)
    finally:
        hop.kill()
        hop.wait()


if __name__ == "__main__":
    main()
