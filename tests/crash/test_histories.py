"""A few random histories of `histories.py`; `python -m tests.long crash` runs thousands."""

import pytest

from .histories import History


@pytest.mark.slow(but=["1"])
@pytest.mark.parametrize("seed", [pytest.param(n, marks=[pytest.mark.slow] * (n >= 3)) for n in range(36)])
def test_no_acknowledged_write_is_lost_in_a_random_history(tmp_path, seed):
    History(tmp_path / "w", seed).run(4)
