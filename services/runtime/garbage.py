"""Garbage collection at quiet moments.

A fold's state is large, long-lived and free of cycles, and Python's own schedule walks all of it
again and again: a tenth of the time under load. Here only what came since the last step is looked
at, when nothing waits or when it has been long; what survives is set aside for good.
"""

import gc
import time
from typing import Final

IDLE_EVERY_S: Final = 10.0
EVERY_S: Final = 60.0
_last = [0.0]


def collect_young(*, idle: bool) -> None:
    """Collect what came since the last step, if it is time: sooner where nothing waits."""
    now = time.monotonic()
    if now - _last[0] < (IDLE_EVERY_S if idle else EVERY_S):
        return
    _last[0] = now
    gc.collect()
    gc.freeze()
