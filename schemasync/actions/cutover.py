"""Starts a postponed cut-over."""

from __future__ import annotations

from typing import Literal, TypedDict

from ..errors import ProblemJson
from ..sync.phases import postpone
from .database import Database


class CutoverJson(TypedDict):
    """The output of `manage.py schemasync cutover --json`."""

    result: Literal["called"]
    errors: list[ProblemJson]


def cutover(database: Database) -> None:
    """Let the waiting run cut over. Raises Refused if no run waits."""
    postpone.call(database.target())


def as_json() -> CutoverJson:
    """The JSON object."""
    return {"result": "called", "errors": []}
