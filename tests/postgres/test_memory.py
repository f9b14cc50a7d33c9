"""Scan, copy and verification need the same memory for a table of any size."""

from __future__ import annotations

import pytest

from benchmarks import postgres as benchmark

SPARE = 8  # MiB


@pytest.mark.slow
def test_ten_times_the_rows_take_the_same_memory(tmp_path, postgres):
    peaks = {}
    for rows in (20_000, 200_000):
        steps = benchmark.measure(tmp_path, rows, 1, print)
        peaks[rows] = {name: several[0]["memory"] for name, several in steps.items() if "memory" in several[0]}
        assert benchmark.report({rows: steps})
    assert all(peaks[200_000][name] < peaks[20_000][name] + SPARE for name in peaks[20_000]), peaks
