"""Reads a SQLite file as a schema.json."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict

from .. import databases
from ..errors import ProblemJson, SchemaInvalid
from ..orm.baseline import baseline
from ..orm.data_migrations import carrying
from ..orm.models import modelled
from ..schema import document, write
from ..schema.model import Schema
from ..sync import inspection
from ..sync.inspection import Inspected
from .database import Database
from .shared import (
    NotCreatedJson,
    UnknownNamesJson,
    not_created_json,
    unknown_json,
)


class InspectJson(TypedDict):
    """The output of `manage.py schemasync inspect --json`."""

    result: Literal["inspected"]
    version: str
    schema: dict[str, Any]
    """The schema.json."""
    rows: dict[str, int]
    """Maps each table to the number of rows that the `.sql` files insert, which are not part of the schema."""
    left_out: list[str]
    """Files that undo another file; they were not run."""
    not_created: list[NotCreatedJson]
    unknown_names: UnknownNamesJson
    problems: list[str]
    """Problems to fix in the schema before a sync."""
    output: str | None
    """The file that was written."""
    errors: list[ProblemJson]


_GENERATION = re.compile(r"[0-9]{1,4}(-[0-9a-f]{12})?|(1:)?[0-9a-f]{4,64}")
"""Texts that `inspect` reads as a generation or a version, if there is no file of that name."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """`text`: the content of a schema.json. `faults`: problems to fix in it before a sync."""

    seen: Inspected
    text: str
    faults: tuple[str, ...]


def inspect(database: Database, source: Path) -> Inspection:
    """Read a SQLite file, a folder of .sql files, or a generation of the database. Raises a SchemasyncError."""
    alias = database.alias
    if not source.exists() and _GENERATION.fullmatch(str(source)):
        seen = inspection.recorded(database.target(), str(source))
    else:
        seen = inspection.inspect_path(databases.opener(alias), source)
    text = _marked(alias, seen.schema)
    return Inspection(seen, text, tuple(faults_of(text, Path("schema.json"))))


def _marked(alias: str, schema: Schema) -> str:
    """Return the schema as the text of a schema.json, with `_model` for the tables of installed models."""
    return baseline(schema, modelled(alias), "", carrying()) if databases.is_sqlite(alias) else write.write(schema)


def faults_of(text: str, path: Path) -> list[str]:
    """Return the faults of a schema.json that a database may have, such as a foreign key to a missing table."""
    try:
        document.read(text.encode(), str(path))
    except SchemaInvalid as error:
        return [problem.message for problem in error.problems]
    return []


def as_json(found: Inspection, output: Path | None = None) -> InspectJson:
    """The JSON object; `output`: the file that was written."""
    seen = found.seen
    return {
        "result": "inspected",
        "version": seen.version,
        "schema": json.loads(found.text),
        "rows": seen.rows,
        "left_out": list(seen.left_out),
        "not_created": not_created_json(seen.not_created),
        "unknown_names": unknown_json(seen.unknown),
        "problems": list(found.faults),
        "output": str(output) if output else None,
        "errors": [],
    }
