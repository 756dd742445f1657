"""What goes on while faults happen: orders come in at a fixed rate, what is released is shipped."""

import threading
import time
from typing import Any, Final

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from schemas.decisions import Decided
from schemas.envelope import derived_id
from schemas.events import decode
from schemas.licenses import LicenseGranted
from schemas.orders import OrderShipped, ShippedLine
from schemas.topics import DECISIONS, LICENSES, ORDERS
from services.cli.demo_run import raw_or_event
from services.cli.license_files import LISTS
from services.generator.scenario import SOURCE, Scenario
from services.runtime.client import Client, record
from services.runtime.codec import Send

POLL_S: Final = 0.1
WATCH: Final = (ORDERS.name, DECISIONS.name, LICENSES.name, "orders.checks", "orders.classified")


def import_licenses(client: Client, made: Scenario) -> None:
    """Write the license book, and wait until the ledger has remembered it."""
    moment = min(event.time for event in made.events)
    sends = []
    for row in made.licenses:
        listed = {k: v.split(";") if k in LISTS else v for k, v in row.items()}
        terms = LicenseGranted.model_validate(listed)
        event_id = derived_id("license", terms.license_id)
        sends.append(record(LICENSES, terms.license_id, terms, event_id=event_id, time=moment))
    client.write(sends)
    if not client.await_folded(LICENSES, "ledger", client.end_of(LICENSES)):
        raise TimeoutError("the ledger did not take up the license book")


class Traffic:
    """Order systems and a warehouse, as threads. Both outlast a broker that goes away."""

    def __init__(self, bootstrap: str, made: Scenario, *, seconds: float) -> None:
        """Connect; nothing is sent before `start`."""
        self._made = made
        self._every = seconds / len(made.events)
        self._producer = Producer(
            {"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all",
             "message.timeout.ms": 0, "linger.ms": 5, "partitioner": "murmur2", "log_level": 2}
        )  # fmt: skip
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "chaos-warehouse", "log_level": 2,
             "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        )  # fmt: skip
        self._orders = {e.key: e.data for e in made.events if e.key is not None and e.data}
        self._shipped: set[str] = set()
        self._over = threading.Event()
        self.failed: list[str] = []
        self.sent = 0
        self.latest: dict[str, Decided] = {}
        self.sender = threading.Thread(target=self._send_all, daemon=True)
        self._warehouse = threading.Thread(target=self._follow, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._warehouse.start()
        self.sender.start()

    def stop(self) -> None:
        """End both threads."""
        self._over.set()
        self.sender.join()
        self._warehouse.join()
        self._producer.flush(10)
        self._consumer.close()

    def _send_all(self) -> None:
        """Send on schedule, whatever the answer times are (open loop)."""
        began = time.monotonic()
        for number, event in enumerate(self._made.events):
            ahead = began + number * self._every - time.monotonic()
            if ahead > 0 and self._over.wait(ahead):
                return
            self._produce(raw_or_event(event))
            self.sent += 1

    def _produce(self, send: Send) -> None:
        while not self._over.is_set():
            try:
                self._producer.produce(
                    send.topic, value=send.value, key=send.key, headers=list(send.headers),
                    on_delivery=self._delivered,
                )  # fmt: skip
            except BufferError:
                self._producer.poll(POLL_S)
            else:
                self._producer.poll(0)
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        del message
        if error is not None:
            self.failed.append(str(error))

    def _follow(self) -> None:
        """Keep the standing decision of every order, and ship what is to be shipped."""
        partitions = self._consumer.list_topics(DECISIONS.name, timeout=10).topics[DECISIONS.name]
        self._consumer.assign(
            [TopicPartition(DECISIONS.name, at, 0) for at in partitions.partitions]
        )
        while not self._over.is_set():
            for message in self._consumer.consume(500, POLL_S):
                if message.error() is None:
                    self._take(message)
            self._producer.poll(0)

    def _take(self, message: Message) -> None:
        named = {name: (value or b"").decode() for name, value in message.headers() or ()}
        event = decode(named["ce_type"], DECISIONS.name, message.value() or b"", "")
        if not isinstance(event, Decided):
            return
        known = self.latest.get(event.key)
        if known is not None and known.seq >= event.seq:
            return
        self.latest[event.key] = event
        wanted = event.key in self._made.ship_when_released and event.key not in self._shipped
        if event.decision == "RELEASED" and wanted:
            self._shipped.add(event.key)
            self._produce(_shipment(event, self._orders[event.key]))

    def unexpected(self) -> dict[str, str]:
        """Orders that do not stand as their author expects, and how they stand."""
        return differing(self._made, self.latest)


def differing(made: Scenario, latest: dict[str, Decided]) -> dict[str, str]:
    """Compare what stands with what the generator expects."""
    wrong = {}
    for key, expected in made.expected.items():
        found = latest.get(key)
        if found is None:
            wrong[key] = f"nothing instead of {expected}"
            continue
        reasons = {reason.code.value for reason in found.reasons}
        stands = (found.decision, found.cause) == (expected.decision, expected.cause)
        if not stands or not expected.reasons <= reasons:
            said = f"{found.decision} {found.cause or ''} {sorted(reasons)} at seq {found.seq}"
            wrong[key] = f"{said} instead of {expected}"
    return wrong


def _shipment(released: Decided, order: dict[str, Any]) -> Send:
    """Ship a released order whole."""
    event = OrderShipped(
        order_source=released.order_source,
        order_id=released.order_id,
        revision=released.revision,
        shipment_id=f"S-{released.order_id}",
        decision_id=released.decision_id,
        shipped_at=released.as_of,
        final=True,
        lines=tuple(
            ShippedLine.model_validate(
                {name: line[name] for name in ("line_id", "quantity", "unit")}
            )
            for line in order["lines"]
        ),
    )
    event_id = derived_id("shipment", event.key, event.shipment_id)
    return record(ORDERS, event.key, event, event_id=event_id, time=released.as_of, source=SOURCE)
