"""What it costs to classify a line, on one core, under all packs, beside pydantic's parse.

`make bench-classification` (`ARGS="--seed 7 --orders 400"`). p50 and p99 in microseconds, of
- `known_line`: what one more line adds to an order (ten against one) whose product has a current
  record and was ordered before to the same country by the same customer;
- `known_order_of_one`: an order of one such line, whole; `known_as_it_comes`: a line of the stream
  with what is new in it; `known_first_seen`: an order of one line of a product never seen before;
- `new_description`: what a line that nobody has seen, without a record, adds to an order.
Beside them the parse of the same orders, in the same run. The last line is one JSON object; exit
code 1 where a p50 is above its limit.
"""

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

import orjson

from schemas.orders import OrderPlaced
from schemas.reference import product_key
from services.classification.orders import Classifier, Products, classify_order
from services.generator.goods import CATALOGUE
from services.generator.scenario import EXPORTER, scenario
from services.runtime.packs import load_packs
from tests.unit.classification.corpus import DESCRIPTIONS
from tests.unit.classification.records import current

AT = datetime(2026, 7, 1, 12, tzinfo=UTC)
LINES = 10
SAMPLES = (
    "known_line", "known_order_of_one", "known_as_it_comes", "known_first_seen",
    "new_description", "parse_line", "parse_order_of_two",
)  # fmt: skip
LIMITS_US = {"known_line": 10, "new_description": 200}
PACKS = load_packs("both")


def records(seed: int) -> Products:
    """What is on record of every product of the catalogue, read under the packs in use."""
    rows = scenario(seed, 1, start=date(2026, 6, 1)).products
    known = {product_key(EXPORTER, r["sku"]): current(PACKS, **r["codes"]) for r in rows}
    return Products(known, {"0": len(rows)})


def orders(seed: int, count: int) -> Iterator[dict[str, Any]]:
    """Orders of the generator's customers, each of ten known products."""
    placed = [e.data for e in scenario(seed, count).events if e.type == "OrderPlaced" and e.data]
    skus = sorted(CATALOGUE)
    for number, data in enumerate(placed):
        chosen = [skus[(number * 7 + at * 5) % len(skus)] for at in range(LINES)]
        lines = [
            {
                "line_id": str(at), "sku": sku, "description": CATALOGUE[sku].description,
                "hs_code": CATALOGUE[sku].hs_code, "quantity": "5", "unit": CATALOGUE[sku].unit,
                "value": "1000", "currency": "CNY", "origin": "CN",
            }
            for at, sku in enumerate(chosen, start=1)
        ]  # fmt: skip
        yield {**data, "lines": lines}


def timed(work: Callable[[], Any]) -> float:
    """Microseconds of one call."""
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) / 1000


def parse(data: dict[str, Any]) -> tuple[OrderPlaced, float]:
    """An order, and what its parse took."""
    raw = orjson.dumps(data)
    OrderPlaced.model_validate_json(raw)
    return OrderPlaced.model_validate_json(raw), timed(lambda: OrderPlaced.model_validate_json(raw))


def measure(seed: int, count: int) -> dict[str, list[float]]:
    """Every sample, by what was measured."""
    found: dict[str, list[float]] = {name: [] for name in SAMPLES}
    known, usual = records(seed), Classifier(PACKS)

    def classify(order: OrderPlaced, classifier: Classifier = usual) -> float:
        return timed(
            lambda: classify_order(
                order, as_of=AT, own_day=AT, digest="", classifier=classifier, products=known
            )
        )

    for data in orders(seed, count):
        ten, parsed = parse(data)
        one, parsed_one = parse({**data, "lines": data["lines"][:1]})
        found["known_first_seen"].append(classify(one, Classifier(PACKS)))
        found["known_as_it_comes"].append(classify(ten) / LINES)
        alone, whole = classify(one), classify(ten)
        found["known_line"].append((whole - alone) / (LINES - 1))
        found["known_order_of_one"].append(alone)
        found["parse_line"].append((parsed - parsed_one) / (LINES - 1))
    template = next(orders(seed, 1))
    first = template["lines"][0]
    before, _ = parse({**template, "lines": [first]})
    classify(before)
    for row in DESCRIPTIONS:
        new = {**first, "description": row["description"], "hs_code": None, "sku": None}
        order, parsed = parse({**template, "lines": [first, {**new, "line_id": "new"}]})
        found["new_description"].append(classify(order) - classify(before))
        found["parse_order_of_two"].append(parsed)
    return found


def main() -> int:
    """Measure, print, and say whether the limits are kept."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seed", type=int, default=7)
    options.add_argument("--orders", type=int, default=400)
    asked = options.parse_args()
    gc.disable()  # as in a service
    samples = {name: sorted(each) for name, each in measure(asked.seed, asked.orders).items()}
    figures = {
        name: {"p50": round(each[len(each) // 2], 1), "p99": round(each[len(each) * 99 // 100], 1)}
        for name, each in samples.items()
    }
    p50 = {name: each["p50"] for name, each in figures.items()}
    within = {name: p50[name] <= limit for name, limit in LIMITS_US.items()}
    result = {
        "microseconds": figures,
        "ratios_to_parse": {
            "known_line": round(p50["known_line"] / p50["parse_line"], 2),
            "new_description": round(p50["new_description"] / p50["parse_order_of_two"], 1),
        },
        "limits_p50": LIMITS_US,
        "within": within,
        "packs": sorted(PACKS.keys),
    }
    sys.stdout.write(json.dumps(result) + "\n")
    return 0 if all(within.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
