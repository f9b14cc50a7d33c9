"""Makes models from schema.json."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypedDict

from django.apps import AppConfig

from .. import databases
from ..engines.sqlite.validate import validate_schema
from ..errors import Code, ProblemJson, Refused
from ..orm import models_file
from ..orm.model_differences import Difference
from ..orm.models_file import Generated
from ..sync.run.error_translation import of_disk
from .database import Database

ModelsResult = Literal["printed", "written", "current", "differs"]


class ModelJson(TypedDict):
    """One model."""

    model: str
    table: str


class NotExpressedJson(TypedDict):
    """A part of the schema that the models do not express."""

    what: str
    where: str


class ModelsJson(TypedDict):
    """The output of `manage.py schemasync models --json`."""

    result: ModelsResult
    """`differs` only with `--check`."""
    file: str | None
    """Null if the models are printed."""
    models: list[ModelJson]
    not_expressed: list[NotExpressedJson]
    text: str | None
    """The generated text; null if it was written to a file or compared with one."""
    errors: list[ProblemJson]


def generated(database: Database, app: AppConfig | None, path: Path | None, command: str) -> Generated:
    """Return the models of schema.json, with the other code of the file at `path`. `command`: the command that the
    header of the file names. Raises a SchemasyncError."""
    wanted = database.document()
    validate_schema(wanted.schema, databases.opener(database.alias), wanted.place)
    if path is not None and path.is_dir():
        raise Refused.of(Code.OUTPUT_EXISTS, f"{path} is a folder", f"Name a file in it: -o {path / 'models.py'}")
    try:
        return models_file.generate(wanted, database.alias, command, app, path)
    except OSError as error:
        raise of_disk(error, path or database.schema_path) from error


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
