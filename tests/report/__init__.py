"""Measured figures, printed for people."""
