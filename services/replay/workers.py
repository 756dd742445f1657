"""Work over several processes, with progress; one process is this one itself."""

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, TypeVar

LOOK_EVERY_S: Final = 0.2
T = TypeVar("T")


def start_method() -> str:
    """How processes begin: as copies, with all that is imported and compiled, where that is safe.

    A copy of a process with threads may hold a lock that nobody will ever open.
    """
    alone = sys.platform == "linux" and threading.active_count() == 1
    return "fork" if alone else "spawn"


class Counter:
    """Counts records into a file a worker, which whoever watches sums up."""

    def __init__(self, path: Path) -> None:
        """Count on in this file."""
        self._path = path
        self._done = int(path.read_bytes() or b"0") if path.exists() else 0

    def add(self, records: int) -> None:
        """Count records."""
        self._done += records
        self._path.write_bytes(str(self._done).encode())


class Workers:
    """Some processes; one is this process itself."""

    def __init__(self, processes: int, look: Callable[[], None]) -> None:
        """Start them. `look` is called now and then while they work."""
        self._look = look
        self._pool = None
        if processes > 1:
            gc.freeze()  # so that no collection touches, and so copies, what is shared
            self._pool = ProcessPoolExecutor(processes, mp_context=get_context(start_method()))

    def __enter__(self) -> "Workers":
        """Begin."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            gc.unfreeze()

    def all(self, work: Callable[..., T], given: list[tuple[Any, ...]]) -> list[T]:
        """Do work on everything given; results in that order."""
        if self._pool is None:
            return list(self._one_by_one(work, given))
        futures = [self._pool.submit(work, *arguments) for arguments in given]
        waiting = set(futures)
        while waiting:
            _, waiting = wait(waiting, timeout=LOOK_EVERY_S, return_when=FIRST_COMPLETED)
            self._look()
        return [future.result() for future in futures]

    def _one_by_one(self, work: Callable[..., T], given: list[tuple[Any, ...]]) -> Iterator[T]:
        was = gc.isenabled()
        try:
            for arguments in given:
                yield work(*arguments)
                self._look()
        finally:
            if was:
                gc.enable()
