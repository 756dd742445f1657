"""Verify an archive: its files, its chain, both folds and both sensors, over several processes.

First every partition of the ledger, since the orders' partitions need its book and its answers;
then every partition of orders. What is found does not depend on how many processes look.
"""

import gc
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from schemas.topics import CHECKS, CLASSIFIED, DECISIONS, LICENSES, ORDERS, PRODUCTS, REFERENCE
from services.replay.errors import Finding
from services.replay.explain import explained
from services.replay.history import open_history
from services.replay.ledger_lane import LedgerLane, ledger_lane, ledger_says
from services.replay.manifest import NAME, Manifest
from services.replay.order_lane import Incoming, OrderLane, OrderVerifier, gate_says
from services.replay.policies import Policies
from services.replay.product_history import ProductHistory, product_history
from services.replay.rate_history import RateHistory, rate_history
from services.replay.reading import Archive, open_archive
from services.replay.rederive import Sensors
from services.replay.retention import untimely
from services.replay.workers import Counter, Workers

ORDER_TOPICS: Final = (DECISIONS.name, ORDERS.name, CLASSIFIED.name, CHECKS.name)
OTHERS: Final = (PRODUCTS.name, REFERENCE.name)
Told = Callable[[int, int], None]
"""Told (records done, records in all)."""


@dataclass
class Report:
    """What verification found."""

    root: str
    head: str
    findings: list[Finding] = field(default_factory=list)
    engine_changes: list[Finding] = field(default_factory=list)
    segments: int = 0
    records: int = 0
    orders: int = 0
    decisions: int = 0
    rederived: int = 0
    in_flight: int = 0
    ahead: int = 0
    unjudged: list[str] = field(default_factory=list)
    """Records whose cause is not archived yet: nobody can say whether they are right."""
    outside: int = 0
    """Findings of another time than was asked about."""
    pruned: str | None = None
    """The day before which retention removed records: orders that began there are not whole."""
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def first_of_orders(self) -> list[Finding]:
        """The first divergence of each order, and everything that names no order."""
        seen: set[str] = set()
        kept = []
        for finding in self.findings:
            if finding.order is None or finding.order not in seen:
                kept.append(finding)
            if finding.order is not None:
                seen.add(finding.order)
        return kept

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "archive": self.root, "head": self.head, "sound": self.sound,
            "segments": self.segments, "records": self.records, "orders": self.orders,
            "decisions": self.decisions, "rederived": self.rederived,
            "in_flight": self.in_flight, "ahead": self.ahead, "unjudged": self.unjudged,
            "outside": self.outside, "pruned": self.pruned,
            "findings": [each.as_json() for each in self.findings],
            "engine_changes": [each.as_json() for each in self.engine_changes],
            "seconds": round(self.seconds, 3),
        }  # fmt: skip


@dataclass(frozen=True)
class Job:
    """What one process needs to know."""

    root: str
    folder: str
    progress: str
    rederive: bool


def _counter(job: Job, name: str) -> Counter:
    return Counter(Path(job.progress) / name)


def _ledger(job: Job, partition: int) -> LedgerLane:
    gc.disable()
    archive = open_archive(Path(job.root))
    archive.findings.clear()  # the manifest's own are told once
    told = _counter(job, f"ledger-{partition}").add
    return ledger_lane(archive, partition, Path(job.folder), told)


@dataclass
class Prepared:
    """What every partition's verification reads, made once a process: nothing in it grows stale."""

    archive: Archive
    policies: Policies
    products: ProductHistory
    rates: RateHistory
    sensors: Sensors | None = None

    def sensors_with(self, folder: Path) -> Sensors:
        """Both sensors, once the ledger's lanes have written their license versions."""
        if self.sensors is None:
            self.sensors = Sensors(
                [each for _, each in self.archive.all_settings], self.policies,
                open_history(folder), self.products, self.rates,
                self.archive.partitions(CLASSIFIED.name),
            )  # fmt: skip
        return self.sensors


def prepare(archive: Archive) -> Prepared:
    """Read what is read whole; what is wrong with its files is among the archive's findings."""
    return Prepared(archive, archive.policies(), product_history(archive), rate_history(archive))


_prepared: dict[str, Prepared] = {}
"""By the folder of a run; a process that is a copy of the one that prepared has it too."""


def _orders(job: Job, partition: int, incoming: Incoming) -> OrderLane:
    gc.disable()
    prepared = _prepared.get(job.folder)
    if prepared is None:
        prepared = _prepared[job.folder] = prepare(open_archive(Path(job.root)))
    prepared.archive.findings.clear()  # told once, by whoever reads those files for the report
    sensors = prepared.sensors_with(Path(job.folder)) if job.rederive else None
    verifier = OrderVerifier(prepared.archive, partition, incoming, sensors)
    return verifier.go(_counter(job, f"orders-{partition}").add)


