"""Recall, wrongful clears and false holds on every labelled text.

`python -m tests.report.classification`

`blindfold`: controlled texts with every rare-earth word changed into a name no list knows, and how
many of them are cleared: what would become of names that the lexicon lacks.
`--nomenclature FILE` (CSV with `hscode` and `description`) adds the share of ordinary nomenclature
descriptions held. The last line on stdout is one JSON object.
"""

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.classification.check_input import parse_line
from services.classification.classify import classify
from services.runtime.packs import load_packs
from tests.report.blindfold import blindfolded
from tests.report.lines import CLEAR, plain_line
from tests.unit.classification.corpus import DESCRIPTIONS, OPEN, ORDERS, OWN_ORDERS

WATCHED = ("280530", "2846", "850511", "253090", "261220")
"""Headings of rare earths themselves: not ordinary."""


@dataclass(slots=True)
class Tally:
    """Counts of one group of texts."""

    texts: int = 0
    accepted: int = 0
    controlled: int = 0
    recalled: int = 0
    cleared: int = 0
    free: int = 0
    held: int = 0

    def add(self, decision: str, acceptable: list[str]) -> None:
        """Count one text: controlled if no clear is acceptable, free if nothing else is.

        Where both are (the law leaves it open), it is neither.
        """
        self.texts += 1
        self.accepted += decision in acceptable
        if CLEAR.issuperset(acceptable):
            self.free += 1
            self.held += decision not in CLEAR
        elif CLEAR.isdisjoint(acceptable):
            self.controlled += 1
            self.recalled += decision not in CLEAR
            self.cleared += decision in CLEAR


Case = tuple[str, str, str, str, list[str]]


def cases() -> Iterator[Case]:
    """Every labelled text: regime key, group, language, decision, acceptable decisions."""
    packs = load_packs("both")
    for row in ORDERS + OWN_ORDERS:
        found = classify(parse_line(json.dumps(row)).item, packs).regimes
        expected = row["expected"]
        group = f"order category {expected['CN']['reported']['category'] or '-'}"
        reported = expected["CN"]["reported"]["acceptable"]
        yield "CN", group, row["language"], found["CN"].decision.value, reported
        for key in ("US", "EU"):
            yield (
                key,
                group,
                row["language"],
                found[key].decision.value,
                [expected[key]["decision"]],
            )
    for row in DESCRIPTIONS + OPEN:
        found = classify(plain_line(row["description"]), packs).regimes
        for key, name in (("CN", "reported"), ("CN-GAZETTED", "gazetted")):
            if name in row:
                yield key, row["group"], row["language"], found[key].decision.value, row[name]


def codes() -> tuple[int, int]:
    """How many texts with a labelled code of the announced lists have that code."""
    packs = load_packs("gazetted")
    rows = [row for row in DESCRIPTIONS + OPEN if row["gazetted_code"]]
    right = 0
    for row in rows:
        code = classify(plain_line(row["description"]), packs).regimes["CN"].control_code
        right += (code or "").startswith(row["gazetted_code"])
    return right, len(rows)


def nomenclature(file: Path) -> tuple[int, dict[str, int]]:
    """How many ordinary six-digit descriptions are held, by regime key."""
    packs = load_packs("both")
    held: dict[str, int] = defaultdict(int)
    count = 0
    with file.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            if len(row["hscode"]) != 6 or row["hscode"].startswith(WATCHED):
                continue
            count += 1
            regimes = classify(plain_line(row["description"]), packs).regimes
            for key in ("CN", "CN-GAZETTED"):
                held[key] += regimes[key].decision.value not in CLEAR
    return count, dict(held)


def table(found: Iterable[Case]) -> dict[tuple[str, str, str], Tally]:
    """Tally the cases by regime, group and language."""
    out: dict[tuple[str, str, str], Tally] = defaultdict(Tally)
    for key, group, language, decision, acceptable in found:
        for name in ((key, group, language), (key, "all", "all")):
            out[name].add(decision, acceptable)
    return out


def main() -> None:
    """Print the table and one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nomenclature", type=Path)
    options = parser.parse_args()
    tallies = table(cases())
    print(f"{'regime':<12}{'group':<18}{'lang':<6}{'texts':>6}{'ok':>6}{'ctrl':>6}{'recall':>7}"  # noqa: T201
          f"{'cleared':>8}{'free':>6}{'held':>6}")  # fmt: skip
    for (key, group, language), t in sorted(tallies.items()):
        print(f"{key:<12}{group:<18}{language:<6}{t.texts:>6}{t.accepted:>6}{t.controlled:>6}"  # noqa: T201
              f"{t.recalled:>7}{t.cleared:>8}{t.free:>6}{t.held:>6}")  # fmt: skip
    right, coded = codes()
    summary: dict[str, Any] = {"codes_right": right, "codes": coded}
    for key in ("CN", "CN-GAZETTED"):
        t = tallies[key, "all", "all"]
        summary[key] = {
            "texts": t.texts,
            "acceptable": t.accepted,
            "cleared_wrongly": t.cleared,
            "free": t.free,
            "free_held": t.held,
        }
    blind, cleared = blindfolded(load_packs("both"))
    summary["blindfold"] = {"texts": blind, "cleared": cleared}
    if options.nomenclature:
        count, held = nomenclature(options.nomenclature)
        summary["nomenclature"] = {"descriptions": count, "held": held}
    print(json.dumps(summary))  # noqa: T201


if __name__ == "__main__":
    main()
