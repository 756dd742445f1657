"""Tests; `unit/` mirrors `services/`."""
