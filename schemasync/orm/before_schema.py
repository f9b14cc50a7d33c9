"""The state of a database before the project has a schema.json, which decides what `migrate` does."""

from __future__ import annotations

from contextlib import closing
from enum import StrEnum

from .. import conf, databases, process
from ..engines.sqlite import history_table
from ..engines.sqlite.objects import objects
from ..files.layout import Layout, PathKind
from ..history.rows import models_of


class BeforeSchema(StrEnum):
    """NEW: there is no database, or one without a single object. MIGRATED: a plain file that schemasync has never
    managed, so that migrations still apply to it."""

    NEW = "new"
    MIGRATED = "migrated"


def needs_adoption(alias: str) -> bool:
    """True for a plain file that holds something. Raises SchemasyncError if it cannot be read."""
    path = databases.path_of(alias)
    if Layout(path).path_kind() is not PathKind.PLAIN:
        return False
    with closing(databases.opener(alias).read(path)) as connection:
        return bool(objects(connection))


def owned_tables(alias: str) -> int:
    """Return the number of tables of the live generation that belong to models. Raises SchemasyncError if it cannot be
    read."""
    path = databases.path_of(alias)
    if Layout(path).path_kind() is not PathKind.GENERATION:
        return 0
    with closing(databases.opener(alias).read(path)) as connection:
        return len(models_of(history_table.newest(connection)))


def before_schema(alias: str) -> BeforeSchema | None:
    """Return the state of a database without a schema.json. None if it has one, or is managed by schemasync and has
    lost it, and in tests, which must not write one. Raises SchemasyncError if the database cannot be read."""
    if conf.schema_path(alias).exists() or databases.is_no_path(databases.name_of(alias)) or process.is_in_tests():
        return None
    path = databases.path_of(alias)
    match Layout(path).path_kind():
        case PathKind.NOTHING:
            return BeforeSchema.NEW
        case PathKind.PLAIN:
            with closing(databases.opener(alias).read(path)) as connection:
                if history_table.exists(connection):
                    return None
                return BeforeSchema.MIGRATED if objects(connection) else BeforeSchema.NEW
        case _:
            return None
