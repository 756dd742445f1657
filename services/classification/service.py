"""Wires classification to its topic: orders in, classified orders out."""

import hashlib
from typing import Any, Final

from schemas.envelope import Output, Recorded, output_id
from schemas.orders import Order
from schemas.topics import CLASSIFIED, ORDERS
from services.classification.orders import Classifier, classify_order, content
from services.runtime.app import Runtime
from services.runtime.metrics.lists import measure_of
from services.runtime.packs import load_packs
from services.runtime.pump import Pump
from services.runtime.stage import Sensor

NAME: Final = "classification"
TOPICS: Final = (ORDERS, CLASSIFIED)


def pumps(runtime: Runtime) -> list[Pump]:
    """Build the stage: a sensor over `orders`."""
    packs = load_packs(runtime.settings.cn)
    classifier = Classifier(packs)
    event_basis = runtime.settings.time_basis == "event"

    def judge(record: Recorded[Any]) -> list[Output]:
        event = record.event
        if not isinstance(event, Order):
            return [runtime.passed_on(record, CLASSIFIED)]
        classified = classify_order(
            event,
            as_of=record.time,
            own_day=None if event_basis else record.logged_at,
            digest=hashlib.sha256(content(event)).hexdigest(),
            classifier=classifier,
        )
        event_id = output_id(record, "classified")
        return [Output(CLASSIFIED.name, record.key, event_id, classified)]

    partitions = runtime.cluster.partitions[ORDERS.name]
    stage = Sensor(name=NAME, topic=ORDERS, partitions=partitions, judge=judge)
    stage.measure = measure_of(packs)
    return [runtime.pump(stage)]
