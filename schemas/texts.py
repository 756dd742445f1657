"""Encoding of events whose lines were encoded before: most lines of a stream come again."""

from collections.abc import Sequence
from typing import Final

import orjson

from schemas.base import Model, changed
from schemas.events import encode

KNOWN_MAX: Final = 10_000
_NO_LINES: Final = b'"lines":[]'
"""Stands nowhere else: an order has at least one line, and quotes within text are escaped."""


class LineTexts:
    """Texts of lines, known again by the objects in them: what is frozen says the same each time.

    All but its `line_id` a line may have in common with others.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self._known: dict[tuple[int, ...], tuple[Model, bytes]] = {}

    def of(self, line: Model) -> bytes:
        """The text of one line, which begins with its `line_id`."""
        line_id, *rest = line.__dict__.values()
        objects = tuple([id(each) for each in rest])
        known = self._known.get(objects)
        if known is None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            text = encode(line).removeprefix(_named(line_id))
            known = self._known[objects] = (line, text)  # with the line, its objects stay
        return _named(line_id) + known[1]

    def encode(self, event: Model, lines: Sequence[Model]) -> bytes:
        """Encode an event that has these `lines`, into the bytes of `schemas.events.encode`."""
        before, _, after = encode(changed(event, lines=())).partition(_NO_LINES)
        return b'%b"lines":[%b]%b' % (before, b",".join([self.of(line) for line in lines]), after)


def _named(line_id: str) -> bytes:
    return b'{"line_id":%b' % orjson.dumps(line_id)
