"""What the end of a service tells its supervisor."""

import pytest

from services.classification.source import PolicyError
from services.runtime.errors import Fatal, Unavailable, Unusable
from services.runtime.worker import _exit_code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, 0),
        (SystemExit(0), 0),
        (Unusable("no broker"), 3),
        (Unavailable("Redis"), 3),
        (PolicyError("policy/cn-reported/2025-10-09.yaml", 60, "no text can say it"), 3),
        (Fatal("enough"), 70),
        (ValueError("a defect"), 70),
    ],
)
def test_an_ending_has_its_code(error: BaseException | None, code: int) -> None:
    assert _exit_code("classification", error) == code
