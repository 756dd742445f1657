"""The poison valve: a flood of unreadable records means something is broken upstream."""

from collections import deque
from typing import Final

WINDOW: Final = 100
UNREADABLE_MAX: Final = 50
KEYS_MAX: Final = 20


class Valve:
    """Shuts when at least 50 of the last 100 records, of at least 20 keys, cannot be read."""

    def __init__(self) -> None:
        """Start open."""
        self._recent: deque[tuple[bool, bytes]] = deque(maxlen=WINDOW)
        self.shut = False

    def saw(self, *, readable: bool, key: bytes) -> None:
        """Count one record."""
        self._recent.append((readable, key))
        if readable:
            return
        keys = [key for ok, key in self._recent if not ok]
        if len(keys) >= UNREADABLE_MAX and len(set(keys)) >= KEYS_MAX:
            self.shut = True

    def open(self) -> None:
        """Start counting afresh, at an operator's word."""
        self._recent.clear()
        self.shut = False
