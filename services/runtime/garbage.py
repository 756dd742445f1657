"""Garbage collection in small steps.

A fold's state is large, long-lived and free of cycles, and Python's own schedule walks all of it
again and again: a tenth of the time under load. Here only what came since the last step is looked
at, between two batches; what survives is set aside for good.
"""

import gc
import time
from typing import Final

EVERY_S: Final = 2.0
"""Often: a step walks what came since the last, and every order waits for it."""
_last = [0.0]


def collect_young(*, refolding: bool = False) -> None:
    """Collect what came since the last step, if it is time.

    While a log is folded again nearly all that comes stays: it is set aside without a look, which
    takes a sixteenth of a recovery.
    """
    now = time.monotonic()
    if now - _last[0] < EVERY_S:
        return
    _last[0] = now
    if not refolding:
        gc.collect()
    gc.freeze()
