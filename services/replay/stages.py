"""The four stages as the services wire them, for records that are read again or made up.

Every judgement goes through the services' public entry points; nothing is judged here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from schemas.base import Model
from schemas.checks import Rate
from schemas.fold import Fold, Forget
from schemas.texts import LineTexts
from schemas.topics import CHECKS, LICENSES, Topic
from services.classification.orders import Classifier, Products
from services.classification.service import judge_of
from services.hold_release import gate
from services.hold_release import service as hold_release
from services.hold_release.gate import Gate
from services.license_check import ledger
from services.license_check import service as license_check
from services.license_check.book import LICENSE, License
from services.license_check.determine import Book, Rules, book_of
from services.license_check.known import KnownLines
from services.license_check.ladder import Ladder
from services.license_check.service import judge_with
from services.runtime.stage import Judge

CLASSIFICATION: Final = "/exportgate/classification"
DETERMINE: Final = f"/exportgate/{license_check.DETERMINE}"
GATE: Final = f"/exportgate/{hold_release.NAME}"
LEDGER: Final = f"/exportgate/{license_check.LEDGER}"
OWN: Final = frozenset({CLASSIFICATION, DETERMINE, GATE, LEDGER})
"""CloudEvents sources of what the stages write."""
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

    def rules(self, ladder: Ladder) -> Rules:
        """Build determination's rules as its service does."""
        return Rules(
            require_screening=self.require_screening,
            event_basis=self.event_basis,
            ladder=ladder,
        )


@dataclass(frozen=True, slots=True)
class FoldStage:
    """A fold with its topic, its deadlines and the source it writes under."""

    topic: Topic
    fold: Fold
    due: Due
    forget: Forget
    source: str


def gate_stage(settings: GateSettings) -> FoldStage:
    """The gate over `orders.checks`."""
    return FoldStage(CHECKS, settings.gate(), hold_release.due, gate.forget, GATE)


def ledger_stage() -> FoldStage:
    """The ledger over `licenses`."""
    return FoldStage(LICENSES, ledger.fold, license_check.due, ledger.forget, LEDGER)


def classification(
    classifier: Classifier,
    products: Callable[[], Products],
    settings: GateSettings,
    texts: LineTexts | None = None,
) -> Judge:
    """Classification as its service wires it: what it writes for a record of `orders`.

    With `texts`, here and below, what is said is encoded too.
    """
    return judge_of(classifier, products, event_basis=settings.event_basis, texts=texts)


def determination(
    book: Callable[[], Book],
    rules: Rules,
    rates: Callable[[], tuple[Rate, ...]],
    texts: LineTexts | None = None,
) -> Judge:
    """Determination as its service wires it: what it writes for one of `orders.classified`."""
    return judge_with(book, rules, rates, KnownLines(), texts)


def read_root(value: bytes) -> License:
    """Read a license as determination does: as the ledger remembered it."""
    return License.model_validate_json(value)


def book_at(licenses: Sequence[License], offsets: dict[str, int]) -> Book:
    """The book of these licenses, read at these offsets."""
    return book_of(licenses, offsets)
