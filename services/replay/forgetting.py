"""What folds forget: at the same offsets as the services, by the same log time."""

from schemas.base import Model
from schemas.fold import Forget, Partition, long_over


def forget_old(
    aggregates: dict[str, dict[str, Model]], forget: Forget, partition: Partition
) -> None:
    """Drop what is long over, as the runtime's memory does before it folds such an offset."""
    for key, aggregate in list(aggregates.items()):
        for name in long_over(aggregate, partition.log_time, forget):
            del aggregate[name]
        if not aggregate:
            del aggregates[key]
