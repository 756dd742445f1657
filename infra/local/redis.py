"""A real Redis as a background process."""

import shutil
from pathlib import Path
from typing import Self

import redis

from infra.local.process import Background, StartFailed, claim_port

READY_S = 15


def redis_server() -> str | None:
    """The Redis server's program, where the machine has one."""
    return shutil.which("redis-server")


class RedisServer:
    """One Redis on loopback; the same folder and port find the same process again."""

    def __init__(
        self, folder: Path, port: int, *, durable: bool = False, tied: bool = False
    ) -> None:
        self.folder = folder.resolve()
        self.port = port
        self.process = Background(
            "redis", [redis_server() or "redis-server", *self._options(durable)], self.folder
        )
        self.process.tied = tied

    def _options(self, durable: bool) -> list[str]:  # noqa: FBT001 - called once, just above
        return [
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder)),
            *("--save", "", "--appendonly", "yes" if durable else "no"),
            *("--daemonize", "no", "--maxmemory-policy", "noeviction"),
        ]

    @property
    def url(self) -> str:
        """What a client connects to."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def running(self) -> bool:
        """Whether the process we started runs."""
        return self.process.pid is not None

    def start(self) -> Self:
        """Start it unless it runs, and wait until it answers."""
        if redis_server() is None:
            raise StartFailed("redis-server is not installed")
        if not self.running:
            claim_port(self.port, "Redis")
        self.process.launch()
        self.process.wait_ready(self.answers, READY_S)
        return self

    def answers(self) -> bool:
        """Whether a ping comes back; not before what was on disk is loaded."""
        client = redis.Redis(port=self.port, socket_timeout=1, socket_connect_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    def stop(self) -> None:
        """End it; a second call does nothing."""
        self.process.stop()

    def kill(self) -> None:
        """SIGKILL, as a crash."""
        self.process.kill()

    def pause(self) -> None:
        """SIGSTOP."""
        self.process.pause()

    def resume(self) -> None:
        """SIGCONT."""
        self.process.resume()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
