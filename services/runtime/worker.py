"""Faust hosts the services; librdkafka moves the messages (ADR 0001).

A `faust.App` with its Kafka transport off runs each stage's pump as a service of its own, and gives
the pump's batches to the stage's agent over a channel. Faust's worker brings life cycle, signals
and the web server with /livez, /readyz and /metrics.
"""

import asyncio
import gc
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import faust
import structlog
from aiohttp import web
from faust.app.base import BootStrategy
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from services.classification.source import PolicyError
from services.runtime import metrics
from services.runtime.codec import Read, Send
from services.runtime.errors import Fatal, Unavailable, Unusable
from services.runtime.metrics.collector import collect
from services.runtime.metrics.dependencies import watch
from services.runtime.pump import Pump
from services.runtime.settings import Settings

log = structlog.get_logger()
ANSWER_WITHIN_S: Final = 30.0
"""A batch that its agent has not judged by then ends the process."""
STUCK_AFTER_S: Final = 90.0
"""No cycle for so long, while waiting for nothing: the watchdog ends the process."""
SWITCH_EVERY_S: Final = 0.001
"""How long a snapshot or a page of metrics may keep a batch from going on."""
EXIT_UNUSABLE: Final = 3
EXIT_FATAL: Final = 70
EXIT_STUCK: Final = 71


@dataclass(frozen=True, slots=True)
class Batch:
    """Decoded records on their way to an agent, and where the answer goes."""

    reads: list[Read]
    answer: "Future[list[Send]]"


class _WithoutKafka(BootStrategy):  # type: ignore[misc]
    """Faust without its own transport: no consumer, producer, tables or leader election."""

    enable_kafka = False
    enable_kafka_consumer = False
    enable_kafka_producer = False


class _App(faust.App):  # type: ignore[misc]
    BootStrategy = _WithoutKafka


def host(name: str, build: Callable[[], list[Pump]], settings: Settings) -> NoReturn:
    """Run stages until stopped by SIGTERM (exit 0); end the process on anything Fatal.

    It always leaves by `os._exit`: librdkafka's threads must not outlive a failed start.
    """
    gc.disable()  # see services.runtime.garbage
    sys.setswitchinterval(SWITCH_EVERY_S)
    try:
        _host(name, build(), settings)
    finally:
        _leave(_exit_code(name, sys.exc_info()[1]))


def _exit_code(name: str, error: BaseException | None) -> int:
    """Tell what an ending means to a supervisor, and say it in the log."""
    if error is None:
        return 0
    if isinstance(error, SystemExit):
        return int(error.code or 0)
    expected = isinstance(error, Fatal | Unavailable | PolicyError)
    text = f"{type(error).__name__}: {error}"
    log.error("cannot go on", service=name, error=text, exc_info=None if expected else error)
    unusable = isinstance(error, Unusable | Unavailable | PolicyError)
    return EXIT_UNUSABLE if unusable else EXIT_FATAL


def _leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _host(name: str, pumps: list[Pump], settings: Settings) -> None:
    app = _App(
        f"exportgate-{name}",
        broker="kafka://127.0.0.1:9",
        web_host=settings.http_host,
        web_bind=settings.http_host,
        web_port=settings.http_port,
        web_enabled=settings.http_port > 0,
        autodiscover=False,
    )
    for pump in pumps:
        _host_stage(app, pump)
    _pages(app, pumps)
    collect([pump.stage for pump in pumps])
    watch(pumps[0].dependencies)
    threading.Thread(target=_watchdog, args=(pumps,), daemon=True).start()
    worker = app.Worker(loglevel="WARNING", redirect_stdouts=False, console_port=0)
    worker.spinner = None
    worker.execute_from_commandline()


