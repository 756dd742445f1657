"""The ledger answers whatever can be decoded: the largest, the smallest, the earliest, nonsense."""

from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.base import Model
from schemas.checks import (
    DeadlineDue,
    ReservationAdjusted,
    ReservationConfirmRequested,
    ReservationRequested,
    ReservationReturned,
    ReservationSettled,
    ReservationVoided,
)
from schemas.licenses import (
    BalanceAdjusted,
    LicenseAmended,
    LicenseGranted,
    LicenseReinstated,
    LicenseResolved,
    LicenseRevoked,
    LicenseSuspended,
)
from services.license_check.book import License, utilisation
from services.license_check.register import deadlines
from tests.support.builders import T0
from tests.support.folds import LedgerRun
from tests.unit.schemas.strategies import documents, maybe, parties

HUGE: Final = "999999999999999999.999999999999"
TINY: Final = "0.000000000001"
amounts = st.sampled_from([TINY, "1", "7.5", "100", HUGE, "1e2"])
signed = amounts | amounts.map(lambda text: f"-{text}")
units = st.sampled_from(["kg", "g", "t", "lb", "pcs", "set", "carboy", "", " KG ", "吨"])
money = st.sampled_from(["USD", "EUR", "JPY", "XXX"])
moments = st.sampled_from(
    ["0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2026-06-01T08:00:00Z",
     "9999-12-31T23:59:59Z"]
)  # fmt: skip
days = st.sampled_from(["0001-01-01", "2026-01-01", "2026-12-31", "9999-12-31"])
names = st.sampled_from(["Weber GmbH", "weber  gmbh", "*", "", "Army"])
weights = maybe(st.fixed_dictionaries({"value": amounts, "unit": units}))
conditions = st.sampled_from(
    ["port=Ningbo", "no_reexport", "report_within_days=3", "report_within_days=99999999999",
     "quantity_per_shipment=5 kg", "quantity_per_shipment=5", "max_shipments=1", "be nice", "",
     "value_per_order=5 USD", "acknowledge", "max_shipments=0", "max_shipments=²"]
)  # fmt: skip
rates = st.fixed_dictionaries(
    {"rate_id": st.just("r"), "from": money, "to": money, "rate": amounts, "at": moments,
     "source": st.just("x")}
)  # fmt: skip
components = st.fixed_dictionaries(
    {"element": st.sampled_from(["Dy", "Nd", "Fe", "Xx"]), "mass_percent": amounts}
)
items = st.fixed_dictionaries(
    {"codes": st.just(["1C905.b"]), "category": maybe(st.just(1)), "materials": st.just(["Dy"]),
     "composition": maybe(st.lists(components, max_size=2)),
     "formula": maybe(st.sampled_from(["Dy2O3", "DyFe80", "((", "Dy0O0", ""]))}
)  # fmt: skip
HEAD: Final = {
    "order_source": st.just("erp"), "order_id": st.sampled_from(["o1", "o2"]),
    "revision": st.just(1), "check": st.just(0),
    "reservation_id": st.sampled_from(["r1", "r2"]),
    "request_id": st.sampled_from(["q1", "q2", "q3"]), "license_id": st.just("cn-1"),
}  # fmt: skip
GOODS: Final = {
    "quantity": amounts, "unit": units, "net_weight": weights, "gross_weight": weights,
    "value": maybe(amounts), "currency": maybe(money),
}  # fmt: skip
TERMS: Final = {
    "license_id": st.just("cn-1"), "type": st.sampled_from(["individual", "exception"]),
    "authority": st.just("-"), "regime": st.sampled_from(["CN", "US", "XX"]),
    "holder": st.just("*"), "consignees": st.lists(names, max_size=2),
    "end_users": st.just(["*"]), "destinations": st.just(["*"]), "codes": st.just(["*"]),
    "quantity": maybe(amounts), "unit": maybe(units), "value": maybe(amounts),
    "currency": maybe(money), "over_percent": maybe(amounts), "under_percent": maybe(amounts),
    "max_shipments": maybe(st.integers(1, 2)), "valid_from": days, "valid_to": days,
    "quantity_basis": st.sampled_from(["net", "gross", "oxide", "element:Dy", "nonsense"]),
    "requires": st.lists(st.sampled_from(["euc", "letter"]), max_size=1),
    "conditions": st.lists(conditions, max_size=2),
    "return_credit": st.sampled_from(["officer", "automatic"]),
    "amendment": st.integers(0, 3),
}  # fmt: skip
CHANGE: Final = {
    "license_id": st.just("cn-1"), "amendment": st.integers(1, 3), "effective_at": moments,
    "reason": st.just("-"),
}  # fmt: skip
SHIPMENT: Final = {"shipment_id": st.sampled_from(["s1", "s2", "s3"])}
EVENTS: Final[list[tuple[type[Model], dict[str, Any]]]] = [
    (LicenseGranted, TERMS),
    (LicenseAmended, TERMS),
    (LicenseSuspended, CHANGE),
    (LicenseReinstated, CHANGE),
    (LicenseRevoked, CHANGE),
    (LicenseResolved, {"license_id": st.just("cn-1"), "unreadable_offset": st.integers(0, 9),
                       "officer": st.just("ann"), "note": st.just("-")}),
    (BalanceAdjusted, {"adjustment_id": st.sampled_from(["a", "b"]), "license_id": st.just("cn-1"),
                       "quantity": maybe(signed), "unit": maybe(units), "value": maybe(signed),
                       "currency": maybe(money), "document": st.just("d"),
                       "officer": st.just("ann"), "note": st.just("-")}),
    (DeadlineDue, {"entity": st.just("cn-1"), "due": moments,
                   "deadline": st.sampled_from(["license_expired", "license_expiring"])}),
    (ReservationRequested, {
        **HEAD, **GOODS, "line_id": st.just("L1"), "regime": st.sampled_from(["CN", "US"]),
        "attempt": st.just(0), "as_of": moments, "time_basis": st.sampled_from(["log", "event"]),
        "requested_ship_date": maybe(days), "exporter": st.just("acme"), "item": items,
        "parties": maybe(st.lists(parties, max_size=2)), "destination": st.just("DE"),
        "port": maybe(st.just("Ningbo")), "purpose": st.just("sale"),
        "shipping": maybe(st.sampled_from(["complete", "partial"])),
        "order_value": maybe(amounts), "conversions": st.lists(rates, max_size=2),
        "documents": st.lists(documents, max_size=2), "partial": st.booleans(),
        "answer_by": moments}),
    (ReservationConfirmRequested, HEAD),
    (ReservationAdjusted, {**HEAD, "quantity": amounts, "value": maybe(amounts),
                           "net_weight": weights, "conversions": st.lists(rates, max_size=1)}),
    (ReservationSettled, {**HEAD, **GOODS, **SHIPMENT, "shipped_at": moments,
                          "final": st.booleans()}),
    (ReservationReturned, {**HEAD, **GOODS, **SHIPMENT, "return_id": st.sampled_from(["b", "c"]),
                           "returned_at": moments}),
    (ReservationVoided, {**HEAD, "cause": st.just("-")}),
]  # fmt: skip


