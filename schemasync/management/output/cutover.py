"""The result of `cutover`, as text and as JSON."""

from __future__ import annotations

from typing import Literal, TypedDict

from ...errors import ProblemJson
from .shared import Lines


class CutoverJson(TypedDict):
    """What `manage.py schemasync cutover --json` prints."""

    result: Literal["called"]
    errors: list[ProblemJson]


def lines() -> Lines:
    """What happens now."""
    return ["the waiting run cuts over now"]


def as_json() -> CutoverJson:
    """The JSON object."""
    return {"result": "called", "errors": []}
