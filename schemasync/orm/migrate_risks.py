"""Finds objects that Django's `migrate` would destroy in a database: it remakes a table from the model alone.

A model cannot express that its table has a trigger, is STRICT, or has a column that only a report reads. The remake
(https://docs.djangoproject.com/en/stable/topics/migrations/#sqlite) silently leaves these out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypedDict

from .. import databases
from ..engines.sqlite import table_sizes
from ..engines.sqlite.connection import Connection
from ..engines.sqlite.dependencies import DependencyReader, readers
from ..engines.sqlite.inspect import inspect
from ..files.layout import Layout, PathKind
from ..schema import write
from ..schema.model import Column, ForeignKey, Index, IndexedColumn, NotNull, Schema, Table, Unique
from ..schema.names import fold
from ..schema.text import count
from ..sync.run.error_translation import translated_errors
from .database_faults import is_old_reference
from .equivalent_sql import reworded
from .models import Modelled


class RiskKind(StrEnum):
    """Stable names of risks, for scripts; docs/commands.md explains each."""

    TRIGGER = "trigger"
    INDEX = "index"
    STRICT = "strict"
    WITHOUT_ROWID = "without-rowid"
    VIRTUAL = "virtual"
    COLUMN = "column"
    COLLATION = "collation"
    DEFAULT = "default"
    GENERATED = "generated"
    NOT_NULL = "not-null"
    CHECK = "check"
    UNIQUE = "unique"
    FOREIGN_KEY = "foreign-key"
    # objects that make SQLite refuse the remake, so that migrate ends in a traceback
    VIEW = "view"
    OTHER_TRIGGER = "other-trigger"
    BROKEN_VIEW = "broken-view"
    BROKEN_TRIGGER = "broken-trigger"


ABORTS = frozenset({RiskKind.VIEW, RiskKind.OTHER_TRIGGER, RiskKind.BROKEN_VIEW, RiskKind.BROKEN_TRIGGER})
"""Objects that are not lost, but abort the migration."""


class MigrateRiskJson(TypedDict):
    """An object that Django's migrate would destroy, or that would abort it."""

    kind: RiskKind
    table: str | None
    """Null if it would abort the remake of every model's table."""
    name: str
    """The name of the index, trigger, view or column; empty for the table as a whole and for a constraint without a
    name."""
    text: str
    rows: int | None
    """The number of rows with a value in a column that no model names."""
    aborts: bool
    """True if migrate would end with an error, false if it would lose the object."""


@dataclass(frozen=True, slots=True)
class MigrateRisk:
    """An object that migrate would destroy when it remakes `table`, or that would abort it.

    `name`: of the index, trigger, view or column; '' for the table as a whole, and for a constraint without a name.
    `table` is None if no model's table can be remade. `rows`: the number of rows with a value in a column that no model
    names.
    """

    kind: RiskKind
    table: str | None
    name: str
    text: str
    rows: int | None = None

    @property
    def aborts(self) -> bool:
        """True if migrate would end with an error; otherwise it loses the object silently."""
        return self.kind in ABORTS

    def as_json(self) -> MigrateRiskJson:
        """The JSON object."""
        return {
            "kind": self.kind,
            "table": self.table,
            "name": self.name,
            "text": self.text,
            "rows": self.rows,
            "aborts": self.aborts,
        }


def migrate_risks(alias: str, link: Path, models: Modelled) -> tuple[MigrateRisk, ...]:
    """Return all parts of the models' tables that the models do not have, and objects that would abort a migration;
    empty if there is no database yet. Raises a SchemasyncError if it cannot be read."""
    if Layout(link).path_kind() is PathKind.NOTHING:
        return ()
    with translated_errors(link), closing(databases.opener(alias).read(link)) as connection:
        return tuple(beyond(connection, inspect(connection).schema, models.schema))


