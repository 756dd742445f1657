"""What folds forget: at the same offsets as the services, by the same log time."""

from schemas.base import Model
from schemas.fold import Forget, Partition


def forget_old(
    aggregates: dict[str, dict[str, Model]], forget: Forget, partition: Partition
) -> None:
    """Drop what is long over, as the runtime's memory does before it folds such an offset."""
    for key, aggregate in list(aggregates.items()):
        for name in list(forget(aggregate, partition.log_time)):
            del aggregate[name]
        if not aggregate:
            del aggregates[key]
