"""The 27 public order lines and twenty of our own, each under every regime."""

import json
from typing import Any

import pytest

from services.classification.check_input import parse_line
from services.classification.classify import classify
from services.runtime.packs import load_packs
from tests.unit.classification.corpus import ORDERS, OWN_ORDERS

ROWS = ORDERS + OWN_ORDERS


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_every_labelled_line_is_judged_as_labelled(row: dict[str, Any]) -> None:
    line = parse_line(json.dumps(row))
    found = classify(line.item, load_packs("both")).regimes
    reported = row["expected"]["CN"]["reported"]
    assert found["CN"].decision in reported["acceptable"]
    assert found["CN"].category == reported["category"]
    gazetted = row["expected"]["CN"]["gazetted"]
    assert found["CN-GAZETTED"].control_code == gazetted["control_code"]
    assert found["CN-GAZETTED"].status == gazetted["list_status"]
    assert found["CN-GAZETTED"].license_type == gazetted["license_type"]
    us = row["expected"]["US"]
    assert (found["US"].eccn, found["US"].decision) == (us["eccn"], us["decision"])
    assert bool(found["US"].subject_to_ear) is us["subject_to_ear"]
    eu = row["expected"]["EU"]
    assert (found["EU"].annex_i, found["EU"].decision) == (eu["annex_i"], eu["decision"])
