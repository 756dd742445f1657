"""What was folded and never sent counts as nothing: not remembered, not committed."""

from collections.abc import Iterator

import pytest

from infra.local.process import free_port
from services.runtime.errors import Unavailable
from services.runtime.pump import Pump
from services.runtime.remember import Remembered
from tests.integration.test_book_again import AT, PLACE, ledger_stage, reads
from tests.support.stack import RealRedis


@pytest.fixture
def remembered(flushed_redis: RealRedis) -> Iterator[Remembered]:
    yield Remembered(flushed_redis.url)


def test_output_discarded_while_the_broker_is_away_is_not_remembered_at_the_stop(
    remembered: Remembered,
) -> None:
    stage = ledger_stage(remembered)
    stage.gained(AT, None, 0, 0)
    pump = Pump(
        stage=stage, bootstrap=f"127.0.0.1:{free_port()}", client="test", remembered=remembered
    )
    pump.source.assigned.add(AT)
    stage.handle(reads(3))
    pump._forget()
    pump.stopping = True

    with pytest.raises(Unavailable):
        pump._retry(pump._reload)
    pump.close()

    assert remembered.stands_at(PLACE) == ""
    assert stage.committable() == {}
