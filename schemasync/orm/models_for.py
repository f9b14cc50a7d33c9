"""Makes models at run time, without a file, for notebooks, scripts and tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.db import DEFAULT_DB_ALIAS
from django.db.models import Manager, Model

from .. import conf, databases
from ..codegen.describe import describe
from ..codegen.request import Request
from ..engines.sqlite.validate import validate_schema
from ..engines.sqlite.view_columns import view_columns
from ..files.read_file import read_file
from ..schema import document
from ..schema.comments import Comments, comments
from ..schema.model import Schema
from . import external_models
from .generated_models import registry
from .model_differences import ANY_APP
from .models_file import features


def models_for(
    source: str | Path | Schema, app_label: str = ANY_APP, using: str | None = None
) -> dict[str, type[Model]]:
    """Return a model for each table and view that no installed model owns, by class name.

    `source`: the alias of a database, whose schema.json is read; the path of a schema.json; or a Schema. `using`: the
    database that the managers query, by default the one of the alias. The classes are the same that `manage.py
    schemasync models` writes. They are in a separate registry, so that Django's own commands, the admin and content
    types do not see them. Each call makes new classes. Raises SchemaInvalid, and OSError if there is no file.
    """
    alias = using or (source if isinstance(source, str) else DEFAULT_DB_ALIAS)
    schema, owners, elsewhere, texts = _read(source)
    installed = external_models.external_models(alias, owners, elsewhere, _none)
    request = Request(
        features(alias),
        app_label,
        external_models.described(installed, owners, _none),
        texts,
        view_columns(schema, databases.opener(alias)),
    )
    apps = registry(
        describe(schema, request), app_label, external_models.by_label(installed), manager=_manager_of(alias)
    )
    return {model.__name__: model for model in apps.get_app_config(app_label).get_models()}


def _read(source: str | Path | Schema) -> tuple[Schema, dict[str, str], frozenset[str], Comments]:
    """Return the schema, the owner of each table, the folded names of tables of `_elsewhere`, and the comments."""
    if isinstance(source, Schema):
        return source, {}, frozenset(), Comments()
    path = source if isinstance(source, Path) else conf.schema_path(source)
    found = document.read(read_file(path), str(path))
    alias = source if isinstance(source, str) else DEFAULT_DB_ALIAS
    validate_schema(found.schema, databases.opener(alias), found.place)
    return found.schema, dict(found.models), found.elsewhere, comments(found)


def _manager_of(alias: str) -> type[Manager[Any]]:
    """Return a manager class that queries this database, independent of routers, which do not know the models."""

    class DatabaseManager(Manager[Any]):
        def __init__(self) -> None:
            super().__init__()
            self._db = alias

    return DatabaseManager


def _none(model: Any) -> bool:
    return False
