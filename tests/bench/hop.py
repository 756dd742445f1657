"""One bare hop: consume a batch, read and write JSON of a given size, await the acknowledgements.

`python -m tests.bench.hop BOOTSTRAP FROM TO BYTES`, until killed: what any pipeline of three
processes must at least do.
"""

import sys

import orjson
from confluent_kafka import Consumer, Producer

BATCH = 500


def main(bootstrap: str, source: str, target: str, size: int) -> None:
    """Move records from one topic to the next."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap, "group.id": f"bare-{source}",
            "auto.offset.reset": "earliest", "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
        }
    )  # fmt: skip
    producer = Producer(
        {
            "bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all",
            "linger.ms": 0, "partitioner": "murmur2",
        }
    )  # fmt: skip
    consumer.subscribe([source])
    while True:
        messages = consumer.consume(1, 0.1)
        if messages:
            messages += consumer.consume(BATCH - 1, 0)
        for message in messages:
            if message.error() is None:
                data = orjson.loads(message.value() or b"{}")
                data["filler"] = ""
                data["filler"] = "x" * max(size - len(orjson.dumps(data)), 0)
                producer.produce(target, key=message.key(), value=orjson.dumps(data))
        producer.flush()
        if messages:
            consumer.commit(asynchronous=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
