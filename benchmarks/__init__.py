"""What a sync costs, measured beside what people would use instead: `python -m benchmarks goals` and others."""
