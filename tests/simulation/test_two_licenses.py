"""One order over two licenses, its life drawn by seed, judged by the independent checker.

Amended to other goods and units, shipped late and in several units, returned, its licenses
suspended and revoked: what is released is set aside, or has left, and nothing beyond a license.
"""

import random
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from schemas.decisions import Decided
from schemas.licenses import LicenseReinstated, LicenseRevoked, LicenseSuspended
from schemas.orders import Order, OrderReturned, ShippedLine
from tests.chaos.checker import check
from tests.support.builders import (
    SOURCE,
    T0,
    cancelled,
    license_granted,
    line,
    order,
    shipped,
)
from tests.support.duo import DAY, DUOS, Duo, needs

SEEDS: Final = 300
LICENSES: Final = ("cn-1", "cn-2")
OFFICE: Final = {
    "suspend": LicenseSuspended, "reinstate": LicenseReinstated, "revoke": LicenseRevoked,
}  # fmt: skip
ACTS: Final = (
    *("amend", "amend", "recheck", "ship", "ship", "ship", "return"),
    *("suspend", "reinstate", "time", "long", "revoke", "cancel"),
)


class Life:
    """One order, and what happens to it next."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.duo = Duo()
        self.revision, self.check, self.acts = 1, 0, 0
        self.line: dict[str, Any] = {"quantity": Decimal(10)}
        self.whole: dict[str, Any] = {}
        self.shipments: list[tuple[str, tuple[ShippedLine, ...]]] = []
        self.amended = dict.fromkeys(LICENSES, 0)
        for name in LICENSES:
            self.duo.office(self._license(name), name)
        self._assess(list(LICENSES))

    def _license(self, name: str) -> Any:
        return license_granted(
            name, quantity=Decimal(self.random.choice((7, 12, 100))), end_users=("*",),
            destinations=("DE", "FR"),
            return_credit=self.random.choice(("automatic", "officer")),
        )  # fmt: skip

    def order(self) -> Order:
        """The order as it is now."""
        return order(revision=self.revision, lines=(line(**self.line),), **self.whole)

    def _assess(self, candidates: list[str]) -> None:
        self.duo.order(needs(self.order(), *candidates, check=self.check))

    def go_on(self) -> None:
        """Let one more thing happen."""
        self.acts += 1
        act = self.random.choice(ACTS)
        if act in OFFICE:
            self._office(act)
        else:
            getattr(self, f"_{act}")()

    def _some(self) -> list[str]:
        return self.random.choice(([*LICENSES], [*reversed(LICENSES)], ["cn-1"], ["cn-2"]))

    def _amend(self) -> None:
        self.revision, self.check = self.revision + 1, 0
        other = self.random.choice(({}, {}, {"sku": "x"}, {"unit": "g"}))
        quantity = Decimal(self.random.choice((3, 6, 8, 10, 12, 15)))
        self.line = {"quantity": quantity, **other}
        self.whole = self.random.choice(({}, {}, {"destination": "FR"}))
        self._assess(self._some())

    def _recheck(self) -> None:
        self.check += 1
        self._assess(self._some())

    def _ship(self) -> None:
        """Ship on a release, the last or an earlier one, now and then in two units."""
        released = [each for each in self.duo.decisions() if each.decision == "RELEASED"]
        if not released:
            return
        on: Decided = self.random.choice((released[-1], self.random.choice(released)))
        units = self.random.sample(("kg", "g", "lb"), self.random.choice((1, 1, 1, 2)))
        parts = tuple(
            ShippedLine(
                line_id="L1", quantity=Decimal(self.random.choice((1, 2, 4, 6, 10))), unit=u
            )
            for u in units
        )
        name = f"s{self.acts}"
        final = self.random.random() < 0.1
        said = shipped(name, on.decision_id, revision=on.revision, final=final, lines=parts)
        self.duo.order(said)
        self.shipments.append((name, parts))

    def _return(self) -> None:
        if not self.shipments:
            return
        name, parts = self.random.choice(self.shipments)
        self.duo.order(
            OrderReturned(
                order_source=SOURCE, order_id="o1", shipment_id=name, return_id=f"b{self.acts}",
                returned_at=T0 + DAY, lines=parts[:1],
            )
        )  # fmt: skip

    def _office(self, act: str) -> None:
        name = self.random.choice(LICENSES)
        self.amended[name] += 1
        said = OFFICE[act](
            license_id=name,
            amendment=self.amended[name],
            effective_at=self.duo.ledger.now,
            reason="-",
        )
        self.duo.office(said, name)

    def _time(self) -> None:
        self.duo.pass_time(timedelta(hours=1))

    def _long(self) -> None:
        self.duo.pass_time(timedelta(hours=25))

    def _cancel(self) -> None:
        if self.random.random() < 0.2:
            self.duo.order(cancelled(self.revision, not_shipped=self.random.random() < 0.5))


def test_what_is_released_over_two_licenses_is_set_aside_or_has_left() -> None:
    released = 0
    for seed in range(SEEDS):
        life = Life(seed)
        for _ in range(life.random.randint(3, 14)):
            life.go_on()
        DUOS.remove(life.duo)
        found = check(life.duo.logs()).violations
        assert not found, f"seed {seed}: {found[0]}"
        released += any(each.decision == "RELEASED" for each in life.duo.decisions())
    assert released > SEEDS / 2, "most orders are released at some time"
