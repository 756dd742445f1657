"""What is wrong with an archive, in words and in fields."""

from dataclasses import asdict, dataclass
from typing import Any


class ArchiveError(Exception):
    """An archive that cannot be used at all: no manifest, another format, another log."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `kind` is stable; `where` is a segment, a record or an order."""

    kind: str
    where: str
    text: str
    order: str | None = None
    record: str | None = None
    cause: str | None = None
    """The record whose fold says otherwise."""

    def as_json(self) -> dict[str, Any]:
        """The finding as plain data, without what it does not say."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def __str__(self) -> str:
        place = self.where if self.record in (None, self.where) else f"{self.where} {self.record}"
        return f"{self.kind}: {place}: {self.text}"
