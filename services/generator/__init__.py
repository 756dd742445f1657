"""Realistic order streams, with the outcome each order must have by construction."""
