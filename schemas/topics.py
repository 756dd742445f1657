"""Every topic: partitions, retention, record size. The services check the brokers against this."""

from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024
PARTITIONS: Final = 12
EMBEDDED_PARTITIONS: Final = 4
"""librdkafka's mock cluster creates four partitions and cannot be told otherwise."""
DEAD_LETTER_SUFFIX: Final = ".dlt"
DEAD_LETTER_ROOM: Final = 64 * 1024
"""What a dead letter's headers may add to the record it carries."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. The log is the truth, so nothing is deleted unless the topic is a snapshot."""

    name: str
    key: str
    description: str
    max_bytes: int = 16 * MIB
    cleanup: str = "delete"

    @property
    def partitions(self) -> int:
        """Fixed at creation: an order's and a license's events must keep one total order."""
        return PARTITIONS

    @property
    def config(self) -> dict[str, str]:
        """The broker settings the services insist on (`design`: the log must be there)."""
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": "-1",
            "retention.bytes": "-1",
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(self.max_bytes),
        }


ORDERS: Final = Topic("orders", "order key", "What order systems say of an order", MIB)
CLASSIFIED: Final = Topic("orders.classified", "order key", "Each line under every regime")
CHECKS: Final = Topic("orders.checks", "order key", "All the gate knows of an order, in one order")
LICENSES: Final = Topic("licenses", "license id", "The ledger: one total order per license")
DECISIONS: Final = Topic("orders.decisions", "order key", "Released, held, rejected, closed")
PRODUCTS: Final = Topic("products", "exporter/SKU", "What officers confirmed about a product")
REFERENCE: Final = Topic("reference", "kind/code", "Rates, prices, active packs")
LICENSES_STATE: Final = Topic(
    "licenses.state", "license id", "Snapshots of the ledger", cleanup="compact"
)
CHECKS_STATE: Final = Topic(
    "orders.checks.state", "order key", "Snapshots of the gate", cleanup="compact"
)

SOURCES: Final = (ORDERS, CLASSIFIED, CHECKS, LICENSES, DECISIONS, PRODUCTS, REFERENCE)


def dead_letters(topic: Topic) -> Topic:
    """Name the dead-letter topic of a topic; its limit leaves room for the added headers."""
    return Topic(
        topic.name + DEAD_LETTER_SUFFIX,
        topic.key,
        f"Records of {topic.name} that could not be read, byte for byte",
        topic.max_bytes + DEAD_LETTER_ROOM,
    )


TOPICS: Final = (
    *SOURCES,
    LICENSES_STATE,
    CHECKS_STATE,
    *(dead_letters(topic) for topic in SOURCES),
)
BY_NAME: Final = {topic.name: topic for topic in TOPICS}
