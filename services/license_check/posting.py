"""The one place where a license's sums move: by what a reservation is, before and after."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from schemas.base import changed
from services.license_check.book import ZERO, License, Reservation
from services.license_check.conditions import shipments_max

SHIPMENTS_KEPT: Final = 1_000
"""Shipments whose draw is remembered for a limit on each; the oldest are forgotten first.

That they were made is counted apart: one that is told of again after it was forgotten counts twice.
"""


def posted(license_: License, before: Reservation | None, after: Reservation) -> License:
    """Move the sums of a license by the change of one of its reservations."""
    own = license_.__dict__
    reserved, reserved_value = own["reserved_quantity"], own["reserved_value"]
    used, used_value = own["used_quantity"], own["used_value"]
    if before is not None:
        quantity, value = before.set_aside
        reserved, reserved_value = reserved - quantity, reserved_value - value
        used, used_value = used - before.used_quantity, used_value - before.used_value
    quantity, value = after.set_aside
    moved = changed(
        license_,
        reserved_quantity=reserved + quantity,
        reserved_value=reserved_value + value,
        used_quantity=used + after.used_quantity,
        used_value=used_value + after.used_value,
    )
    terms = license_.terms
    papers = after.documents or (before is not None and before.documents)
    if terms is not None and (papers or terms.max_shipments or terms.conditions):
        moved = _counted(moved, before, after)
    moved.count()
    return moved


def _counted(license_: License, before: Reservation | None, after: Reservation) -> License:
    """Move what only some licenses count: documents, and orders that will yet ship."""
    documents = license_.documents
    if after.documents or (before and before.documents):
        documents = dict(documents)
        _add_documents(documents, before, -1)
        _add_documents(documents, after, 1)
    opened = license_.open_orders
    if license_.terms is not None and shipments_max(license_.terms) is not None:
        opened = dict(opened)
        _add_order(opened, before, -1)
        _add_order(opened, after, 1)
    return changed(license_, documents=documents, open_orders=opened)


def _add_documents(sums: dict[str, Decimal], reservation: Reservation | None, sign: int) -> None:
    if reservation is None:
        return
    drawn = reservation.open_quantity + reservation.used_quantity
    for key in reservation.documents:
        total = sums.get(key, ZERO) + sign * drawn
        if total:
            sums[key] = total
        else:
            sums.pop(key, None)


def _add_order(counts: dict[str, int], reservation: Reservation | None, sign: int) -> None:
    """An order counts while something of it is set aside: it will take a shipment."""
    if reservation is None or reservation.request is None or not reservation.open_quantity:
        return
    key = reservation.request.key
    count = counts.get(key, 0) + sign
    if count:
        counts[key] = count
    else:
        counts.pop(key, None)


def with_shipment(license_: License, shipment: str, quantity: Decimal) -> License:
    """Add what one shipment drew, where the license limits shipments."""
    shipments = dict(license_.shipments)
    made = license_.shipments_made + (shipment not in shipments)
    shipments[shipment] = shipments.get(shipment, ZERO) + quantity
    if len(shipments) > SHIPMENTS_KEPT:
        shipments.pop(next(iter(shipments)))
    return changed(license_, shipments=shipments, shipments_counted=made)


def recounted(license_: License, reservations: Iterable[Reservation]) -> License:
    """Begin to count shipments, where new terms limit them and the old did not.

    What was counted under an earlier limit stays. What each other shipment drew is not known any
    more; that it was one, is, as long as its reservation is remembered.
    """
    opened: dict[str, int] = {}
    shipments = dict(license_.shipments)
    # By offset, not as the aggregate lists them: Redis gives entities back in any order.
    for each in sorted(reservations, key=lambda found: found.granted_offset):
        if each.request is None:
            continue
        _add_order(opened, each, 1)
        for shipment in each.shipments:
            name = shipment_name(each.request.order_source, each.whole(shipment))
            shipments.setdefault(name, ZERO)
    made = license_.shipments_made + len(shipments) - len(license_.shipments)
    return changed(license_, open_orders=opened, shipments=shipments, shipments_counted=made)


def shipment_name(order_source: str, shipment_id: str) -> str:
    """Name a shipment among those of a license; one may carry several orders of a source."""
    return f"{order_source}/{shipment_id}"
