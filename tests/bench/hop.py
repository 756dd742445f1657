"""One bare hop: read typed events in batches, write the next stage's, await the acknowledgements.

`python -m tests.bench.hop BOOTSTRAP FROM TO MODEL SAMPLE`, until killed: what any pipeline of three
processes with typed events must at least do. `MODEL` is what it reads (a name in `schemas.checks`
or `schemas.orders`), `SAMPLE` a file with a `{"model", "value"}` of what it writes.
"""

import json
import sys
from pathlib import Path

from confluent_kafka import Consumer, Producer

from schemas import checks, decisions, orders
from schemas.base import Model

BATCH = 500
MODELS: dict[str, type[Model]] = {
    model.__name__: model
    for model in (
        orders.OrderPlaced, checks.OrderClassified, checks.OrderAssessed, decisions.OrderReleased,
    )
}  # fmt: skip


def main(bootstrap: str, source: str, target: str, reads: type[Model], sample: Model) -> None:
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
                event = reads.model_validate_json(message.value() or b"")
                out = sample.model_copy(update={"order_id": getattr(event, "order_id", "")})
                value = out.model_dump_json(exclude_none=True).encode()
                producer.produce(target, key=message.key(), value=value)
        producer.flush()
        if messages:
            consumer.commit(asynchronous=True)


if __name__ == "__main__":
    written = json.loads(Path(sys.argv[5]).read_text())
    main(
        sys.argv[1], sys.argv[2], sys.argv[3], MODELS[sys.argv[4]],
        MODELS[written["model"]].model_validate_json(written["value"]),
    )  # fmt: skip
