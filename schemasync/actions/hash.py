"""Reads the version of a schema.json."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict

from ..errors import ProblemJson
from ..schema.text import short
from .database import Database


class HashJson(TypedDict):
    """The output of `manage.py schemasync hash --json`."""

    result: Literal["hashed"]
    version: str
    short: str
    """The first 12 digits, as in file names."""
    errors: list[ProblemJson]


def version_of(database: Database, path: Path | None) -> str:
    """Return the version of schema.json, or of the file at `path`. Raises SchemaInvalid."""
    return database.document(path).version


def as_json(version: str) -> HashJson:
    """The JSON object."""
    return {"result": "hashed", "version": version, "short": short(version), "errors": []}