def beyond(connection: Connection, there: Schema, models: Schema) -> Iterator[MigrateRisk]:
    """Yield the risks for the database of the connection, whose schema is `there`."""
    for model in models.tables:
        table = there.table(model.name)
        if table is not None:
            yield from _of_table(connection, reworded(model, table), table, there)
    tables = {fold(model.name): model.name for model in models.tables if there.table(model.name) is not None}
    if tables:
        for reader in readers(connection, there):
            yield from _aborting(reader, tables)


# --- tables -------------------------------------------------------------------------------------------------------


def _of_table(connection: Connection, model: Table, table: Table, there: Schema) -> Iterator[MigrateRisk]:
    for trigger in table.triggers:
        yield MigrateRisk(
            RiskKind.TRIGGER, table.name, trigger.name, f"the trigger {trigger.name} is dropped with the old table"
        )
    if table.virtual is not None:
        yield MigrateRisk(RiskKind.VIRTUAL, table.name, "", "it is a virtual table, and would become an ordinary one")
        return
    yield from _kind_of_table(table)
    yield from _columns(connection, model, table)
    yield from (_index(table, index) for index in _beyond_indexes(model, table))
    yield from _constraints(model, table, there)


def _kind_of_table(table: Table) -> Iterator[MigrateRisk]:
    if table.strict:
        yield MigrateRisk(RiskKind.STRICT, table.name, "", "it is STRICT, and would accept values of any type")
    if table.without_rowid:
        yield MigrateRisk(RiskKind.WITHOUT_ROWID, table.name, "", "it is WITHOUT ROWID, and would get row ids")


def _columns(connection: Connection, model: Table, table: Table) -> Iterator[MigrateRisk]:
    unnamed = [column.name for column in table.columns if model.column(column.name) is None]
    values = table_sizes.count_values(connection, table.name, unnamed) if unnamed else {}
    for name, rows in values.items():
        text = f"no model names the column {name}: {count(rows, 'row has', 'rows have')} a value there"
        yield MigrateRisk(RiskKind.COLUMN, table.name, name, text, rows)
    for column in table.columns:
        own = model.column(column.name)
        if own is not None:
            yield from _of_column(table, own, column)


def _of_column(table: Table, own: Column, column: Column) -> Iterator[MigrateRisk]:
    def found(kind: RiskKind, text: str) -> MigrateRisk:
        return MigrateRisk(kind, table.name, column.name, f"{column.name} {text}, which its field does not have")

    if column.collation is not None and own.collation is None:
        yield found(RiskKind.COLLATION, f"is COLLATE {column.collation.upper()}")
    if column.default is not None and own.default is None:
        yield found(RiskKind.DEFAULT, f"has the default {column.default.text}")
    if column.generated is not None and own.generated is None:
        yield found(RiskKind.GENERATED, f"is generated as {column.generated.text}")
    if column.not_null is not None and (own.not_null is None or column.not_null.conflict):
        yield found(RiskKind.NOT_NULL, " ".join(filter(None, ["is NOT NULL", _conflict(column.not_null)])))


def _conflict(one: NotNull) -> str:
    return f"ON CONFLICT {one.conflict}" if one.conflict else ""


# --- indexes ------------------------------------------------------------------------------------------------------


def _beyond_indexes(model: Table, table: Table) -> Iterator[Index]:
    """Yield indexes that the remake would not create, or would create differently."""
    for index in table.indexes:
        if not any(_is_same(index, one) for one in model.indexes) and not _is_kept_unique(model, index):
            yield index


def _is_same(index: Index, own: Index) -> bool:
    """True for the same definition under any name, and for the same structure under the same name, as Django's releases
    write expressions differently."""
    if (index.columns, index.where, index.unique) == (own.columns, own.where, own.unique):
        return True
    return fold(index.name) == fold(own.name) and _outline(index) == _outline(own)


def _outline(index: Index) -> tuple[bool, bool, list[str | None]]:
    return index.unique, index.where is None, [column.column for column in index.columns]


