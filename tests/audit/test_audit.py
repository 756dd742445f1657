"""The audit run with few orders; `make audit` takes 20,000, `make audit-million` a million."""

from pathlib import Path

from tests.audit.run import ENVIRONMENTS, audit, good

ORDERS = 400


def test_years_of_orders_verify_everywhere_alike_and_nothing_wrong_is_missed(
    tmp_path: Path,
) -> None:
    result = audit(tmp_path / "archive", ORDERS, 2, 3, ENVIRONMENTS[:2])

    assert good(result), result
    assert result["orders"] == ORDERS
    assert result["decisions"] > 1.5 * ORDERS
