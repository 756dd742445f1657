"""The labelled texts of the repository."""

import json
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "data"


def rows(name: str) -> list[dict[str, Any]]:
    """Read a JSON Lines file of test data."""
    text = (DATA / name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines() if line.strip()]


ORDERS = rows("orders-labelled.jsonl")
OWN_ORDERS = rows("orders-own.jsonl")
"""Boundary dates, domestic and deemed exports, re-exports, named parties, vague texts, samples."""
DESCRIPTIONS = rows("descriptions-labelled.jsonl")
OPEN = rows("descriptions-open.jsonl")
"""Labelled descriptions that are judged otherwise: counted in the report, and known."""
