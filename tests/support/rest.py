"""A gate at rest, and then looked at by the independent checker."""

import time

from schemas.topics import CHECKS, CLASSIFIED, LICENSES, ORDERS
from services.runtime.client import Client
from tests.chaos.checker import check
from tests.chaos.logs import read_logs
from tests.support.gate import Gate

STAGES = {
    "classification": ORDERS, "determine": CLASSIFIED, "ledger": LICENSES, "gate": CHECKS,
}  # fmt: skip
AT_REST_WITHIN_S = 60.0


def assert_nothing_wrong(gate: Gate) -> None:
    """Wait until every stage has done all there is, and hold every invariant against the topics."""
    client = gate.client()
    assert _come_to_rest(client), "the gate does not come to rest"
    client.close()
    assert check(read_logs(gate.env["EXPORTGATE_KAFKA_BOOTSTRAP"])).violations == []


def _come_to_rest(client: Client) -> bool:
    deadline = time.monotonic() + AT_REST_WITHIN_S
    while time.monotonic() < deadline:
        ends = {topic: client.end_of(topic) for topic in STAGES.values()}
        done = all(client.await_folded(topic, name, ends[topic]) for name, topic in STAGES.items())
        if done and ends == {topic: client.end_of(topic) for topic in STAGES.values()}:
            return True
    return False