def verify(
    root: Path,
    *,
    processes: int = 2,
    rederive: bool = True,
    head: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    told: Told = lambda _done, _all: None,
) -> Report:
    """Verify an archive. Raises ArchiveError where there is none to be read at all.

    `since` and `until` choose the findings that are told, by the time of their record.
    `head` is a digest somebody noted of the manifest at some time: it must still stand in it.
    """
    began = time.monotonic()
    archive = open_archive(root)
    archive.findings += untimely(archive.manifest, datetime.now(UTC).date())
    if head is not None and all(entry["digest"] != head for entry in archive.manifest.entries):
        text = f"the entry noted as head {head} is not in it: its end was cut off, or it is another"
        archive.findings.append(Finding("manifest", NAME, text))
    report = Report(str(root), archive.manifest.head)
    removed = [str(entry["before"].get("day")) for entry in archive.manifest.of_kind("pruned")]
    report.pruned = max(removed, default=None)
    work = Path(tempfile.mkdtemp(prefix="exportgate-verify-"))
    try:
        (work / "progress").mkdir()
        job = Job(str(root), str(work), str(work / "progress"), rederive)
        _verify(archive, report, job, processes, told)
    finally:
        shutil.rmtree(work, ignore_errors=True)
        _prepared.pop(str(work), None)
    report.findings = explained(report.findings, ledger_says, gate_says, archive)
    if since is not None or until is not None:
        every = report.findings
        report.findings = [each for each in every if _is_of(archive, each, since, until)]
        report.outside = len(every) - len(report.findings)
    report.findings.sort(key=_order_of_finding)
    report.seconds = time.monotonic() - began
    return report


def _is_of(
    archive: Archive, finding: Finding, since: datetime | None, until: datetime | None
) -> bool:
    """Whether a finding's record is of a time; what names no record that can be read, always is."""
    raw = archive.raw_at(finding.record or "")
    if raw is None:
        return True
    moment = datetime.fromtimestamp(raw.timestamp_ms / 1000, UTC)
    return (since is None or since <= moment) and (until is None or moment < until)


def _order_of_finding(finding: Finding) -> tuple[Any, ...]:
    """Sort by place in the log, as numbers where they are numbers."""
    parts = (finding.record or finding.where).split("/")
    numbers = tuple(int(part) if part.isdigit() else -1 for part in parts)
    return (finding.record is not None, parts[0], numbers, finding.kind, finding.text)


def _verify(archive: Archive, report: Report, job: Job, processes: int, told: Told) -> None:
    _prepared[job.folder] = prepare(open_archive(archive.root))
    archive.policies()
    for topic in _stored_only(archive.manifest):
        for partition in range(archive.partitions(topic)):
            for _ in archive.rows(topic, partition):
                report.records += 1
    report.findings += archive.findings
    report.segments = sum(len(found) for found in archive.segments.values())
    total = sum(e["records"] for found in archive.segments.values() for e in found)
    total -= report.records
    with Workers(processes, lambda: told(_done(job), total)) as workers:
        ledgers = range(archive.partitions(LICENSES.name))
        lanes = workers.all(_ledger, [(job, at) for at in ledgers])
        for lane in lanes:
            report.findings += lane.findings
            report.records += lane.records
            report.in_flight += lane.in_flight
        given = [(job, at, _incoming(lanes, at))
                 for at in range(archive.partitions(CHECKS.name))]  # fmt: skip
        for found in workers.all(_orders, given):
            _add(report, found)


def _stored_only(manifest: Manifest) -> list[str]:
    """Topics that no stage is folded from: read and checked, record by record."""
    return [topic for topic in manifest.header["partitions"]
            if topic not in (*ORDER_TOPICS, LICENSES.name)]  # fmt: skip


def _done(job: Job) -> int:
    return sum(int(each.read_bytes() or b"0") for each in Path(job.progress).iterdir())


def _incoming(lanes: list[LedgerLane], at: int) -> Incoming:
    return Incoming(
        said={lane.partition: lane.said[at] for lane in lanes if at in lane.said},
        heard={lane.partition: lane.heard[at] for lane in lanes if at in lane.heard},
    )


def _add(report: Report, lane: OrderLane) -> None:
    report.findings += lane.findings
    report.engine_changes += lane.engine_changes
    report.unjudged += lane.unjudged
    for name in ("records", "orders", "decisions", "rederived", "in_flight", "ahead"):
        setattr(report, name, getattr(report, name) + getattr(lane, name))
