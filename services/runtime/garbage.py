"""Garbage collection in short, regular steps.

A fold's state is large, long-lived and free of cycles, and Python's own schedule walks all of it
again and again: seconds of standing still. Here only what came since the last step is looked at;
what survives it is set aside for good.
"""

import gc
import time
from typing import Final

EVERY_S: Final = 1.0
_last = [0.0]


def collect_young() -> None:
    """Collect what came since the last step, at most once a second."""
    now = time.monotonic()
    if now - _last[0] < EVERY_S:
        return
    _last[0] = now
    gc.collect()
    gc.freeze()
