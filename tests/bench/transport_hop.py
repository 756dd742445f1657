"""One hop, four ways: orders are read, parsed, dumped and written by different transports.

`python -m tests.bench.transport_hop WAY BOOTSTRAP FROM TO`, until killed.
"""

import asyncio
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import faust
from confluent_kafka import Consumer, Producer
from faust.app.base import BootStrategy

from schemas.orders import OrderPlaced

BATCH: Final = 500
GROUP: Final = "transport"


def judged(value: bytes) -> bytes:
    """What every way does with a record: parse it and dump it."""
    return OrderPlaced.model_validate_json(value).model_dump_json(exclude_none=True).encode()


class Ends:
    """librdkafka at both ends, set as the services set it."""

    def __init__(self, bootstrap: str, source: str, target: str) -> None:
        self._target = target
        self.consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": GROUP, "auto.offset.reset": "earliest",
             "enable.auto.commit": False, "fetch.wait.max.ms": 50}
        )  # fmt: skip
        self.producer = Producer(
            {"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all",
             "linger.ms": 0, "partitioner": "murmur2"}
        )  # fmt: skip
        self.consumer.subscribe([source])

    def poll(self) -> list[tuple[bytes | None, bytes]]:
        """One record with a wait, the rest without."""
        found = self.consumer.consume(1, 0.1)
        if found:
            found += self.consumer.consume(BATCH - 1, 0)
        return [(m.key(), m.value() or b"") for m in found if m.error() is None]

    def write(self, records: list[tuple[bytes | None, bytes]]) -> None:
        """Write, await every acknowledgement, commit."""
        for key, value in records:
            self.producer.produce(self._target, key=key, value=value)
        self.producer.flush()
        if records:
            self.consumer.commit(asynchronous=True)


def bare(bootstrap: str, source: str, target: str) -> None:
    """No framework: librdkafka and a loop."""
    ends = Ends(bootstrap, source, target)
    while True:
        ends.write([(key, judged(value)) for key, value in ends.poll()])


class _WithoutKafka(BootStrategy):  # type: ignore[misc]
    enable_kafka = False
    enable_kafka_consumer = False
    enable_kafka_producer = False


class _App(faust.App):  # type: ignore[misc]
    BootStrategy = _WithoutKafka


def fed(bootstrap: str, source: str, target: str) -> None:
    """A Faust agent that librdkafka feeds with whole batches: how the services are built."""
    ends = Ends(bootstrap, source, target)
    app = _App("fed", broker="kafka://127.0.0.1:9", web_enabled=False, autodiscover=False)
    channel = app.channel(maxsize=1)
    thread = ThreadPoolExecutor(1)

    @app.agent(channel)  # type: ignore[untyped-decorator]
    async def judge(batches: Any) -> None:
        async for records, answer in batches:
            answer.set_result([(key, judged(value)) for key, value in records])

    class Mover(faust.Service):  # type: ignore[misc]
        async def on_started(self) -> None:
            app.flow_control.resume()

        @faust.Service.task  # type: ignore[untyped-decorator]
        async def move(self) -> None:
            loop = asyncio.get_running_loop()
            while not self.should_stop:
                records = await loop.run_in_executor(thread, ends.poll)
                if records:
                    answer = loop.create_future()
                    await channel.send(value=(records, answer))
                    await loop.run_in_executor(thread, ends.write, await answer)

    app.service(Mover)
    _work(app)


def _faust(bootstrap: str) -> Any:
    return faust.App(
        GROUP, broker=f"kafka://{bootstrap}", web_enabled=False, autodiscover=False,
        topic_disable_leader=True, topic_allow_declare=False, store="memory://",
        consumer_auto_offset_reset="earliest", value_serializer="raw", key_serializer="raw",
        broker_commit_every=BATCH,
    )  # fmt: skip


def take(bootstrap: str, source: str, target: str) -> None:
    """Faust's own consumer, `take`, and librdkafka's producer."""
    app = _faust(bootstrap)
    producer = Producer(
        {"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 0}
    )

    @app.agent(app.topic(source))  # type: ignore[untyped-decorator]
    async def judge(stream: Any) -> None:
        async for values in stream.take(BATCH, within=0.05):
            for value in values:
                producer.produce(target, value=judged(value))
            producer.flush()

    _work(app)


def own(bootstrap: str, source: str, target: str) -> None:
    """Faust's own consumer and its own producer."""
    app = _faust(bootstrap)
    out = app.topic(target)

    @app.agent(app.topic(source))  # type: ignore[untyped-decorator]
    async def judge(stream: Any) -> None:
        async for value in stream:
            await out.send(value=judged(value))

    _work(app)


def _work(app: Any) -> None:
    worker = app.Worker(loglevel="WARNING", redirect_stdouts=False, console_port=0)
    worker.spinner = None
    worker.execute_from_commandline()


WAYS: Final[dict[str, Callable[[str, str, str], None]]] = {
    "bare": bare, "fed": fed, "take": take, "own": own,
}  # fmt: skip

if __name__ == "__main__":
    WAYS[sys.argv[1]](*sys.argv[2:5])
