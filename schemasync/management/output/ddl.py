"""The result of `ddl`, as text."""

from __future__ import annotations

from ...actions.ddl import Script
from .shared import Lines


def lines(found: Script) -> Lines:
    """Return the differences from SQLite."""
    return list(found.made.notes)
