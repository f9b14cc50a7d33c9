"""The line that most runs print. It has its own module, as the modules for tables and bars take 40 ms to import."""

from __future__ import annotations

from ..schema.text import short


def nothing_to_do(generation: str, version: str) -> str:
    """Return the output of a sync of a current database."""
    return f"{generation} is current: version {short(version)}, nothing to do"
