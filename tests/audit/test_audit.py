"""The audit run as CI has it; `make audit` looks at one more environment.

One process alone, and the same report from it, is for the unit tests and `make audit`.
"""

from pathlib import Path

import pytest

from tests.audit.run import ENVIRONMENTS, audit, good

ORDERS = 20_000


@pytest.mark.timeout(300)
def test_years_of_orders_verify_everywhere_alike_and_nothing_wrong_is_missed(
    tmp_path: Path,
) -> None:
    environments = (ENVIRONMENTS[0], ENVIRONMENTS[2])

    result = audit(tmp_path / "archive", ORDERS, 2, 3, environments)

    assert good(result), result
    assert result["orders"] == ORDERS
    assert result["decisions"] > 1.5 * ORDERS
