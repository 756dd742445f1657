"""A line to change one thing of."""

from datetime import date
from typing import Any

from services.classification.item import Item


def line(text: str | None, **changes: Any) -> Item:
    """A line of Chinese origin from China to Germany on 2026-07-01, changed as given."""
    base: dict[str, Any] = {
        "description": text,
        "exporter_country": "CN",
        "destination": "DE",
        "origin": "CN",
        "as_of": date(2026, 7, 1),
    }
    return Item(**(base | changes))
