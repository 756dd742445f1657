"""Faults against the real stack, and a checker that believes nobody."""
