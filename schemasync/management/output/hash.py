"""The version of a schema.json, as text and as JSON."""

from __future__ import annotations

from ...schema.text import short
from .shared import Json, Lines


def lines(version: str) -> Lines:
    """The version in full."""
    return [version]


def as_json(version: str) -> Json:
    """The same for machines."""
    return {"result": "hashed", "version": version, "short": short(version), "errors": []}
