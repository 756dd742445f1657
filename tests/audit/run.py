"""Years of orders, archived and verified: `make audit` (20,000), `make audit-million`.

`python -m tests.audit.run --orders N` makes the log in as many processes as asked for, archives it,
verifies it under other process counts, hash seeds, zones and locales, changes one byte in 100
random places one at a time, and forges a license snapshot. With `--keep` it goes on where it was
stopped, and the sound archive stays. The last line is one JSON object; exit code 1 where anything
was missed or anything was found that is not wrong.
"""

import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from services.replay.errors import ArchiveError
from services.replay.reading import open_archive
from tests.audit.making import linked, make, say
from tests.support.archives import find, header, resigned, reworked

FLIPS: Final = 100
ENVIRONMENTS: Final = (
    (2, {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8"}),
    (1, {"PYTHONHASHSEED": "4711", "TZ": "Asia/Shanghai", "LC_ALL": "C"}),
    (3, {"PYTHONHASHSEED": "99", "TZ": "America/New_York", "LC_ALL": "tr_TR.UTF-8"}),
)


def verified(root: Path, processes: int, **env: str) -> dict[str, Any]:
    """The report of `exportgate verify` as a process of its own in some environment."""
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "verify", str(root), "--processes", str(processes),
         "--json"],
        env={**os.environ, **env}, stdout=subprocess.PIPE, check=False,
    )  # fmt: skip
    report: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode == 0) == report["sound"], "the exit code says something else"
    return report


def copied(root: Path) -> Path:
    """A copy to be damaged: what is not touched is in it under a second name only."""
    copy = root.with_name(f"{root.name}.damaged")
    shutil.rmtree(copy, ignore_errors=True)
    for path in (each for each in root.rglob("*") if each.is_file()):
        linked(path, copy / path.relative_to(root))
    return copy


def flips_missed(root: Path, count: int, seed: int) -> list[str]:
    """Change one byte at a time, anywhere; name the places where nothing was found."""
    choice = random.Random(seed)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    sizes = [path.stat().st_size for path in files]
    missed = []
    for _ in range(count):
        path = choice.choices(files, sizes)[0]
        at, bit = choice.randrange(path.stat().st_size), 1 << choice.randrange(8)
        with flipped(path, at, bit):
            if not found_in(root, path):
                missed.append(f"{path.relative_to(root)}: byte {at}, bit {bit}")
    return missed


@contextmanager
def flipped(path: Path, at: int, bit: int) -> Iterator[None]:
    """Flip one bit of a file for a while; what bears another name of it stays as it is."""
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
    yield
    path.write_bytes(whole)


def found_in(root: Path, path: Path) -> bool:
    """Whether verification finds something wrong with a file, in the way it looks at each."""
    try:
        archive = open_archive(root)
    except ArchiveError:
        return True
    name = path.relative_to(root).as_posix()
    for entry in archive.manifest.of_kind("segment"):
        if entry["path"] == name:
            archive.rows_of(entry)
    if name.startswith("policy/"):
        archive.policies()
    return bool(archive.findings)


def forge_snapshot(root: Path) -> str:
    """Have determination say that it read the license book elsewhere; every digest fits."""
    path, chosen = find(
        root,
        lambda raw: (
            header(raw, "ce_type") == "exportgate.order.assessed.v1"
            and b'"candidates":[{' in (raw.value or b"")
        ),
    )
    event = orjson.loads(chosen.value or b"")
    event["book"] = dict.fromkeys(event["book"], 0)
    new = resigned(chosen, orjson.dumps(event))
    reworked(root, path, lambda raws: [new if raw == chosen else raw for raw in raws])
    return f"{chosen.topic}/{chosen.partition}/{chosen.offset}"


Environments = tuple[tuple[int, dict[str, str]], ...]


def everywhere(root: Path, environments: Environments) -> list[dict[str, Any]]:
    """The report of every environment."""
    reports = []
    for count, env in environments:
        report = verified(root, count, **env)
        say(f"{count} processes, {env}: {report['orders'] / report['seconds']:,.0f} orders/s, "
            f"{len(report['findings'])} findings")  # fmt: skip
        reports.append(report)
    return reports


def audit(
    root: Path, orders: int, processes: int, seed: int, environments: Environments = ENVIRONMENTS
) -> dict[str, Any]:
    """Make, verify, damage and forge; say what came of it."""
    began = time.monotonic()
    make(root, orders, processes, seed)
    made = time.monotonic() - began
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    say(f"{orders:,} orders made and archived in {made:.0f} s, {size / 1e6:,.0f} MB")
    reports = everywhere(root, environments)
    seconds = [report.pop("seconds") for report in reports]
    damaged = copied(root)
    missed = flips_missed(damaged, FLIPS, seed)
    say(f"{FLIPS} bytes changed, {FLIPS - len(missed)} found")
    place = forge_snapshot(damaged)
    (forged,) = everywhere(damaged, environments[:1])
    shutil.rmtree(damaged)
    named = [each["record"] for each in forged["findings"]]
    say(f"a snapshot forged at {place}: {named}")
    return {
        "orders": reports[0]["orders"], "records": reports[0]["records"], "bytes": size,
        "decisions": reports[0]["decisions"], "rederived": reports[0]["rederived"],
        "divergences": sum(len(report["findings"]) for report in reports),
        "alike": all(report == reports[0] for report in reports),
        "verify_orders_per_s": round(reports[0]["orders"] / seconds[0]),
        "flips": FLIPS, "missed": missed, "forged": place, "forged_found": named == [place],
        "peak_mb_of_a_process": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "seconds": round(time.monotonic() - began),
    }  # fmt: skip


def good(result: dict[str, Any]) -> bool:
    """Whether everything wrong was found, and nothing else."""
    return (
        not result["divergences"]
        and result["alike"]
        and not result["missed"]
        and result["forged_found"]
    )


def main() -> None:
    """Run the audit."""
    options = argparse.ArgumentParser()
    options.add_argument("--orders", type=int, default=20_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options.add_argument("--environments", type=int, default=len(ENVIRONMENTS))
    options.add_argument(
        "--keep", type=Path, help="leave the archive here, or go on with what is left here"
    )
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="exportgate-audit-") as folder:
        root = asked.keep or Path(folder) / "archive"
        result = audit(
            root, asked.orders, asked.processes, asked.seed, ENVIRONMENTS[: asked.environments]
        )
    sys.stdout.write(json.dumps(result) + "\n")
    sys.exit(0 if good(result) else 1)


if __name__ == "__main__":
    main()
