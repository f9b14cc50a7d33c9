"""The line that most runs print. It stands alone: what draws tables and bars takes 40 ms to import."""

from __future__ import annotations

from ..schema.text import short


def nothing_to_do(generation: str, version: str) -> str:
    """What a sync says that finds the database current."""
    return f"{generation} is current: version {short(version)}, nothing to do"
