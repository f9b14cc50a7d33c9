"""Which copy was written, as text and as JSON."""

from __future__ import annotations

from pathlib import Path

from ...texts import size
from .shared import Json, Lines


def lines(path: Path, written: int) -> Lines:
    """The file, and its size."""
    return [f"wrote {path} ({size(written)})"]


def as_json(path: Path, written: int) -> Json:
    """The same for machines."""
    return {"result": "written", "output": str(path), "bytes": written, "errors": []}
