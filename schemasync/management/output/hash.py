"""The version of a schema.json, as text."""

from __future__ import annotations

from .shared import Lines


def lines(version: str) -> Lines:
    """Return the full version."""
    return [version]
