"""The result of `inspect`, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict

from ...errors import ProblemJson
from ...schema.text import count
from ...sync.inspection import Inspected
from .shared import (
    Lines,
    NotCreatedJson,
    UnknownNamesJson,
    not_created,
    not_created_json,
    refused_later,
    unknown_json,
    unknown_names,
)
from .terminal import Page


class InspectJson(TypedDict):
    """What `manage.py schemasync inspect --json` prints."""

    result: Literal["inspected"]
    version: str
    schema: dict[str, Any]
    """The schema.json."""
    rows: dict[str, int]
    """Maps each table to the number of rows that the `.sql` files insert: a schema holds no rows."""
    left_out: list[str]
    """Files that undo another one, which were not run."""
    not_created: list[NotCreatedJson]
    unknown_names: UnknownNamesJson
    problems: list[str]
    """Problems to fix in the schema before a sync."""
    output: str | None
    """The file that was written."""
    errors: list[ProblemJson]


def lines(seen: Inspected, faults: Sequence[str], page: Page) -> Lines:
    """What the schema does not hold of its source, and `faults` in it that stop a sync."""
    return [
        *_left_out(seen),
        *unknown_names(seen.unknown, page),
        *not_created(seen.not_created, page),
        *refused_later(faults),
    ]


def _left_out(seen: Inspected) -> Lines:
    lines = [f"left out, as a schema holds no rows: {count(n, 'row')} of {name}" for name, n in seen.rows.items()]
    return lines + [f"left out, as it undoes another: {name}" for name in seen.left_out]


def as_json(seen: Inspected, schema: dict[str, Any], output: Path | None, faults: Sequence[str]) -> InspectJson:
    """The JSON object."""
    return {
        "result": "inspected",
        "version": seen.version,
        "schema": schema,
        "rows": seen.rows,
        "left_out": list(seen.left_out),
        "not_created": not_created_json(seen.not_created),
        "unknown_names": unknown_json(seen.unknown),
        "problems": list(faults),
        "output": str(output) if output else None,
        "errors": [],
    }
