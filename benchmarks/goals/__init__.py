"""The speed goals, each measured against an alternative: `python -m benchmarks goals`."""
