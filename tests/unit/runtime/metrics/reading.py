"""What `/metrics` shows, as numbers; and what a test added to it."""

from services.runtime.metrics import REGISTRY


def shown(name: str, **labels: str) -> float:
    """Read one series; 0 where it is not there."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


def series(name: str) -> dict[tuple[str, ...], float]:
    """Read every series of a name, by its label values in order of label name."""
    return {
        tuple(sample.labels[key] for key in sorted(sample.labels)): sample.value
        for metric in REGISTRY.collect()
        for sample in metric.samples
        if sample.name == name
    }