def _is_kept_unique(model: Table, index: Index) -> bool:
    """True for a unique index that has the same effect as a constraint of the model."""
    return index.unique and index.where is None and _together(index.columns) in map(_of_unique, model.uniques)


def _index(table: Table, index: Index) -> MigrateRisk:
    said = [
        word
        for word, is_so in (
            ("unique", index.unique),
            ("partial", index.where is not None),
            ("over an expression", any(column.expression is not None for column in index.columns)),
        )
        if is_so
    ]
    more = f" ({', '.join(said)})" if said else ""
    return MigrateRisk(RiskKind.INDEX, table.name, index.name, f"no model has the index {index.name}{more}")


# --- constraints --------------------------------------------------------------------------------------------------


def _constraints(model: Table, table: Table, there: Schema) -> Iterator[MigrateRisk]:
    unique = {*map(_of_unique, model.uniques), *(_together(i.columns) for i in model.indexes if _is_plain_unique(i))}
    for one in table.uniques:
        if one.conflict or _of_unique(one) not in unique:  # no model has ON CONFLICT
            yield _constraint(RiskKind.UNIQUE, table, one.name, write.constraint_text(one))
    checks = {check.expression for check in model.checks}
    names = {fold(check.name) for check in model.checks if check.name}
    for check in table.checks:
        if check.expression not in checks and fold(check.name or "") not in names:
            yield _constraint(RiskKind.CHECK, table, check.name, write.constraint_text(check))
    for key in table.foreign_keys:
        is_fixed = is_old_reference(key.table, there)  # the remake writes the right one
        if not is_fixed and not any(_covers(own, key) for own in model.foreign_keys):
            yield _constraint(RiskKind.FOREIGN_KEY, table, key.name, write.constraint_text(key))


def _constraint(kind: RiskKind, table: Table, name: str | None, text: str) -> MigrateRisk:
    return MigrateRisk(kind, table.name, name or "", f"no model says {text}")


def _is_plain_unique(index: Index) -> bool:
    return index.unique and index.where is None


def _of_unique(one: Unique) -> frozenset[IndexedColumn]:
    return _together(one.columns)


def _together(columns: Iterable[IndexedColumn]) -> frozenset[IndexedColumn]:
    """Return the columns that are unique together, as a set: their order does not matter."""
    return frozenset(IndexedColumn(one.column, one.expression, one.collation) for one in columns)


def _covers(own: ForeignKey, key: ForeignKey) -> bool:
    """True if the model's key has the same effect, whether it is deferred or not."""
    same_actions = key.on_delete in (None, own.on_delete) and key.on_update in (None, own.on_update)
    return same_actions and _key_columns(own) == _key_columns(key)


def _key_columns(key: ForeignKey) -> list[str]:
    """Return the folded names of the key's columns, of its table, and of the columns that it refers to."""
    return [fold(name) for name in (*key.columns, key.table, *key.references)]


# --- aborting objects ---------------------------------------------------------------------------------------------


def _aborting(reader: DependencyReader, tables: dict[str, str]) -> Iterator[MigrateRisk]:
    """Yield views and triggers that would abort a remake: SQLite renames no table while one of them refers to a missing
    table."""
    if reader.error:
        yield _broken(reader)
    kind = RiskKind.VIEW if reader.type == "view" else RiskKind.OTHER_TRIGGER
    what = f"the view {reader.name}" if kind is RiskKind.VIEW else f"the trigger {reader.name} on {reader.on}"
    for table in sorted(reader.uses & tables.keys()):
        yield MigrateRisk(kind, tables[table], reader.name, f"{what} refers to it")


def _broken(reader: DependencyReader) -> MigrateRisk:
    if reader.type == "view":
        kind, name, what = RiskKind.BROKEN_VIEW, reader.name, f"the view {reader.name}"
    else:
        kind, name, what = RiskKind.BROKEN_TRIGGER, reader.on, f"a trigger on {reader.on}"
    return MigrateRisk(kind, None, name, f"{what} does not work ({reader.error}), and stops the remake of every table")
