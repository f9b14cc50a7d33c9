"""A database in memory, made from schema.json: what tests run on."""

from __future__ import annotations

from django.apps import apps
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import connections

from .. import conf, databases
from ..engines.sqlite import judge
from ..errors import Code, SchemaInvalid
from ..schema import document
from ..schema.model import Schema
from .apply import Out, import_management, migrate_apps


def is_scratch(alias: str) -> bool:
    """True where there is no file that could be swapped."""
    return databases.is_no_path(str(connections[alias].settings_dict["NAME"]))


def make(alias: str, stdout: Out, verbosity: int) -> None:
    """Build everything that schema.json names, and send what `migrate` sends. Raises SchemasyncError, sqlite3.Error."""
    import_management()
    schema = _schema(alias)
    emit_pre_migrate_signal(verbosity - 1, False, alias, stdout=stdout, apps=apps, plan=[])
    connection = connections[alias]
    connection.ensure_connection()
    judge.build(connection.connection, schema)
    migrate_apps(alias)
    emit_post_migrate_signal(verbosity - 1, False, alias, stdout=stdout, apps=apps, plan=[])


def _schema(alias: str) -> Schema:
    """What schema.json says; nothing for a database that has none and no tables of models."""
    if not databases.has_schema(alias):
        return Schema()
    path = conf.schema_path(alias)
    try:
        return document.read(path.read_bytes(), str(path)).schema
    except OSError as error:
        raise SchemaInvalid.of(
            Code.SCHEMA_UNREADABLE,
            f"{path}: {error.strerror}",
            "The database of the tests is made from it. To write it from the models: manage.py schemasync export",
        ) from error
