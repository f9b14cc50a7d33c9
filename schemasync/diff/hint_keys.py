"""The hints that have acted on a database, and the JSON in which the history records them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, assert_never

from ..schema.model import Hints, ReferenceRows, Schema, Sql, Table
from ..schema.names import fold
from ..schema.reference_rows import digest_of
from ..schema.transform_function import TransformFunction
from ..schema.transform_function import data_version as digest_of_data
from .column_facts import facet, reads


@dataclass(frozen=True, slots=True)
class TableRename:
    """A `_was`: the table had the name `old`."""

    hint: ClassVar[str] = "_was"
    table: str
    old: str


@dataclass(frozen=True, slots=True)
class ColumnRename:
    """A `was`: the column had the name `old`."""

    hint: ClassVar[str] = "was"
    table: str
    column: str
    old: str


@dataclass(frozen=True, slots=True)
class Fill:
    """A `fill`: the column was filled with the values of this SQL, in its canonical form."""

    hint: ClassVar[str] = "fill"
    table: str
    column: str
    sql: str


@dataclass(frozen=True, slots=True)
class TableFill:
    """A `_from`: the table was filled by this SELECT, in its canonical form."""

    hint: ClassVar[str] = "_from"
    table: str
    select: str


@dataclass(frozen=True, slots=True)
class TableDrop:
    """A `_dropped` of a table: the table was dropped, or the database did not have it. A table that is created later
    under the same name stays."""

    hint: ClassVar[str] = "_dropped"
    table: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A `_rows`: the table has the rows with this digest, and later lists of rows act again."""

    hint: ClassVar[str] = "_rows"
    table: str
    digest: str


@dataclass(frozen=True, slots=True)
class Transformed:
    """A transform: it has acted on the data, in this version. It belongs to no table, so that no rename lets it act
    again. It acts again when one of the tables that it filled was dropped and comes again."""

    hint: ClassVar[str] = "transform"
    table: ClassVar[str] = ""
    name: str
    version: int


HintKey = Transformed | Rows | TableRename | ColumnRename | Fill | TableFill | TableDrop
"""A hint that has acted. Names are folded. Table and column have the names that the database has now, so that a rename
does not make a recorded hint act again."""


def table_rename(table: str, old: str) -> TableRename:
    """The key of a `_was`, whatever the case of the names."""
    return TableRename(fold(table), fold(old))


def table_drop(table: str) -> TableDrop:
    """The key of a name in the `_dropped` of the whole schema, whatever its case."""
    return TableDrop(fold(table))


def column_rename(table: str, column: str, old: str) -> ColumnRename:
    """The key of a `was`, whatever the case of the names."""
    return ColumnRename(fold(table), fold(column), fold(old))


def fill(table: str, column: str, sql: Sql) -> Fill:
    """The key of a `fill`, whatever the case of the names."""
    return Fill(fold(table), fold(column), sql.canonical)


def table_fill(table: str, select: Sql) -> TableFill:
    """The key of a `_from`, whatever the case of the names."""
    return TableFill(fold(table), select.canonical)


def rows_key(rows: ReferenceRows) -> Rows:
    """The key of a `_rows`."""
    return Rows(fold(rows.table), digest_of(rows))


def transformed(one: TransformFunction) -> Transformed:
    """The key of a transform."""
    return Transformed(one.name, one.version)


def data_version(acted: Iterable[HintKey]) -> str:
    """The digest of the transforms among the hints that have acted; '' if there are none."""
    return digest_of_data({(key.name, key.version) for key in acted if isinstance(key, Transformed)})


def all_hints(hints: Hints) -> frozenset[HintKey]:
    """Return every hint of a schema.json as a key. A database that is created in the new shape records all of them."""
    keys: set[HintKey] = {table_rename(table, old) for table, names in hints.tables_were.items() for old in names}
    keys |= {column_rename(*where, old) for where, names in hints.columns_were.items() for old in names}
    keys |= set(map(table_drop, hints.dropped_tables))
    keys |= {table_fill(table, one.select) for table, one in hints.derivations.items()}
    keys |= set(map(rows_key, hints.rows.values()))
    keys |= set(map(transformed, hints.transforms))
    return frozenset(keys | {fill(*where, sql) for where, sql in hints.fills.items()})


def hints_that_acted(hints: Hints, there: Schema, wanted: Schema) -> frozenset[HintKey]:
    """Return the hints of a schema.json that have acted on a database without a history, because their result is there.
    A fill has acted if its column is as in the schema, and the columns that it reads and that are dropped are gone."""

    makes = {transformed(one): one.into for one in hints.transforms}

    def has_acted(key: HintKey) -> bool:
        if isinstance(key, Transformed):
            return all(_is_complete(there.table(name), wanted.table(name)) for name in makes[key])
        table = there.table(key.table)
        if isinstance(key, TableDrop):
            return table is None
        if isinstance(key, Rows):  # the rows were not checked
            return False
        if table is None or isinstance(key, TableRename | TableFill):
            return table is not None
        if isinstance(key, ColumnRename):
            return table.column(key.column) is not None
        new = wanted.table(key.table)
        if new is None or facet(table, key.column) != facet(new, key.column):
            return False
        return not reads(Sql(key.sql), [column.name for column in table.columns if new.column(column.name) is None])

    return frozenset(key for key in all_hints(hints) if has_acted(key))


def _is_complete(table: Table | None, wanted: Table | None) -> bool:
    """Return True if the table exists, with all columns that it should have."""
    return table is not None and wanted is not None and all(table.column(one.name) for one in wanted.columns)


def spelled(key: HintKey, schema: Schema) -> tuple[str, str]:
    """The (table, column) of a hint as schema.json spells them; '' for the column of a hint on a table."""
    if isinstance(key, Transformed):
        return key.name, ""
    table = schema.table(key.table)
    name = table.name if table is not None else key.table
    match key:
        case TableRename() | TableFill() | TableDrop() | Rows():
            return name, ""
        case ColumnRename() | Fill():
            column = table.column(key.column) if table is not None else None
            return name, column.name if column is not None else ""
        case _:
            assert_never(key)


def as_json(key: HintKey) -> list[str]:
    """Return the key in the form in which the history records it."""
    match key:
        case TableRename(table, last) | TableFill(table, last):
            return [key.hint, table, last]
        case TableDrop(table):
            return [key.hint, table]
        case Rows(table, digest):
            return [key.hint, table, digest]
        case Transformed(name, version):
            return [key.hint, name, str(version)]
        case ColumnRename(table, column, last) | Fill(table, column, last):
            return [key.hint, table, column, last]
        case _:
            assert_never(key)


def from_json(value: object) -> HintKey:
    """Return the key for a value of `as_json`. Raises ValueError for any other value."""
    match value:
        case [TableRename.hint, str(table), str(old)]:
            return TableRename(table, old)
        case [TableFill.hint, str(table), str(select)]:
            return TableFill(table, select)
        case [Rows.hint, str(table), str(digest)]:
            return Rows(table, digest)
        case [Transformed.hint, str(name), str(version)]:
            return Transformed(name, int(version))
        case [TableDrop.hint, str(table)]:
            return TableDrop(table)
        case [ColumnRename.hint, str(table), str(column), str(old)]:
            return ColumnRename(table, column, old)
        case [Fill.hint, str(table), str(column), str(sql)]:
            return Fill(table, column, sql)
        case _:
            raise ValueError(value)
