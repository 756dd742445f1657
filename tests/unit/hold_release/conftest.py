"""Whatever gate and ledger did together, the independent checker finds nothing wrong with it."""

from collections.abc import Iterator

import pytest

from tests.chaos.checker import check
from tests.support.duo import DUOS

LOOKED_AT = ("I3", "I4")
"""Of one gate and one ledger in one room; what needs whole topics is tested on them."""


@pytest.fixture(autouse=True)
def checked() -> Iterator[None]:
    """Hold releases and balances against the checker's own arithmetic after every test."""
    DUOS.clear()
    yield
    for duo in DUOS:
        wrong = [each for each in check(duo.logs()).violations if each.invariant in LOOKED_AT]
        assert wrong == []
