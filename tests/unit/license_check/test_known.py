"""Lines known again are determined as if they were new: licensed or clear, screened or not."""

from datetime import UTC, datetime

import pytest

from schemas.events import encode
from schemas.orders import Order, RecheckRequested
from services.classification.orders import Classifier, classify_order
from services.license_check.determine import Book, Rules, book_of, determine
from services.license_check.known import KnownLines
from services.runtime.packs import load_packs
from services.runtime.policies import read_ladder
from tests.support.builders import line, order
from tests.support.determining import held

AT = datetime(2026, 6, 1, tzinfo=UTC)
GOODS = ("oak dining table", "terbium oxide 99.9%", "samples", "gas turbine engine parts")
LINES = tuple(line(line_id=str(at), description=words) for at, words in enumerate(GOODS))


def stated(number: str) -> Order:
    """The same order, with what an officer said about one of its lines."""
    finding = {"action": "classify", "line_id": "2", "code": None, "citation": "data sheet",
               "officers": ("li",), "decided_at": AT}  # fmt: skip
    fields = order(number, lines=LINES).model_dump()
    return RecheckRequested.model_validate(
        {**fields, "check": 1, "findings": (finding,), "cause": "officer", "cause_id": number}
    )


@pytest.mark.parametrize("screening", [False, True])
def test_lines_known_again_are_determined_as_new_ones_are(screening: bool) -> None:
    classifier, known = Classifier(load_packs()), KnownLines()
    rules = Rules(require_screening=screening, event_basis=False, ladder=read_ladder())
    books = (Book({}, {}), book_of([held("cn-1")], {"0": 7}), book_of([held("cn-9")], {"0": 9}))
    orders = [order("a", lines=LINES), order("b", lines=LINES[::-1]), stated("c"), stated("d")]

    for book in (*books, *books):
        for each in orders:
            classified = classify_order(
                each, as_of=AT, own_day=AT, digest="0" * 64, classifier=classifier
            )
            new = determine(classified, book, AT, rules)
            again = determine(classified, book, AT, rules, known=known)
            assert encode(again) == encode(new)