def _host_stage(app: Any, pump: Pump) -> None:
    channel = app.channel(maxsize=1)

    @app.agent(channel, name=f"{pump.stage.name}-agent")  # type: ignore[untyped-decorator]
    async def judge(batches: Any) -> None:
        async for batch in batches:
            try:
                batch.answer.set_result(pump.stage.handle(batch.reads))
            except Exception as error:  # noqa: BLE001 - the one place; whatever it is, it is Fatal
                batch.answer.set_exception(error)

    class Mover(faust.Service):  # type: ignore[misc]
        """Runs the pump in its own thread, for as long as the service lives."""

        async def on_started(self) -> None:
            # Faust resumes its agents when its own consumer starts; ours has none.
            app.flow_control.resume()
            loop = asyncio.get_running_loop()
            thread = ThreadPoolExecutor(1, thread_name_prefix=pump.stage.name)
            self.moving = loop.run_in_executor(thread, _move, pump, _asker(channel, loop))
            self.moving.add_done_callback(lambda done: _ended(pump, done))

        async def on_stop(self) -> None:
            pump.stopping = True
            await self.moving

    app.service(Mover)


def _asker(channel: Any, loop: asyncio.AbstractEventLoop) -> Callable[[list[Read]], list[Send]]:
    """Give a batch to the agent from the pump's thread, and wait for what it says."""

    def ask(reads: list[Read]) -> list[Send]:
        batch = Batch(reads, Future())
        asyncio.run_coroutine_threadsafe(channel.send(value=batch), loop)
        return batch.answer.result(ANSWER_WITHIN_S)

    return ask


def _move(pump: Pump, ask: Callable[[list[Read]], list[Send]]) -> None:
    """Poll, ask, write, until told to stop; what was polled is finished, and the group left."""
    try:
        while not pump.stopping:
            reads = pump.cycle()
            if reads:
                pump.finish(ask(reads))
    except Unavailable:
        if not pump.stopping:
            raise
    pump.close()


def _ended(pump: Pump, done: "asyncio.Future[None]") -> None:
    error = None if done.cancelled() else done.exception()
    if error is not None:
        _die(pump, error)


def _die(pump: Pump, error: BaseException) -> None:
    """End the process: a supervisor starts it again, and state comes back from Redis or the log."""
    log.error("fatal", stage=pump.stage.name, error=f"{type(error).__name__}: {error}",
              exc_info=not isinstance(error, Fatal | Unavailable))  # fmt: skip
    _leave(EXIT_FATAL)


def _watchdog(pumps: list[Pump]) -> None:
    """End a process that makes no progress, unless it waits for a dependency or stands still."""
    while True:
        time.sleep(1.0)
        for pump in pumps:
            if _is_stuck(pump):
                silent = round(time.monotonic() - pump.beat)
                log.error("no progress", stage=pump.stage.name, seconds=silent)
                _leave(EXIT_STUCK)


def _is_stuck(pump: Pump) -> bool:
    """Whether it is silent for long and waits for nothing but itself."""
    silent = time.monotonic() - pump.beat > STUCK_AFTER_S
    return silent and not pump.waits_for and not pump.sink.is_waiting


def _pages(app: Any, pumps: list[Pump]) -> None:
    @app.page("/livez")  # type: ignore[untyped-decorator]
    async def livez(_self: Any, _request: Any) -> web.Response:
        stuck = [pump.stage.name for pump in pumps if _is_stuck(pump)]
        return web.Response(status=503 if stuck else 200, text=_lines(stuck) or "ok\n")

    @app.page("/readyz")  # type: ignore[untyped-decorator]
    async def readyz(_self: Any, _request: Any) -> web.Response:
        problems = [problem for pump in pumps for problem in pump.problems()]
        return web.Response(status=503 if problems else 200, text=_lines(problems) or "ok\n")

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics_page(_self: Any, _request: Any) -> web.Response:
        return web.Response(
            body=generate_latest(metrics.REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST}
        )


def _lines(problems: list[str]) -> str:
    return "".join(f"{problem}\n" for problem in problems)
