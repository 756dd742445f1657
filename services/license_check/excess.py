"""How far a license is overcommitted, while what stands on it is taken back one by one."""

from schemas.base import plain
from services.license_check.book import ZERO, License, Reservation
from services.license_check.conditions import shipments_max


class Excess:
    """What a license lacks for all that is set aside on it.

    A withdrawn reservation counts as given back, for it will be: nobody else need go for it.
    """

    def __init__(self, license_: License) -> None:
        self.quantity, self.value = license_.remaining_quantity, license_.remaining_value
        self.license = license_
        self.orders = dict(license_.open_orders)
        most = None if license_.terms is None else shipments_max(license_.terms)
        self.room = None if most is None else most - license_.shipments_made

    def free(self, reservation: Reservation) -> None:
        """Count a reservation as given back."""
        if self.quantity is not None:
            self.quantity += reservation.open_quantity
        if self.value is not None:
            self.value += reservation.open_value
        key = reservation.request.key if reservation.request else ""
        if key in self.orders and reservation.open_quantity:
            self.orders[key] -= 1

    def short(self) -> str:
        """Say what is lacking; empty where nothing is."""
        terms = self.license.terms
        if self.quantity is not None and self.quantity < ZERO:
            return f"{plain(-self.quantity)} {terms.unit if terms else ''}"
        if self.value is not None and self.value < ZERO:
            return f"{plain(-self.value)} {terms.currency if terms else ''}"
        waiting = sum(count > 0 for count in self.orders.values())
        if self.room is not None and waiting > max(self.room, 0):
            return f"{waiting - max(self.room, 0)} shipments"
        return ""
