"""Tests of services.generator."""
