"""Rates as determination reads them: every one on record, and gibberish is nobody's rate."""

from datetime import UTC, datetime
from decimal import Decimal

from infra.local.embedded import EmbeddedStack
from schemas.reference import RateSet
from schemas.topics import EMBEDDED_PARTITIONS, REFERENCE
from services.runtime.client import Client, now, record
from services.runtime.codec import Send
from services.runtime.rates import RateReader
from services.runtime.settings import Settings


def said(rate: str, day: int = 1, to: str = "USD") -> Send:
    fields = {"rate_id": f"EUR-{to}-{day}", "from": "EUR", "to": to, "rate": rate, "source": "ECB"}
    event = RateSet.model_validate(fields | {"at": datetime(2026, 6, day, tzinfo=UTC)})
    return record(REFERENCE, f"rate/EUR-{to}", event, event_id=event.rate_id, time=now())


def test_rates_are_read_to_the_end_and_kept_in_their_own_order() -> None:
    with EmbeddedStack() as stack:
        found = {"kafka_bootstrap": stack.bootstrap, "broker_kind": "embedded"}
        client = Client(Settings.model_validate(found), (REFERENCE,))
        reader = RateReader(stack.bootstrap, "test", EMBEDDED_PARTITIONS)
        client.write([said("1.2", 9), said("160", 3, "JPY"), said("1.1", 2)])
        client.write([said("1.3", 5)._replace(value=b"{")])
        reader.refresh()

        assert [(each.to, each.rate) for each in reader.rates] == [
            ("JPY", Decimal(160)), ("USD", Decimal("1.1")), ("USD", Decimal("1.2")),
        ]  # fmt: skip
        reader.close()
        client.close()
