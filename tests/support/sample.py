"""Of many of a kind those that CI runs; the rest is for `pytest --every`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def some(names: Iterable[Any], quick: Collection[Any]) -> list[Any]:
    """Parameters of which all but `quick` are slow."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]
