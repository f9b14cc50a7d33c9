"""Measures elapsed time."""

from __future__ import annotations

import time


def ms_since(begun: float) -> int:
    """Return the milliseconds since a moment of the monotonic clock."""
    return round((time.monotonic() - begun) * 1000)
