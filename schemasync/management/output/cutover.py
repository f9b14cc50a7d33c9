"""That a run which waited swaps, as text and as JSON."""

from __future__ import annotations

from .shared import Json, Lines


def lines() -> Lines:
    """What happens now."""
    return ["the run that waited goes on"]


def as_json() -> Json:
    """The same for machines."""
    return {"result": "called", "errors": []}
