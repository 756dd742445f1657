"""The demo's inside: services as processes, orders in, decisions out, sums that must add up."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NoReturn

from schemas.base import Model
from schemas.checks import OfficerDecided
from schemas.decisions import Decided
from schemas.envelope import derived_id
from schemas.licenses import LicenseGranted
from schemas.orders import OrderShipped, ShippedLine
from schemas.reference import ProductClassified
from schemas.topics import CHECKS, DECISIONS, LICENSES, ORDERS, PRODUCTS, dead_letters
from services.cli import products
from services.cli.license_files import LISTS
from services.cli.order_files import TYPES
from services.cli.product_files import Row, with_digests
from services.generator.scenario import SOURCE, GeneratedEvent, Scenario
from services.runtime.client import Client, events, record
from services.runtime.codec import Send
from services.runtime.settings import Settings

SERVICES: Final = ("classification", "license-check", "hold-release")
READY_WITHIN_S: Final = 30.0
DECIDED_WITHIN_S: Final = 30.0
CHUNK: Final = 50
AHEAD_MAX: Final = 150
"""Orders sent and not decided yet: the embedded broker keeps little, and drops in silence."""
RECENT: Final = 12
OFFICER: Final = "demo officer"


def demo_settings(bootstrap: str, redis_url: str) -> Settings:
    """Settings of the demo; its orders are dated June 2026, so time goes by the events."""
    return Settings.model_validate(
        {
            "kafka_bootstrap": bootstrap,
            "redis_url": redis_url,
            "broker_kind": "embedded",
            "time_basis": "event",
            "require_screening": False,
        }
    )


@contextmanager
def running_services(settings: Settings, say: Callable[[str], None]) -> Iterator[Callable[[], str]]:
    """Run the three services as processes of their own, and stop them whatever happens.

    Yields what names the services that ended by themselves, should any.
    """
    from infra.local.process import free_port

    children: dict[str, tuple[subprocess.Popen[bytes], int]] = {}
    try:
        for name in SERVICES:
            port = free_port()
            children[name] = (_start(name, port, settings), port)
        for name, (child, port) in children.items():
            _await_ready(name, child, port)
            say(f"{name:<15} ready  http://127.0.0.1:{port}/metrics")
        yield lambda: ", ".join(n for n, (child, _) in children.items() if child.poll() is not None)
    finally:
        for child, _ in children.values():
            child.terminate()
        for child, _ in children.values():
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()


@contextmanager
def ending_cleanly() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C: what was started is stopped on the way out."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _start(name: str, port: int, settings: Settings) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "EXPORTGATE_KAFKA_BOOTSTRAP": settings.kafka_bootstrap,
        "EXPORTGATE_REDIS_URL": settings.redis_url.get_secret_value(),
        "EXPORTGATE_BROKER_KIND": settings.broker_kind,
        "EXPORTGATE_TIME_BASIS": settings.time_basis,
        "EXPORTGATE_REQUIRE_SCREENING": "false",
        "EXPORTGATE_HTTP_PORT": str(port),
        "EXPORTGATE_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", "services.cli", "run", name]
    if setpriv := shutil.which("setpriv"):
        # Not even SIGKILL of the demo leaves a service behind, where the system can see to it.
        command = [setpriv, "--pdeathsig", "KILL", "--", *command]
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )


def _await_ready(name: str, child: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise RuntimeError(f"{name} ended with exit code {child.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"{name} was not ready within {READY_WITHIN_S:.0f} s")


class DemoRun:
    """Sends a scenario, follows the decisions, compares them with what was to be expected."""

    def __init__(self, settings: Settings, made: Scenario, ended: Callable[[], str]) -> None:
        """Connect; nothing is sent yet. `ended` names services that are no more."""
        self._ended = ended
        topics = (ORDERS, CHECKS, LICENSES, PRODUCTS, DECISIONS, dead_letters(ORDERS))
        self._client = Client(settings, topics)
        self._made = made
        self._place = self._client.end_of(DECISIONS)
        self._sent: set[str] = set()
        self._orders = {e.key: e.data for e in made.events if e.key is not None and e.data}
        self.latest: dict[str, Any] = {}
        self.recent: deque[Any] = deque(maxlen=RECENT)
        self.problems: list[str] = []

    def import_licenses(self) -> None:
        """Write the license book, and wait until the ledger has taken it up."""
        sends = []
        for row in self._made.licenses:
            listed = {k: v.split(";") if k in LISTS else v for k, v in row.items()}
            terms = LicenseGranted.model_validate(listed)
            event_id = derived_id("license", terms.model_dump_json())
            moment = self._made.events[0].time
            sends.append(record(LICENSES, terms.license_id, terms, event_id=event_id, time=moment))
        self._client.write(sends)
        self._client.await_folded(LICENSES, "ledger", self._client.end_of(LICENSES))

    def import_products(self) -> None:
        """Write what officers have on record about the products."""
        packs = products.packs_in_use()
        rows = [Row(0, ProductClassified.model_validate({**p, "packs": {}}))
                for p in self._made.products]  # fmt: skip
        filled = [with_digests(row, packs) for row in rows]
        good = [each for each in filled if isinstance(each, ProductClassified)]
        assert len(good) == len(filled), "the catalogue names codes that no list holds"
        products.write(self._client, good)

    def stream(self, draw: Callable[[], None]) -> None:
        """Send every event, never far ahead of the decisions; ship what is released."""
        events_ = self._made.events
        for start in range(0, len(events_), CHUNK):
            if self.problems:
                return
            self._send(events_[start : start + CHUNK])
            self._follow_until(lambda: self._waiting() <= AHEAD_MAX, draw)
        self._follow_until(self._all_settled, draw)

    def _send(self, chunk: list[GeneratedEvent]) -> None:
        self._client.write([raw_or_event(event) for event in chunk])
        self._sent.update(event.key for event in chunk if event.key is not None)

    def _waiting(self) -> int:
        return len(self._sent) - len(self.latest)

    def _follow_until(self, done: Callable[[], bool], draw: Callable[[], None]) -> None:
        deadline = time.monotonic() + DECIDED_WITHIN_S
        self._take()
        draw()
        while not done() and not self.problems:
            self._take()
            draw()
            if ended := self._ended():
                self.problems.append(f"ended by itself: {ended}")
            elif time.monotonic() > deadline:
                self.problems.append(f"no end within {DECIDED_WITHIN_S:.0f} s: {self.headline()}")

    def _take(self) -> None:
        """Take the decisions made since the last look, and ship what may be shipped."""
        reads = next(self._client.follow(DECISIONS, self._place))
        for one in reads:
            self._place[one.raw.partition] = one.raw.offset + 1
        shipped = []
        for decided in events(reads):
            event = decided.event
            if not isinstance(event, Decided):
                continue
            known = self.latest.get(decided.key)
            if known is None or event.seq > known.seq:
                self.latest[decided.key] = event
            self.recent.append(event)
            if event.decision == "RELEASED" and decided.key in self._made.ship_when_released:
                shipped.append(_shipment(event, self._orders[decided.key]))
        self._client.write(shipped)

    def _all_settled(self) -> bool:
        """Whether every order stands where it was expected to."""
        return all(self._as_expected(key) for key in self._made.expected)

    def _as_expected(self, key: str) -> bool:
        decided, expected = self.latest.get(key), self._made.expected[key]
        if decided is None or decided.decision != expected.decision:
            return False
        reasons = {reason.code.value for reason in decided.reasons}
        same = decided.decision != "HELD" or expected.reasons == reasons
        return decided.cause == expected.cause and same

    def headline(self) -> str:
        """One line of counts."""
        counts = Counter(event.decision.lower() for event in self.latest.values())
        told = ", ".join(f"{count} {decision}" for decision, count in sorted(counts.items()))
        return f"{len(self.latest)} of {len(self._made.expected)} orders decided: {told}"

    def destination(self, key: str) -> str:
        """Where an order goes; a dash where it could not be read."""
        return str(self._orders.get(key, {}).get("destination", "-"))

    def officer_frees_one(self) -> str:
        """An officer classifies the vague line of a held order, and another is rejected."""
        vague = [
            key
            for key, expected in sorted(self._made.expected.items())
            if expected.reasons == {"CLASSIFICATION_UNCERTAIN"}
        ]
        freed, rejected = vague[0], vague[1]
        held = self.latest[freed]
        reason = held.reasons[0]
        self._act(held, action="classify", line_id=reason.line_id, code="none",
                  citation="supplier's data sheet DS-17: plain steel brackets")  # fmt: skip
        self._act(self.latest[rejected], action="reject", note="the customer does not say what")
        self._made.expected[freed] = type(self._made.expected[freed])("RELEASED")
        self._made.expected[rejected] = type(self._made.expected[rejected])("REJECTED")
        self._follow_until(self._all_settled, lambda: None)
        return (
            f"{OFFICER} classified line {reason.line_id} of {freed} "
            f"(held for {reason.code.value}): it is {self.latest[freed].decision}; "
            f"and rejected {rejected}: it is {self.latest[rejected].decision}"
        )

    def _act(self, held: Any, **fields: Any) -> None:
        act = OfficerDecided.model_validate(
            {
                "order_source": held.order_source, "order_id": held.order_id,
                "revision": held.revision, "seq": held.seq, "officer": OFFICER,
                "note": "demo", "decided_at": held.as_of, **fields,
            }
        )  # fmt: skip
        event_id = derived_id("officer", held.key, str(held.seq), act.action)
        self._client.write([record(CHECKS, held.key, act, event_id=event_id, time=held.as_of)])

    def reasons(self) -> Counter[str]:
        """Count held orders by each reason they are held for."""
        return Counter(
            code
            for event in self.latest.values()
            if event.decision == "HELD"
            for code in {reason.code.value for reason in event.reasons}
        )

    def summary(self) -> dict[str, Any]:
        """Count every order once, by its last decision, and check that it adds up."""
        counts = Counter(event.decision for event in self.latest.values())
        letters = self._client.read_all(dead_letters(ORDERS))
        nameless = sum(one.raw.key is None for one in letters)
        latencies = self._measure()
        result = {
            "orders": len(self._made.expected),
            "released": counts["RELEASED"],
            "held": counts["HELD"],
            "rejected": counts["REJECTED"],
            "closed": counts["CLOSED"],
            "undecided": len(set(self._made.expected) - set(self.latest)),
            "dead_letters": len(letters),
            "unattributed": nameless,
            "p50_ms": _percentile(latencies, 50),
            "p99_ms": _percentile(latencies, 99),
            "examples": self._examples(),
        }
        self._check(result)
        return result

    def _measure(self) -> list[float]:
        """From the append of an order to the append of the first decision on it, in ms."""
        placed: dict[str, datetime] = {}
        for one in self._client.read_all(ORDERS):
            if one.record.key and one.record.key not in placed:
                placed[one.record.key] = one.record.logged_at
        first: dict[str, float] = {}
        for decided in events(self._client.read_all(DECISIONS)):
            if decided.key in placed and decided.key not in first:
                spent = decided.logged_at - placed[decided.key]
                first[decided.key] = spent.total_seconds() * 1000
        return sorted(first.values())

    def _check(self, result: dict[str, Any]) -> None:
        parts = ("released", "held", "rejected", "closed", "undecided")
        if sum(result[part] for part in parts) != result["orders"]:
            self.problems.append("the sums do not add up")
        for key, expected in self._made.expected.items():
            if not self._as_expected(key):
                found = self.latest.get(key)
                said = "nothing" if found is None else f"{found.decision} {found.reasons}"
                self.problems.append(f"{key}: expected {expected}, decided {said}")

    def _examples(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, event in sorted(self.latest.items()):
            found.setdefault(event.decision.lower(), key)
        return found

    def example(self) -> str | None:
        """One release that rests on a license, as JSON."""
        for _, event in sorted(self.latest.items()):
            if event.decision == "RELEASED" and event.licenses:
                return str(event.model_dump_json(exclude_none=True))
        return None


def raw_or_event(event: GeneratedEvent) -> Send:
    """Encode an event; a malformed one goes out as it is."""
    if event.raw is not None:
        named = (("ce_id", event.id.encode()), ("ce_source", SOURCE.encode()),
                 ("ce_type", b"exportgate.order.placed.v1"),
                 ("ce_time", event.time.isoformat().encode()))  # fmt: skip
        return Send(ORDERS.name, event.key.encode() if event.key else None, event.raw, named)
    model: Model = TYPES[event.type].model_validate(event.data)
    assert event.key is not None, "only malformed events have no key"
    return record(ORDERS, event.key, model, event_id=event.id, time=event.time, source=SOURCE)


def _shipment(released: Any, order: dict[str, Any]) -> Send:
    """Ship a released order whole."""
    event = OrderShipped(
        order_source=released.order_source,
        order_id=released.order_id,
        revision=released.revision,
        shipment_id=f"S-{released.order_id}",
        decision_id=released.decision_id,
        shipped_at=released.as_of,
        final=True,
        lines=tuple(
            ShippedLine.model_validate({k: line[k] for k in ("line_id", "quantity", "unit")})
            for line in order["lines"]
        ),
    )
    event_id = derived_id("shipment", event.key, event.shipment_id)
    return record(ORDERS, event.key, event, event_id=event_id, time=released.as_of, source=SOURCE)


def _percentile(sorted_values: list[float], percent: int) -> float | None:
    if not sorted_values:
        return None
    at = min(len(sorted_values) - 1, len(sorted_values) * percent // 100)
    return round(sorted_values[at], 1)
