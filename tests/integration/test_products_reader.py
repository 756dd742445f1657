"""Product records as classification reads them: the newest counts, and gibberish clears nothing."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from infra.local.embedded import EmbeddedStack
from schemas.reference import ProductClassified
from schemas.topics import EMBEDDED_PARTITIONS, PRODUCTS
from services.runtime.client import Client, now, record
from services.runtime.codec import Send
from services.runtime.murmur import partition_of
from services.runtime.products import ProductReader
from services.runtime.settings import Settings


@pytest.fixture(scope="module")
def stack() -> Iterator[EmbeddedStack]:
    with EmbeddedStack() as started:
        yield started


@pytest.fixture
def client(stack: EmbeddedStack) -> Client:
    found = {"kafka_bootstrap": stack.bootstrap, "broker_kind": "embedded"}
    return Client(Settings.model_validate(found), (PRODUCTS,))


@pytest.fixture
def reader(stack: EmbeddedStack) -> Iterator[ProductReader]:
    found = ProductReader(stack.bootstrap, "test", EMBEDDED_PARTITIONS, fresh_s=0)
    yield found
    found.close()


def said(sku: str, code: str | None, **changes: Any) -> Send:
    event = ProductClassified(
        exporter_id="default",
        sku=sku,
        codes={"CN": code},
        officer="li.wei",
        citation="data sheet",
        date=date(2026, 6, 1),
        packs={},
    )
    send = record(PRODUCTS, event.key, event, event_id=f"{sku}-{code}", time=now())
    return send._replace(**changes)


def code_of(reader: ProductReader, sku: str) -> str | None:
    """What is on record; "unreadable" or "nothing" else."""
    found = reader.products.of("default", sku)
    if found is None:
        return "nothing"
    return found.record.codes["CN"] if found.record else "unreadable"


def test_the_newest_record_counts_as_soon_as_it_is_acknowledged(
    client: Client, reader: ProductReader
) -> None:
    reader.refresh()
    assert code_of(reader, "A") == "nothing"

    client.write([said("A", "1C905.b"), said("B", None)])
    reader.refresh()
    assert (code_of(reader, "A"), code_of(reader, "B")) == ("1C905.b", None)

    client.write([said("A", None)])
    reader.refresh()
    assert code_of(reader, "A") is None
    assert reader.products.of("other", "A") is None
    ends = client.end_of(PRODUCTS)
    assert reader.products.offsets == {str(at): end for at, end in ends.items() if end}


@pytest.mark.parametrize(
    "changes",
    [
        {"value": b"{"},
        {"value": None},
        {"headers": ()},
        {"key": b"default/\x07", "sku": "\x07"},
        {"key": b"default/C" + b"x" * 127, "sku": "C" + "x" * 127},
        {"partition": (partition_of(b"default/C", EMBEDDED_PARTITIONS) + 1) % EMBEDDED_PARTITIONS},
    ],
)
def test_a_record_that_cannot_be_read_takes_the_place_of_the_one_before(
    client: Client, reader: ProductReader, changes: dict[str, Any]
) -> None:
    sku = str(changes.pop("sku", "C"))
    client.write([said(sku, None)])
    reader.refresh()
    assert code_of(reader, sku) is None

    client.write([said("C", None, **changes)])
    reader.refresh()
    assert code_of(reader, sku) == "unreadable"


@pytest.mark.parametrize("key", [None, b"\xff\xfe"])
def test_a_record_without_a_key_to_read_names_no_product(
    client: Client, reader: ProductReader, key: bytes | None
) -> None:
    client.write([said("D", None), said("D", "1C905.b", key=key, partition=0)])
    reader.refresh()

    assert code_of(reader, "D") is None


def test_a_reader_that_starts_later_knows_the_same(
    stack: EmbeddedStack, client: Client, reader: ProductReader
) -> None:
    client.write([said("E", "1C905.b"), said("F", None, value=b"?")])
    reader.refresh()
    later = ProductReader(stack.bootstrap, "later", EMBEDDED_PARTITIONS, fresh_s=0)
    later.refresh()
    later.close()

    assert later.products == reader.products