def readable(kind: type[Model], fields: dict[str, Any]) -> Model | None:
    """An event, if its fields make one; what cannot be decoded never reaches the fold."""
    try:
        return kind.model_validate(fields)
    except ValidationError:
        return None


def of_kind(kind: type[Model], fields: dict[str, Any]) -> st.SearchStrategy[Model | None]:
    """Events of one kind."""
    return st.fixed_dictionaries(fields).map(lambda found: readable(kind, found))


ANYTHING = st.one_of([of_kind(kind, fields) for kind, fields in EVENTS])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=st.booleans(), events=st.lists(ANYTHING, min_size=1, max_size=12), at=moments)
def test_whatever_can_be_decoded_is_answered(
    first: bool, events: list[Model | None], at: str
) -> None:
    """Nothing raises; what is remembered can be loaded again; sums add up to the last digit."""
    run = LedgerRun()
    if first:
        run.say(LicenseGranted.model_validate(
            {"license_id": "cn-1", "type": "general", "authority": "-", "regime": "CN",
             "holder": "*", "consignees": ["*"], "end_users": ["*"], "destinations": ["*"],
             "codes": ["*"], "quantity": HUGE, "unit": "kg", "valid_from": "0001-01-01",
             "valid_to": "9999-12-31"}
        ))  # fmt: skip
    run.now = max(T0, datetime(9000, 1, 1, tzinfo=UTC)) if at.startswith("9") else T0
    for event in events:
        if event is not None:
            run.say(event)
    root = run.aggregates.get("cn-1", {}).get("")
    if isinstance(root, License):
        assert root.standing_at(run.now)
        deadlines(root)
        utilisation(root)
        open_ = [each.open_quantity for each in run.reservations()]
        assert root.reserved_quantity == sum(open_)
