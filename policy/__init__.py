"""Regimes as data: one YAML file a pack version, and the shared lexicon."""
