"""One hop, three ways: `python -m tests.bench.one_hop bare|fed|faust BOOTSTRAP`, until killed.

Each parses an order with pydantic, writes it back, and sends it on.
"""

import sys
from typing import Any

from confluent_kafka import Consumer, Producer

from schemas.orders import OrderPlaced

SOURCE, TARGET = "hop.in", "hop.{}"
BATCH = 500


def through(value: bytes) -> bytes:
    """Parse and write an order: the work of a hop."""
    return OrderPlaced.model_validate_json(value).model_dump_json(exclude_none=True).encode()


def clients(mode: str, bootstrap: str) -> tuple[Any, Any]:
    """A consumer and a producer of librdkafka, as the runtime has them."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap, "group.id": f"hop-{mode}",
            "auto.offset.reset": "earliest", "enable.auto.commit": False,
        }
    )  # fmt: skip
    consumer.subscribe([SOURCE])
    producer = Producer(
        {"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all", "linger.ms": 0}
    )
    return consumer, producer


def batch_of(consumer: Any) -> list[Any]:
    """One with a wait, the rest without."""
    messages = consumer.consume(1, 0.1)
    return [*messages, *(consumer.consume(BATCH - 1, 0) if messages else ())]


def send(producer: Any, consumer: Any, mode: str, values: list[bytes]) -> None:
    """Write a batch, await its acknowledgements, commit."""
    for value in values:
        producer.produce(TARGET.format(mode), value=value)
    producer.flush()
    if values:
        consumer.commit(asynchronous=True)


def bare(bootstrap: str) -> None:
    """A loop of librdkafka alone."""
    consumer, producer = clients("bare", bootstrap)
    while True:
        messages = batch_of(consumer)
        send(producer, consumer, "bare", [through(m.value()) for m in messages if not m.error()])


def fed(bootstrap: str) -> None:
    """A Faust agent that librdkafka feeds with whole batches, as `services.runtime.worker` does."""
    import asyncio

    import faust

    from services.runtime.worker import _App

    app = _App("hop-fed", broker="kafka://127.0.0.1:9", web_enabled=False, autodiscover=False)
    channel = app.channel(maxsize=1)
    consumer, producer = clients("fed", bootstrap)

    @app.agent(channel)  # type: ignore[untyped-decorator]
    async def judge(batches: Any) -> None:
        async for messages, answer in batches:
            answer.set_result([through(m.value()) for m in messages if not m.error()])

    class Mover(faust.Service):  # type: ignore[misc]
        async def on_started(self) -> None:
            app.flow_control.resume()

        @faust.Service.task  # type: ignore[untyped-decorator]
        async def move(self) -> None:
            loop = asyncio.get_running_loop()
            while not self.should_stop:
                messages = await loop.run_in_executor(None, batch_of, consumer)
                if messages:
                    answer = loop.create_future()
                    await channel.send(value=(messages, answer))
                    values = await answer
                    await loop.run_in_executor(None, send, producer, consumer, "fed", values)

    app.service(Mover)
    app.Worker(loglevel="ERROR", redirect_stdouts=False, console_port=0).execute_from_commandline()


def own(bootstrap: str) -> None:
    """Faust's own consumer and producer."""
    import faust

    app = faust.App(
        "hop-faust", broker=f"kafka://{bootstrap}", web_enabled=False, autodiscover=False,
        consumer_auto_offset_reset="earliest", topic_disable_leader=True,
    )  # fmt: skip
    source = app.topic(SOURCE, value_serializer="raw", value_type=bytes)
    target = app.topic(TARGET.format("faust"), value_serializer="raw", value_type=bytes)

    @app.agent(source)  # type: ignore[untyped-decorator]
    async def hop(values: Any) -> None:
        async for value in values:
            await target.send(value=through(value))

    app.Worker(loglevel="ERROR", redirect_stdouts=False, console_port=0).execute_from_commandline()


if __name__ == "__main__":
    {"bare": bare, "fed": fed, "faust": own}[sys.argv[1]](sys.argv[2])
