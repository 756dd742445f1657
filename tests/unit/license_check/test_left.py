"""What is left of a license is counted once, and to the last place, whoever asks first."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from schemas.base import LARGEST
from services.license_check.book import License
from tests.support.builders import license_granted
from tests.support.folds import LedgerRun


def test_a_thread_that_counts_less_exactly_leaves_no_rounded_balance_behind() -> None:
    run = LedgerRun()
    run.say(license_granted(quantity=LARGEST))
    told = run.license.model_copy(update={"reserved_quantity": Decimal("0.000000000009")})
    read = License.model_validate_json(told.model_dump_json())
    with localcontext(Context(prec=28, rounding=ROUND_HALF_EVEN)):
        read.standing_at(run.now)

    assert read.remaining_quantity == Decimal("999999999999999999.99999999999")
