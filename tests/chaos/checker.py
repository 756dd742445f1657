"""An independent checker of a run: raw topics in, violations of the invariants out.

It shares only `schemas` with what it checks; arithmetic, matching and reading are its own.
`python -m tests.chaos.checker BOOTSTRAP` checks whatever a broker holds.
"""

import json
import sys
from collections import Counter
from dataclasses import dataclass

from schemas.decisions import Decided
from tests.chaos.account import Books
from tests.chaos.found import Violation
from tests.chaos.logs import Logs, read_logs
from tests.chaos.orders import (
    chained,
    in_order,
    nothing_lost,
    numbered,
    one_word,
    poison_kept,
    standing,
)
from tests.chaos.releases import none_outlives, outlasting, rightly_released


@dataclass(frozen=True, slots=True)
class Report:
    """What the checker saw."""

    violations: list[Violation]
    decisions: dict[str, Decided]
    """The decision that counts, of every order."""
    duplicates: int
    records: int

    @property
    def counts(self) -> dict[str, int]:
        """Violations by invariant."""
        return dict(sorted(Counter(each.invariant for each in self.violations).items()))


def check(logs: Logs) -> Report:
    """Hold every invariant against the logs of a run that has come to rest."""
    books = Books(logs)
    violations = [
        *nothing_lost(logs),
        *numbered(logs),
        *one_word(logs),
        *rightly_released(logs, books),
        *outlasting(logs, books),
        *books.wrong,
        *none_outlives(logs, books),
        *in_order(logs),
        *chained(logs),
        *poison_kept(logs),
    ]
    records = sum(len(entries) for entries in logs.topics.values())
    return Report(violations, standing(logs), logs.duplicates(), records)


def main(bootstrap: str) -> int:
    """Check a broker; exit 1 on any violation."""
    report = check(read_logs(bootstrap))
    for each in report.violations[:50]:
        sys.stderr.write(f"{each}\n")
    result = {
        "orders": len(report.decisions),
        "records": report.records,
        "duplicates": report.duplicates,
        "violations": len(report.violations),
        "by_invariant": report.counts,
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return int(bool(report.violations))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
