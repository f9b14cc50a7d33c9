"""Writes a copy of the live database."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict

from ..errors import ProblemJson
from ..sync import snapshot as copies
from .database import Database


class SnapshotJson(TypedDict):
    """What `manage.py schemasync snapshot --json` prints."""

    result: Literal["written"]
    output: str
    bytes: int
    errors: list[ProblemJson]


def snapshot(database: Database, path: Path) -> int:
    """Write a plain copy of the live database to a path where nothing is. Returns its bytes. Raises a
    SchemasyncError."""
    return copies.snapshot(database.target(), path)


def as_json(path: Path, written: int) -> SnapshotJson:
    """The JSON object."""
    return {"result": "written", "output": str(path), "bytes": written, "errors": []}
