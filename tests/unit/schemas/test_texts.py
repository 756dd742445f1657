"""Encoding with known lines gives the bytes of encoding without: for every order, and the worst."""

from datetime import UTC, datetime

import pytest

from schemas.checks import OrderClassified
from schemas.events import decode, encode
from schemas.texts import LineTexts
from schemas.topics import CHECKS, CLASSIFIED
from services.classification.orders import Classifier, classify_order
from services.runtime.packs import load_packs
from tests.support.archives import header, years
from tests.support.builders import line, order


def test_what_the_stages_write_with_known_lines_is_what_encoding_alone_writes() -> None:
    log = years(5, 80)
    seen = 0
    for topic in (CLASSIFIED.name, CHECKS.name):
        for raws in log.records[topic].values():
            for raw in raws:
                kind, source = header(raw, "ce_type"), header(raw, "ce_source")
                event = decode(kind, topic, raw.value or b"", source)
                seen += hasattr(event, "lines")
                assert encode(event) == raw.value
    assert seen > 150


@pytest.mark.parametrize("text", ['"lines":[]', '\\"lines":[],', "磁铁\u2028\x7f\x01", "</line>"])
def test_no_word_of_an_order_is_taken_for_the_place_of_its_lines(text: str) -> None:
    texts, classifier = LineTexts(), Classifier(load_packs())
    lines = tuple(line(line_id=f"{at}{text}", description=text) for at in range(2))

    for number in ("a", "b"):
        event = _classified(classifier, number, lines, text)
        assert texts.encode(event, event.lines) == encode(event)


def _classified(classifier: Classifier, number: str, lines: object, text: str) -> OrderClassified:
    moment = datetime(2026, 6, 1, tzinfo=UTC)
    return classify_order(
        order(number, lines=lines, contract=text), as_of=moment, own_day=moment, digest="0" * 64,
        classifier=classifier,
    )  # fmt: skip
