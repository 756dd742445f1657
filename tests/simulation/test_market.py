"""Orders over licenses of every kind, judged by the checker; gate and ledger compared."""

from datetime import timedelta
from typing import Final

from tests.chaos.checker import check
from tests.simulation.market import Market
from tests.support.duo import DUOS
from tests.support.reconciled import unreconciled

SEEDS: Final = 80
RECALL: Final = timedelta(hours=25)


def test_what_is_released_is_set_aside_and_what_is_set_aside_is_given_back() -> None:
    released = 0
    for seed in range(SEEDS):
        market = Market(seed)
        for _ in range(market.random.randint(4, 22)):
            market.go_on()
        market.duo.rest()
        for _ in range(2):
            wrong = [*check(market.duo.logs()).violations, *unreconciled(market.duo)]
            assert not wrong, f"seed {seed}: {wrong[0]}"
            market.duo.pass_time(RECALL)
            market.duo.rest()
        DUOS.remove(market.duo)
        released += sum(
            each.decision == "RELEASED"
            for order_id in market.orders
            for each in market.duo.decisions(order_id)
        )
    assert released > SEEDS, "there is something to judge"
