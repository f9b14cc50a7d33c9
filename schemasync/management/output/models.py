"""The models of a schema.json, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...actions.models import ModelsResult
from ...orm.models_file import Generated
from ...schema.text import count
from ...texts import shown
from .shared import Lines, paragraph
from .terminal import Page


def lines(found: Generated, result: ModelsResult, path: Path) -> Lines:
    """Return one line about the file."""
    match result:
        case "written":
            return [f"wrote {shown(path)}: {count(len(found.models), 'model')}"]
        case "current":
            return [f"{shown(path)} has the models of the schema"]
        case _:
            return [f"{shown(path)} does not have the models of the schema"]


def not_expressed(notes: Sequence[str], page: Page) -> Lines:
    """Return the parts of the database that the models do not express."""
    if not notes:
        return []
    found = ["the database has what the models do not express:"]
    for note in notes:
        what, _, where = note.partition(": ")
        found += paragraph(f"  {what}: ", where.split(", "), page)
    return found
