"""One life of orders and licenses, scripted: whatever a fold does should happen in it once."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from schemas.checks import Rate
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseReinstated,
    LicenseRevoked,
    LicenseSuspended,
)
from schemas.orders import Order
from tests.support.builders import (
    T0,
    cancelled,
    decided,
    due,
    license_granted,
    line,
    order,
    shipped,
    terms,
    unreadable,
)
from tests.support.duo import DAY, Duo, comes_back, needs, part


def play() -> Duo:
    """Play it; the same every time."""
    duo = Duo()
    _licenses(duo)
    _orders(duo)
    _changes(duo)
    return duo


def _of(quantity: str, order_id: str, revision: int = 1, **changes: Any) -> Order:
    own = line(quantity=Decimal(quantity), value=Decimal(quantity) * 100, **changes)
    return order(order_id, revision, lines=(own,))


def _licenses(duo: Duo) -> None:
    five: dict[str, Any] = {"over_percent": Decimal(5), "under_percent": Decimal(5)}
    first = license_granted("cn-1", quantity=Decimal(40), return_credit="automatic", **five)
    duo.office(first, "cn-1")
    duo.office(license_granted("cn-2", quantity=Decimal(25), max_shipments=3), "cn-2")
    duo.office(license_granted("cn-3", value=Decimal(9000), currency="EUR",
                               quantity_basis="element:Dy"), "cn-3")  # fmt: skip
    duo.office(first, "cn-1")
    duo.office(license_granted("cn-4", unit="carboy"), "cn-4")


def _orders(duo: Duo) -> None:
    both = ("cn-1", "cn-2")
    duo.order(needs(_of("10", "o1"), *both), "o1")
    duo.order(needs(_of("15", "o1", 2), *both), "o1")
    duo.order(needs(_of("12", "o1", 3), *both), "o1")
    duo.order(shipped("s1", duo.last("o1").decision_id, revision=3, **part("4")), "o1")
    duo.order(needs(_of("35", "o2"), *both), "o2")
    duo.order(
        shipped("s2", duo.last("o1").decision_id, revision=3, **part("8.2", final=True)), "o1"
    )
    duo.order(comes_back("s1", "2"), "o1")
    duo.order(needs(_of("5", "o3"), *both), "o3")
    duo.order(cancelled(order_id="o2", not_shipped=True), "o2")
    duo.order(needs(_of("5", "o3"), *both, check=1), "o3")
    duo.order(needs(_money(), "cn-3", rates=(_rate(),)), "o4")
    duo.order(decided(duo.last("o3").seq, "unassign", order_id="o3", fact="license",
                      value=duo.last("o3").licenses[0].license_id), "o3")  # fmt: skip
    duo.pass_time(timedelta(seconds=40))
    duo.order(needs(_of("9", "o5"), *both), "o5")
    duo.order(unreadable(key="erp/o5"), "o5")


def _money() -> Order:
    own = line(composition=({"element": "Dy", "mass_percent": "5"},), value=Decimal(1000))
    return order("o4", lines=(own,))


def _rate() -> Rate:
    fields = {"rate_id": "r", "from": "EUR", "to": "USD", "rate": "1.25", "source": "ECB"}
    return Rate.model_validate(fields | {"at": T0 - DAY})


def _changes(duo: Duo) -> None:
    duo.office(LicenseAmended(**terms("cn-1", quantity=Decimal(3)).model_dump(), amendment=1))
    duo.office(LicenseAmended(**terms("cn-1", quantity=Decimal(14)).model_dump(), amendment=2))
    when = duo.ledger.now
    for amendment, kind in ((1, LicenseSuspended), (2, LicenseReinstated), (3, LicenseRevoked)):
        duo.office(
            kind(license_id="cn-2", amendment=amendment, effective_at=when, reason="-"), "cn-2"
        )
    duo.office(
        BalanceAdjusted(adjustment_id="a1", license_id="cn-1", quantity=Decimal(-99), unit="kg",
                        document="d", officer="ann", note="-")
    )  # fmt: skip
    duo.office(
        BalanceAdjusted(adjustment_id="a2", license_id="cn-1", quantity=Decimal(2), unit="kg",
                        document="d", officer="ann", note="-")
    )  # fmt: skip
    duo.office(unreadable(topic="licenses", key="cn-3"), "cn-3")
    duo.pass_time(2 * DAY)
    duo.office(due("license_expiring", T0, "cn-1"), "cn-1")
