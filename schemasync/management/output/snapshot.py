"""The result of a snapshot, as text."""

from __future__ import annotations

from pathlib import Path

from ...texts import size
from .shared import Lines


def lines(path: Path, written: int) -> Lines:
    """The file, and its size."""
    return [f"wrote {path} ({size(written)})"]
