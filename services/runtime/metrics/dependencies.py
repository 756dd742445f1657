"""Asks the broker and Redis now and then, in a thread of its own, whether they answer."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from services.runtime.errors import Unavailable
from services.runtime.metrics import registry

EVERY_S: Final = 5.0


def answers(ask: Callable[[], None]) -> bool:
    """Whether a dependency answers; `ask` raises Unavailable where it does not."""
    try:
        ask()
    except Unavailable:
        return False
    return True


def watch(dependencies: Mapping[str, Callable[[], None]]) -> None:
    """Start asking each, one thread a dependency: a stalled one delays no other."""
    for name, ask in dependencies.items():
        threading.Thread(target=_run, args=(name, ask), name=f"asks-{name}", daemon=True).start()


def _run(name: str, ask: Callable[[], None]) -> None:
    while True:
        registry.DEPENDENCY_UP.labels(name).set(int(answers(ask)))
        time.sleep(EVERY_S)
