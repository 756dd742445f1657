"""The gate: the only place that releases or holds an order."""
