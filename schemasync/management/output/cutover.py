"""The result of `cutover`, as text."""

from __future__ import annotations

from .shared import Lines


def lines() -> Lines:
    """What happens now."""
    return ["the waiting run cuts over now"]
