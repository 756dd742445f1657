"""Wires classification to its topic: orders in, classified orders out."""

import hashlib
from collections.abc import Callable
from typing import Any, Final

from schemas.envelope import Output, Recorded, output_id
from schemas.orders import Order
from schemas.texts import LineTexts
from schemas.topics import CLASSIFIED, ORDERS, PRODUCTS
from services.classification.orders import Classifier, Products, classify_order, content
from services.runtime.app import Runtime
from services.runtime.metrics.lists import measure_of
from services.runtime.packs import load_packs
from services.runtime.products import ProductReader
from services.runtime.pump import Pump
from services.runtime.stage import Judge, Sensor

NAME: Final = "classification"
TOPICS: Final = (ORDERS, CLASSIFIED, PRODUCTS)


def judge_of(
    classifier: Classifier,
    products: Callable[[], Products],
    *,
    event_basis: bool,
    texts: LineTexts | None = None,
) -> Judge:
    """Say what one record of `orders` leads to; what is no order passes on unchanged.

    With `texts` it is encoded at once, for who will write it.
    """

    def judge(record: Recorded[Any]) -> list[Output]:
        event = record.event
        if not isinstance(event, Order):
            return [Runtime.passed_on(record, CLASSIFIED)]
        classified = classify_order(
            event,
            as_of=record.time,
            own_day=None if event_basis else record.logged_at,
            digest=hashlib.sha256(content(event)).hexdigest(),
            classifier=classifier,
            products=products(),
        )
        event_id = output_id(record, "classified")
        value = texts.encode(classified, classified.lines) if texts is not None else None
        return [Output(CLASSIFIED.name, record.key, event_id, classified, value)]

    return judge


def pumps(runtime: Runtime) -> list[Pump]:
    """Build the stage: a sensor over `orders`, which has read `products` before it polls."""
    records = ProductReader(
        runtime.settings.kafka_bootstrap,
        runtime.client,
        runtime.cluster.partitions[PRODUCTS.name],
    )
    records.refresh()
    packs = load_packs(runtime.settings.cn)
    judge = judge_of(
        Classifier(packs),
        lambda: records.products,
        event_basis=runtime.settings.time_basis == "event",
        texts=LineTexts(),
    )
    partitions = runtime.cluster.partitions[ORDERS.name]
    stage = Sensor(
        name=NAME, topic=ORDERS, partitions=partitions, judge=judge, prepare=records.refresh
    )
    stage.measure = measure_of(packs)
    return [runtime.pump(stage)]
