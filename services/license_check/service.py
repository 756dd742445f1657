"""Wires determination and the ledger to their topics."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from schemas.base import Model
from schemas.checks import OrderClassified, Rate
from schemas.envelope import Output, Recorded, output_id
from schemas.texts import LineTexts
from schemas.topics import CHECKS, CLASSIFIED, LICENSES, LICENSES_STATE, REFERENCE
from services.license_check import ledger, register
from services.license_check.book import LICENSE, License, Reservation
from services.license_check.determine import Book, Rules, book_of, determine
from services.license_check.known import KnownLines
from services.runtime.app import Runtime
from services.runtime.book import BookReader
from services.runtime.folded import Folding
from services.runtime.metrics.licenses import measure
from services.runtime.policies import read_ladder
from services.runtime.pump import Pump
from services.runtime.rates import RateReader
from services.runtime.stage import Judge, Sensor

DETERMINE: Final = "determine"
LEDGER: Final = "ledger"
TOPICS: Final = (CLASSIFIED, CHECKS, LICENSES, LICENSES_STATE, REFERENCE)
FOLD_VERSION: Final = 1


def decode(field: str, value: bytes) -> Model:
    """Read a remembered entity: the nameless one of an aggregate is the license."""
    model = License if field.endswith("\x00" + LICENSE) else Reservation
    return model.model_validate_json(value)


def due(entity: Model) -> list[tuple[str, datetime]]:
    """List the deadlines of a license."""
    return register.deadlines(entity) if isinstance(entity, License) else []


def judge_with(
    current: Callable[[], Book],
    rules: Rules,
    rates: Callable[[], tuple[Rate, ...]] = tuple,
    known: KnownLines | None = None,
    texts: LineTexts | None = None,
) -> Judge:
    """Say what one record of `orders.classified` leads to, by the book as `current` gives it.

    `known` and `texts` are for who classified the same lines in this process.
    """

    def judge(record: Recorded[Any]) -> list[Output]:
        event = record.event
        if not isinstance(event, OrderClassified):
            return [Runtime.passed_on(record, CHECKS)]
        assessed = determine(event, current(), record.logged_at, rules, rates(), known)
        value = texts.encode(assessed, assessed.lines) if texts is not None else None
        return [Output(CHECKS.name, record.key, output_id(record, "assessed"), assessed, value)]

    return judge


def pumps(runtime: Runtime) -> list[Pump]:
    """Build both stages: the sensor `determine` and the fold `ledger`."""
    settings, cluster = runtime.settings, runtime.cluster
    book = BookReader(
        runtime.remembered,
        [runtime.place(LICENSES, LEDGER, FOLD_VERSION, at)
         for at in range(cluster.partitions[LICENSES.name])],
        lambda name, value: License.model_validate_json(value),
    )  # fmt: skip
    rules = Rules(
        require_screening=settings.require_screening,
        event_basis=settings.time_basis == "event",
        ladder=read_ladder(),
    )

    cache: list[tuple[int, Book]] = []

    def current() -> Book:
        """Sort the book by regime again only when something in it changed."""
        if not cache or cache[0][0] != book.generation:
            cache[:] = [(book.generation, book_of(book.entities(), book.offsets()))]
        return cache[0][1]

    rates = RateReader(settings.kafka_bootstrap, runtime.client, cluster.partitions[REFERENCE.name])

    def prepare() -> None:
        """Read what determination rests on: the book as it stands, the rates on record."""
        book.refresh()
        rates.refresh()

    sensor = Sensor(
        name=DETERMINE,
        topic=CLASSIFIED,
        partitions=cluster.partitions[CLASSIFIED.name],
        judge=judge_with(current, rules, lambda: rates.rates),
        prepare=prepare,
    )
    return [runtime.pump(sensor), ledger_pump(runtime)]


def ledger_pump(runtime: Runtime) -> Pump:
    """Build the fold `ledger` alone."""
    folding = Folding(
        fold=ledger.fold,
        decode=decode,
        due=due,
        forget=ledger.forget,
        version=FOLD_VERSION,
        measure=measure,
    )
    return runtime.pump(runtime.folded(LEDGER, LICENSES, folding, state=LICENSES_STATE))
