"""The models of a schema.json, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from ...errors import ProblemJson
from ...orm.model_differences import Difference
from ...orm.models_file import Generated
from ...schema.text import count
from ...texts import shown
from .shared import Lines, paragraph
from .terminal import Page

ModelsResult = Literal["printed", "written", "current", "differs"]


class ModelJson(TypedDict):
    """One model."""

    model: str
    table: str


class NotExpressedJson(TypedDict):
    """Something that the schema has and the models do not express."""

    what: str
    where: str


class ModelsJson(TypedDict):
    """What `manage.py schemasync models --json` prints."""

    result: ModelsResult
    """`differs` only with `--check`."""
    file: str | None
    """None if the models are printed."""
    models: list[ModelJson]
    not_expressed: list[NotExpressedJson]
    text: str | None
    """The content of the file; None if it is written or compared."""
    errors: list[ProblemJson]


def lines(found: Generated, result: ModelsResult, path: Path) -> Lines:
    """One line about the file."""
    match result:
        case "written":
            return [f"wrote {shown(path)}: {count(len(found.models), 'model')}"]
        case "current":
            return [f"{shown(path)} has the models of the schema"]
        case _:
            return [f"{shown(path)} does not have the models of the schema"]


def not_expressed(notes: Sequence[str], page: Page) -> Lines:
    """What the database has and the models do not express."""
    if not notes:
        return []
    found = ["the database has what the models do not express:"]
    for note in notes:
        what, _, where = note.partition(": ")
        found += paragraph(f"  {what}: ", where.split(", "), page)
    return found


def as_json(found: Generated, result: ModelsResult, path: Path | None) -> ModelsJson:
    """The JSON object."""
    return {
        "result": result,
        "file": None if path is None else str(path),
        "models": [{"model": one.name, "table": one.table} for one in found.models],
        "not_expressed": [_difference(one) for one in found.differences if not one.is_spelling],
        "text": found.text if path is None else None,
        "errors": [],
    }


def _difference(one: Difference) -> NotExpressedJson:
    return {"what": one.what, "where": one.where}
