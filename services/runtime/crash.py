"""Named points at which a test may kill the process. Without the setting they do nothing."""

import os
import signal

from services.runtime.settings import settings

_hits: dict[str, int] = {}


def crash_point(name: str) -> None:
    """Kill the process here, at the n-th passage, if `EXPORTGATE_CRASH_POINT` is `name:n`."""
    wanted = settings().crash_point
    if not wanted or not wanted.startswith(name + ":"):
        return
    _hits[name] = _hits.get(name, 0) + 1
    if _hits[name] == int(wanted.rpartition(":")[2]):
        os.kill(os.getpid(), signal.SIGKILL)
