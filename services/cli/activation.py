"""`exportgate policy impact | activate`: what a pack changes for the orders that stand."""

from collections import Counter
from typing import Annotated, Any, Final

import typer

from schemas.envelope import derived_id
from schemas.orders import Order
from schemas.reference import PackActivated
from schemas.topics import PRODUCTS, REFERENCE
from services.classification.impact import Change, Standing, impact
from services.classification.orders import Classifier, Products
from services.classification.pack_set import PackSet, choose
from services.classification.policy import Pack
from services.classification.products import Product
from services.cli import book, policy
from services.cli.output import emit, refuse, say, table
from services.cli.rechecks import OPEN, TOPICS, WITHIN, await_decided, want_rechecks
from services.runtime.packs import load_packs, read_packs
from services.runtime.settings import settings

Json = Annotated[bool, typer.Option("--json", help="print JSON")]
SHOWN: Final = 50


def register() -> typer.Typer:
    """Add these commands to those of `policy`."""
    policy.app.command("impact")(show_impact)
    policy.app.command("activate")(activate)
    return policy.app


def show_impact(
    name: Annotated[str, typer.Argument(metavar="PACK", help="pack name or file")],
    as_json: Json = False,
) -> None:
    """Say which lines of open and released orders another pack would decide otherwise."""
    from services.runtime.client import Client

    pack = policy.load(name)
    after = with_pack(pack)
    client = Client(settings(), (*TOPICS, PRODUCTS))
    orders = standing(client)
    before = Classifier(load_packs(settings().cn))
    found = list(impact(orders, before, Classifier(after), _products(client)))
    counts = Counter((c.regime, str(c.before or "-"), str(c.after or "-")) for c in found)
    if as_json:
        emit(_summary(pack, after, orders, found, counts))
        return
    said = (f"{c.key} {c.line_id}" for c in found)
    say(f"{pack.name}: {len(found)} verdicts on {len(orders)} open or released orders change")
    columns = ("regime", "now", "then", "lines")
    table("By verdict", columns, ((*way, count) for way, count in sorted(counts.items())))
    rows = ((where, c.regime, c.before, c.after) for where, c in zip(said, found, strict=True))
    table(f"The first {SHOWN}", ("line", "regime", "now", "then"), list(rows)[:SHOWN])


def _summary(
    pack: Pack, after: PackSet, orders: list[Standing], found: list[Change], counts: Counter[Any]
) -> dict[str, Any]:
    return {
        "pack": pack.name,
        "digest": digest_in(after, pack),
        "orders": len(orders),
        "changed_orders": len({change.key for change in found}),
        "by_verdict": [
            {"regime": regime, "before": before, "after": after_, "lines": count}
            for (regime, before, after_), count in sorted(counts.items())
        ],
        "changes": [
            {"order": c.key, "line_id": c.line_id, "regime": c.regime, "before": c.before,
             "after": c.after}
            for c in found
        ],
    }  # fmt: skip


def with_pack(pack: Pack) -> PackSet:
    """The packs in use, this one among them: in place of its own version, or as one more."""
    shipped, lexicon = read_packs()
    others = [each for each in shipped if each.name != pack.name]
    choices = (settings().cn, "reported", "gazetted", "both")
    keys = next((k for c in choices if pack.pack in (k := choose(c)).values()), None)
    if keys is None:
        refuse(f"{pack.name} is read for no regime, so it changes nothing")
    return PackSet([*others, pack], lexicon, keys)


def digest_in(packs: PackSet, pack: Pack) -> str:
    """The digest a pack has in a set, with the lexicon read."""
    return next(ref.digest for ref in packs.refs if ref.pack == pack.name)


def standing(client: Any) -> list[Standing]:
    """Read every open or released order in its newest revision."""
    from services.runtime.client import events, now

    open_ = {key for key, d in book.decisions(client).items() if d.decision in OPEN}
    newest: dict[str, Any] = {}
    for record in events(client.read_all(TOPICS[0])):
        if record.key not in open_ or not isinstance(record.event, Order):
            continue
        known = newest.get(record.key)
        if known is None or record.event.revision >= known.event.revision:
            newest[record.key] = record
    own_day = None if settings().time_basis == "event" else now()
    return [Standing(record.event, record.time, own_day) for record in newest.values()]


def _products(client: Any) -> Products:
    from services.cli.products import on_record

    known = {
        key: Product(key.partition("/")[2], record, 0, str(number))
        for number, (key, record) in enumerate(on_record(client).items())
    }
    return Products(known)


def activate(
    name: Annotated[
        str, typer.Argument(metavar="PACK", help="a pack that ships with this version")
    ],
    officer: Annotated[list[str], typer.Option(help="two different officers, each by name")],
    as_json: Json = False,
) -> None:
    """Put on record that a pack is in use, and have every open or released order checked again.

    The services must run the version that ships it: deploy first, then activate.
    """
    from services.runtime.client import Client, now, record

    officers = tuple(dict.fromkeys(each.strip() for each in officer if each.strip()))
    if len(officers) < 2:
        refuse("a pack is activated by two different officers: give --officer twice")
    pack = policy.find(name)
    packs = with_pack(pack)
    in_use = load_packs(settings().cn)
    if pack.name not in {ref.pack for ref in in_use.refs}:
        refuse(f"{pack.name} is not in use here (EXPORTGATE_CN={settings().cn})")
    client = Client(settings(), (*TOPICS, REFERENCE))
    event = PackActivated(
        regime=pack.regime,
        pack=pack.name,
        digest=digest_in(packs, pack),
        at=now(),
        officers=officers,
    )
    new = event.digest not in {each.digest for each in activated(client)}
    if new:
        event_id = derived_id("pack", event.pack, event.digest)
        send = record(REFERENCE, f"pack/{pack.name}", event, event_id=event_id, time=event.at)
        client.write([send])
    late = await_decided(client)
    count = want_rechecks(
        client, book.decisions(client).values(), cause="pack_activated", within=WITHIN
    )
    if late is not None:
        say(f"{late} has not read to the end yet: activate again once it has")
    if as_json:
        emit({"pack": pack.name, "digest": event.digest, "recorded": new, "rechecks": count})
    else:
        known = "" if new else " (was on record before)"
        say(f"{pack.name} is active{known}; {count} orders to be checked again")


def activated(client: Any) -> list[PackActivated]:
    """Read which packs were put on record as active."""
    from services.runtime.client import events

    found = (record.event for record in events(client.read_all(REFERENCE)))
    return [event for event in found if isinstance(event, PackActivated)]
