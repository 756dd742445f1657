"""What-if in words: what a board reads, the question first, the totals, then where they fall."""

from decimal import Decimal
from typing import Any, Final

from services.cli.output import OUT, table

SHOWN: Final = 12
BAR: Final = 24
MATERIALS: Final = "an order counts under every material in it, with the value of those lines"
REASONS: Final = "why one course held it when the other let it go; two reasons count under both"
OFFICERS: Final = (
    "Officers' recorded acts are replayed. Where the hold they were for is another, they have no "
    "effect, so what is held is the upper bound."
)
RUN_OUT: Final = (
    "the first day that one could not cover what was asked, or had nothing left; what was set "
    "aside and not shipped has come back since"
)


def print_report(result: dict[str, Any]) -> None:
    """Print a comparison (`services.replay.impact.report`) with the question it answers."""
    question = result["question"]
    OUT.print(f"As it was: {_law(question['base'])}")
    OUT.print(f"What if:   {_law(question)}")
    OUT.print(f"{result['orders']:,} orders, {result['from'][:10]} to {result['to'][:10]}, "
              f"worth {_money(result['value'])}")  # fmt: skip
    OUT.print(f"  at the end as it was: {_counts(result['totals']['base'])}")
    OUT.print(f"  at the end, what if:  {_counts(result['totals']['other'])}")
    for line in _judged(result["judged_by"]):
        OUT.print(line)
    _group("Newly held", result["newly_held"], result, "later")
    _group("Freed", result["freed"], result, "sooner")
    _breaches(result["new_breaches"])
    OUT.print(OFFICERS)
    if result["unvalued_lines"]:
        OUT.print(f"{result['unvalued_lines']:,} lines state no value: theirs is unknown, not 0")
    for by, note in (("destination", ""), ("customer", ""), ("material", MATERIALS),
                     ("reason", REASONS)):  # fmt: skip
        _table(by, result[f"by_{by}"], note)
    _licenses(result["licenses"])
    _divergences(result)


def _law(question: dict[str, Any]) -> str:
    """Name the law, the book and the prices of a course."""
    packs = [name.partition("\n")[0] for name in question["packs"]]
    cn = question["cn"]
    reading = "both readings" if cn == "both" else f"the {cn} reading"
    law = f"{', '.join(packs)} on all days" if packs else (
        f"{reading} of the Chinese lists, as in force on each day"
    )  # fmt: skip
    if question.get("law_of"):
        law += f", the law of {question['law_of']} on all days"
    if question.get("licenses"):
        law += f", the licenses of {question['licenses']}"
    factor = Decimal(question.get("prices") or 1)
    return law if factor == 1 else f"{law}, prices {((factor - 1) * 100).normalize():+f} %"


def _judged(by: dict[str, Any]) -> list[str]:
    """By what both courses were judged, where the question does not say it."""
    lines = ["Both are judged by the packs and the strategy that the archive keeps"
             if by["policies"] == "archive"
             else "Both are judged by the packs and the strategy of this release"]  # fmt: skip
    if by["settings_changed"]:
        lines.append(f"The services' settings changed {by['settings_changed']} times on the way; "
                     "both are simulated under the first")  # fmt: skip
    return lines


def _counts(totals: dict[str, int]) -> str:
    return ", ".join(f"{count:,} {word.lower()}" for word, count in sorted(totals.items()))


def _group(name: str, group: dict[str, Any], result: dict[str, Any], when: str) -> None:
    """One side of the difference in one sentence."""
    orders, never = group["orders"], group["never"]
    if not orders:
        OUT.print(f"{name}: none")
        return
    share = Decimal(orders * 100) / result["orders"]
    days = Decimal(group["days"])
    worth = _money(group["value"], result["value"])
    text = (f"{name}: {_orders(orders)} ({share:,.1f} %), {worth}, released "
            f"{days / orders:,.0f} days {when} on average, {days:,.0f} in all")  # fmt: skip
    if never:
        other = "" if when == "later" else "otherwise "
        text += f"; {never:,} of them {other}not at all, counted to the end of the stream"
    OUT.print(text)


def _orders(count: int) -> str:
    return f"{count:,} order{'s' if count != 1 else ''}"


def _breaches(new: dict[str, int]) -> None:
    """Shipments keep their moments: what had no release then could not have left."""
    for which, name in (("other", "What if"), ("base", "As it was")):
        if new[which]:
            more = f"{_orders(new[which])} more shipped without a release"
            OUT.print(f"{name}: {more}: counted as closed, though the goods could not have left")


def _money(value: dict[str, str], of: dict[str, str] | None = None) -> str:
    """Amounts by currency, with their share of all."""
    parts = []
    for name, amount in value.items():
        share = ""
        if of is not None and Decimal(of.get(name, 0)):
            share = f" ({Decimal(amount) * 100 / Decimal(of[name]):,.1f} %)"
        parts.append(f"{Decimal(amount):,.0f} {name}{share}")
    return " + ".join(parts) or "-"


def _divergences(result: dict[str, Any]) -> None:
    parted = [
        (each["order"], each["seq"], _word(each["base"]), _word(each["other"]))
        for each in result["divergences"][:SHOWN]
    ]
    if parted:
        table(f"First divergence of each order ({result['diverging']:,} differ)",
              ("order", "seq", "as it was", "what if"), parted)  # fmt: skip


def _table(by: str, rows: list[dict[str, Any]], note: str) -> None:
    if not rows:
        return
    most = max(row["newly_held"]["orders"] + row["freed"]["orders"] for row in rows)
    drawn = []
    for row in rows[:SHOWN]:
        held, freed = row["newly_held"], row["freed"]
        bar = "█" * max(1, (held["orders"] + freed["orders"]) * BAR // most)
        drawn.append((row["name"], held["orders"], _money(held["value"]),
                      f"{Decimal(held['days']):,.0f}", freed["orders"], _money(freed["value"]),
                      f"{Decimal(freed['days']):,.0f}", bar))  # fmt: skip
    more = f", first {SHOWN} of {len(rows)}" if len(rows) > SHOWN else ""
    title = f"By {by}{more}" + (f": {note}" if note else "")
    table(title, (by, "newly held", "value", "days later", "freed", "value", "days sooner", ""),
          drawn)  # fmt: skip


def _licenses(rows: list[dict[str, Any]]) -> None:
    drawn = []
    for row in rows:
        base, other = row["base"] or {}, row["other"] or {}
        if base.get("runs_out") or other.get("runs_out"):
            drawn.append((row["license_id"], _day(base), _left(base), _day(other), _left(other)))
    if drawn:
        more = f", first {SHOWN} of {len(drawn)}" if len(drawn) > SHOWN else ""
        table(f"Licenses that fall short{more}: {RUN_OUT}",
              ("license", "as it was", "left at the end", "what if", "left at the end"),
              drawn[:SHOWN])  # fmt: skip


def _day(drawn: dict[str, Any]) -> str:
    return str(drawn.get("runs_out") or "-")[:10]


def _left(drawn: dict[str, Any]) -> str:
    left = drawn.get("left", {})
    measures = (("quantity", "unit"), ("value", "currency"))
    parts = [
        f"{left[name]} {left.get(unit, '')}".strip() for name, unit in measures if name in left
    ]
    return ", ".join(parts)


def _word(decision: dict[str, Any] | None) -> str:
    if decision is None:
        return "-"
    reasons = f" ({', '.join(decision['reasons'])})" if decision["reasons"] else ""
    return f"{decision['decision']} {decision['at'][:10]}{reasons}"
