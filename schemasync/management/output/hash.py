"""The version of a schema.json, as text and as JSON."""

from __future__ import annotations

from typing import Literal, TypedDict

from ...errors import ProblemJson
from ...schema.text import short
from .shared import Lines


class HashJson(TypedDict):
    """What `manage.py schemasync hash --json` prints."""

    result: Literal["hashed"]
    version: str
    short: str
    """The first 12 digits, as in file names."""
    errors: list[ProblemJson]


def lines(version: str) -> Lines:
    """The full version."""
    return [version]


def as_json(version: str) -> HashJson:
    """The JSON object."""
    return {"result": "hashed", "version": version, "short": short(version), "errors": []}
