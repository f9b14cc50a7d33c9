"""The speed goals, each measured beside what people would use instead: `python -m benchmarks goals`."""
