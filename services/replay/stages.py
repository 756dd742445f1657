"""The four stages as the services wire them, for records that are read again or made up.

Every judgement goes through the services' public entry points; nothing is judged here.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from schemas.base import Model
from schemas.checks import OrderClassified
from schemas.envelope import Output, Recorded, output_id
from schemas.fold import Fold
from schemas.orders import Order
from schemas.topics import CHECKS, CLASSIFIED, LICENSES, ORDERS, Topic
from services.classification.orders import Classifier, classify_order, content
from services.hold_release import service as hold_release
from services.hold_release.gate import Gate
from services.license_check import ledger
from services.license_check import service as license_check
from services.license_check.book import LICENSE, License
from services.license_check.determine import Book, Rules, book_of, determine
from services.runtime.app import Runtime

CLASSIFICATION: Final = "/exportgate/classification"
DETERMINE: Final = f"/exportgate/{license_check.DETERMINE}"
GATE: Final = f"/exportgate/{hold_release.NAME}"
LEDGER: Final = f"/exportgate/{license_check.LEDGER}"
RUNTIME: Final = "/exportgate/runtime"
OWN: Final = frozenset({CLASSIFICATION, DETERMINE, GATE, LEDGER})
"""CloudEvents sources of what the stages write."""
WRITER_OF: Final = {CLASSIFIED.name: CLASSIFICATION, CHECKS.name: DETERMINE}
"""Which sensor's records stand in a topic."""
ROOT: Final = LICENSE
"""Name of the license among its aggregate's entities: what determination reads."""
Due = Callable[[Model], list[tuple[str, datetime]]]


class GateSettings(Model):
    """The settings of the services that decide what is said, as the archiver found them."""

    time_basis: Literal["log", "event"] = "log"
    max_event_age_s: int = 72 * 3600
    require_screening: bool = True

    @property
    def event_basis(self) -> bool:
        """Whether validity is compared with the events' own times."""
        return self.time_basis == "event"

    def gate(self) -> Gate:
        """Build the gate as its service does."""
        age = timedelta(seconds=self.max_event_age_s)
        return Gate(time_basis=self.time_basis, max_event_age=age)

    def rules(self) -> Rules:
        """Build determination's rules as its service does."""
        return Rules(require_screening=self.require_screening, event_basis=self.event_basis)


@dataclass(frozen=True, slots=True)
class FoldStage:
    """A fold with its topic, its deadlines and the source it writes under."""

    topic: Topic
    fold: Fold
    due: Due
    source: str


def gate_stage(settings: GateSettings) -> FoldStage:
    """The gate over `orders.checks`."""
    return FoldStage(CHECKS, settings.gate(), hold_release.due, GATE)


def ledger_stage() -> FoldStage:
    """The ledger over `licenses`."""
    return FoldStage(LICENSES, ledger.fold, license_check.due, LEDGER)


def classified(record: Recorded[Any], classifier: Classifier, settings: GateSettings) -> Output:
    """What classification writes for a record of `orders`."""
    event = record.event
    if not isinstance(event, Order):
        return Runtime.passed_on(record, CLASSIFIED)
    found = classify_order(
        event,
        as_of=record.time,
        own_day=None if settings.event_basis else record.logged_at,
        digest=hashlib.sha256(content(event)).hexdigest(),
        classifier=classifier,
    )
    return Output(CLASSIFIED.name, record.key, output_id(record, "classified"), found)


def assessed(record: Recorded[Any], book: Callable[[], Book], rules: Rules) -> Output:
    """What determination writes for a record of `orders.classified`."""
    event = record.event
    if not isinstance(event, OrderClassified):
        return Runtime.passed_on(record, CHECKS)
    found = determine(event, book(), record.logged_at, rules)
    return Output(CHECKS.name, record.key, output_id(record, "assessed"), found)


def read_root(value: bytes) -> License:
    """Read a license as determination does: as the ledger remembered it."""
    return License.model_validate_json(value)


def book_at(licenses: Sequence[License], offsets: dict[str, int]) -> Book:
    """The book of these licenses, read at these offsets."""
    return book_of(licenses, offsets)


FIRST: Final = ORDERS
