"""The plainest order line about a text."""

from datetime import date

from services.classification.item import Item

CLEAR = frozenset(("NO_LICENSE_REQUIRED", "NOT_APPLICABLE"))


def plain_line(text: str) -> Item:
    """An order line about a text: from China to Germany, nothing else said."""
    return Item(
        description=text,
        exporter_country="CN",
        destination="DE",
        origin="CN",
        as_of=date(2026, 6, 1),
    )
