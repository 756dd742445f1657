"""What was determined before, for whoever determines many lines that were classified alike."""

from typing import Final

from schemas.checks import AssessedRegime
from schemas.classification import ClassifiedLine

KNOWN_MAX: Final = 20_000


class KnownLines:
    """What was determined before of lines that no license concerns, by the objects in them.

    For whoever classifies in the same process: what is read from bytes is a new object each time.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self._known: dict[tuple[int, int], tuple[ClassifiedLine, dict[str, AssessedRegime]]] = {}

    def of(self, classified: ClassifiedLine) -> dict[str, AssessedRegime]:
        """What was said of these very objects, by regime, to be added to."""
        place = (id(classified.regimes), id(classified.reasons))
        known = self._known.get(place)
        if known is None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            known = self._known[place] = (classified, {})  # with the line, its objects stay
        return known[1]
