"""What the services count and show; `/metrics` serves it, and nothing depends on who reads it."""

import prometheus_client as prometheus

from services.runtime.metrics.family import FAMILIES as FAMILIES
from services.runtime.metrics.family import REGISTRY as REGISTRY
from services.runtime.metrics.registry import *  # noqa: F403 - its names are the registry

prometheus.disable_created_metrics()  # type: ignore[no-untyped-call]
prometheus.ProcessCollector(registry=REGISTRY)
