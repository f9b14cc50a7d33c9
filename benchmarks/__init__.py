"""Benchmarks of a sync and of its alternatives: `python -m benchmarks goals` and others."""
