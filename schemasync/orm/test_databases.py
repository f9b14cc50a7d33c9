"""Makes test databases from schema.json; `migrate` may run again in them, as in Django."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from .. import conf, databases
from ..engines.sqlite import reference_rows, validate
from ..engines.sqlite.inspect import inspect
from ..engines.sqlite.script import run
from ..errors import Code, SchemaInvalid
from ..files.read_file import read_file
from ..schema import document
from ..schema.model import ReferenceRows, Schema
from ..schema.subset import differing, ours
from . import own_work
from .migrate_signals import Out, Signals, import_management
from .migrated_apps import Progress, migrate_apps
from .migrations_table import create_migrations_table
from .pending_migrations import pending, planned


def is_scratch(alias: str) -> bool:
    """True if the database has no file that could be swapped."""
    return databases.is_no_path(databases.name_of(alias))


def lacking(alias: str) -> dict[str, str]:
    """Return the objects that schema.json names and a database in memory lacks, with the SQL that creates them. Raises
    SchemasyncError."""
    connection, schema = connections[alias], _schema(alias)
    connection.ensure_connection()
    return validate.lacking(connection.connection, schema)


def make(alias: str, stdout: Out, verbosity: int, progress: Progress | None = None) -> None:
    """Create the objects that schema.json names and a database in memory lacks, and send the signals of `migrate`.
    Existing objects stay unchanged. Raises SchemasyncError, sqlite3.Error."""
    import_management()
    missing, was_there = lacking(alias), is_filled(alias)
    signals = Signals(alias, stdout, verbosity - 1, planned(alias))
    with _around(signals):
        run(connections[alias].connection, missing.values())
        for rows in _rows(alias):
            if f"table {rows.table}" in missing:
                reference_rows.write(connections[alias].connection, rows)
        create_migrations_table(alias)
        if (stopped := migrate_apps(alias, plan=signals.plan, progress=progress).stopped) is not None:
            raise stopped.as_error() from stopped.error
        if not was_there and not connections[alias].in_atomic_block:
            own_work.seed(alias)


def is_filled(alias: str) -> bool:
    """True if the database has a table, so it is not new."""
    return bool(connections[alias].introspection.table_names())


def is_current(alias: str) -> bool:
    """True if a database on which this thread has an open transaction matches schema.json in that transaction, and no
    migration of MIGRATED_APPS is pending. Raises SchemasyncError."""
    schema = _schema(alias)
    connections[alias].ensure_connection()
    found = inspect(connections[alias].connection).schema
    return not differing(schema, ours(found, schema)) and not (conf.migrated_apps() and pending(alias))


def announce(alias: str, stdout: Out, verbosity: int) -> None:
    """Send the signals of a `migrate` with nothing to do."""
    import_management()
    with _around(Signals(alias, stdout, verbosity - 1)):
        pass


@contextmanager
def _around(signals: Signals) -> Iterator[None]:
    signals.before()
    yield
    signals.after()


def _rows(alias: str) -> tuple[ReferenceRows, ...]:
    """Return the rows that schema.json names."""
    found = _document(alias)
    return tuple(found.hints.rows.values()) if found is not None else ()


def _schema(alias: str) -> Schema:
    """Return the schema of schema.json; an empty one for a database that has neither a file nor tables of models."""
    found = _document(alias)
    return found.schema if found is not None else Schema()


def _document(alias: str) -> document.Document | None:
    """Return the schema.json of a database; None if it has neither a file nor tables of models."""
    if not databases.has_schema(alias):
        return None
    path = conf.schema_path(alias)
    try:
        return document.read(read_file(path), str(path))
    except OSError as error:
        raise SchemaInvalid.of(
            Code.SCHEMA_UNREADABLE,
            f"{path}: {error.strerror}",
            "The test database is made from it. To write it from the models: manage.py schemasync export",
        ) from error
