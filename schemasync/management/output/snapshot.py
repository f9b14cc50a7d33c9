"""The result of a snapshot, as text and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict

from ...errors import ProblemJson
from ...texts import size
from .shared import Lines


class SnapshotJson(TypedDict):
    """What `manage.py schemasync snapshot --json` prints."""

    result: Literal["written"]
    output: str
    bytes: int
    errors: list[ProblemJson]


def lines(path: Path, written: int) -> Lines:
    """The file, and its size."""
    return [f"wrote {path} ({size(written)})"]


def as_json(path: Path, written: int) -> SnapshotJson:
    """The JSON object."""
    return {"result": "written", "output": str(path), "bytes": written, "errors": []}
