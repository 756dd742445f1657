"""Wires the gate to its topic."""

from datetime import datetime
from typing import Final

from schemas.base import Model
from schemas.topics import CHECKS, CHECKS_STATE, DECISIONS, LICENSES, ORDERS
from services.hold_release.gate import Gate, deadlines, forget
from services.hold_release.state import OrderState
from services.runtime import canary
from services.runtime.app import Runtime
from services.runtime.folded import STALE_AFTER, Folding
from services.runtime.metrics.orders import measure
from services.runtime.pump import Pump

NAME: Final = "gate"
TOPICS: Final = (CHECKS, CHECKS_STATE, DECISIONS, LICENSES, ORDERS)
FOLD_VERSION: Final = 1


def decode(_field: str, value: bytes) -> Model:
    """Read a remembered order."""
    return OrderState.model_validate_json(value)


def due(entity: Model) -> list[tuple[str, datetime]]:
    """List the deadlines of an order."""
    return deadlines(entity) if isinstance(entity, OrderState) else []


def pumps(runtime: Runtime) -> list[Pump]:
    """Build the stage: a fold over `orders.checks`."""
    settings = runtime.settings
    canary.start(settings.kafka_bootstrap, runtime.client, settings.canary_every_s)
    gate = Gate(time_basis=settings.time_basis, max_event_age=settings.max_event_age)
    folding = Folding(
        fold=gate, decode=decode, due=due, forget=forget, version=FOLD_VERSION, measure=measure
    )
    stale_after = None if settings.time_basis == "event" else STALE_AFTER
    return [
        runtime.pump(
            runtime.folded(NAME, CHECKS, folding, state=CHECKS_STATE, stale_after=stale_after)
        )
    ]
