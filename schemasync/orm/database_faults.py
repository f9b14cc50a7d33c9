"""Finds faults in a database that is not adopted yet, which exist with or without an adoption."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypedDict

from django.db import connections
from django.db.migrations.executor import MigrationExecutor

from .. import databases
from ..engines.sqlite.connection import Connection
from ..engines.sqlite.inspect import inspect
from ..engines.sqlite.verify.integrity_check import dangling_rows, quick
from ..files.layout import Layout, PathKind
from ..schema.model import Schema
from ..schema.names import fold
from ..schema.text import count
from ..sync.run.error_translation import translated_errors
from . import migration_modules
from .models import Modelled

REMAKE = "__old"
"""The suffix that Django before 2.1.5 gave a table while it remade it. SQLite since 3.26 wrote that name into the
foreign keys of other tables: https://code.djangoproject.com/ticket/29182"""


class FaultKind(StrEnum):
    """Stable names of faults, for scripts; docs/commands.md explains each."""

    MISSING_COLUMN = "missing-column"
    OLD_REFERENCE = "old-reference"
    DANGLING = "dangling"
    DAMAGED = "damaged"


class DatabaseFaultJson(TypedDict):
    """A fault in the database now."""

    kind: FaultKind
    table: str | None
    """Null for a message about the whole file."""
    name: str
    """The name of the column, or of the table that a foreign key names; empty for others."""
    text: str


@dataclass(frozen=True, slots=True)
class DatabaseFault:
    """A fault in `table`, None for the whole file. `name`: of the column, or of the table that a foreign key names."""

    kind: FaultKind
    table: str | None
    name: str
    text: str

    def as_json(self) -> DatabaseFaultJson:
        """The JSON object."""
        return {"kind": self.kind, "table": self.table, "name": self.name, "text": self.text}


def database_faults(
    alias: str, link: Path, models: Modelled, *, reads_every_page: bool = False
) -> tuple[DatabaseFault, ...]:
    """Return the faults of a database; empty if there is no database yet. `reads_every_page`: also run SQLite's
    quick_check. Raises a SchemasyncError if the file cannot be read."""
    if Layout(link).path_kind() is PathKind.NOTHING:
        return ()
    behind = _apps_with_pending_migrations(alias)
    with translated_errors(link), closing(databases.opener(alias).read(link)) as connection:
        there = inspect(connection).schema
        return (
            *_missing_columns(there, models, behind),
            *_old_references(there),
            *_dangling(connection),
            *(_damages(connection) if reads_every_page else ()),
        )


def is_old_reference(table: str, there: Schema) -> bool:
    """True if a foreign key names the table of a remake that ended long ago."""
    return fold(table).endswith(REMAKE) and there.table(table) is None


def _apps_with_pending_migrations(alias: str) -> frozenset[str]:
    connection = connections[alias]
    try:
        with migration_modules.suspended():
            executor = MigrationExecutor(connection)
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        return frozenset(migration.app_label for migration, _ in plan)
    finally:
        connection.close()


def _missing_columns(there: Schema, models: Modelled, behind: frozenset[str]) -> Iterator[DatabaseFault]:
    for model in models.schema.tables:
        table, label = there.table(model.name), models.labels[fold(model.name)]
        if table is None or label.partition(".")[0] in behind:
            continue
        for column in model.columns:
            if table.column(column.name) is None:
                text = f"{label} has the column {column.name}, the table does not, and its migrations count as run"
                yield DatabaseFault(FaultKind.MISSING_COLUMN, table.name, column.name, text)


def _old_references(there: Schema) -> Iterator[DatabaseFault]:
    for table in there.tables:
        for key in table.foreign_keys:
            if is_old_reference(key.table, there):
                text = (
                    f"a foreign key refers to {key.table}, which an old release of Django left: no row can be written. "
                    "A migration that alters a column of the table fixes it"
                )
                yield DatabaseFault(FaultKind.OLD_REFERENCE, table.name, key.table, text)


def _dangling(connection: Connection) -> Iterator[DatabaseFault]:
    for table, rows in dangling_rows(connection):
        text = f"{count(rows, 'row refers', 'rows refer')} to rows that are missing: PRAGMA foreign_key_check({table})"
        yield DatabaseFault(FaultKind.DANGLING, table, "", text)


def _damages(connection: Connection) -> Iterator[DatabaseFault]:
    for line in quick(connection):
        yield DatabaseFault(FaultKind.DAMAGED, None, "", line)
