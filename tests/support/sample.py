"""A sample of many similar cases for CI; `pytest --every` runs the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def some(names: Iterable[Any], quick: Collection[Any]) -> list[Any]:
    """Return the names as parameters, all but `quick` with the mark `slow`."""
    return [pytest.param(name, marks=[] if name in quick else [pytest.mark.slow]) for name in names]
