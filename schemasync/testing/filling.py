"""Fill a schema with valid rows, table by table in an order in which foreign keys can hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from ..engines.sqlite.connection import Connection, Opener
from ..engines.sqlite.validate import build
from ..schema.model import ForeignKey, Schema, Table
from ..schema.names import fold, quote
from .choices import Choices
from .rows import Value, insert
from .table_filling import Filling, Given, is_in_key


@dataclass(frozen=True, slots=True)
class Filled:
    """Generated rows by table, parents first. `failed`: for each table without a row, the last error of SQLite."""

    rows: dict[str, list[dict[str, Value]]]
    failed: dict[str, str]


def fill(
    schema: Schema,
    choices: Choices,
    *,
    tables: Collection[str] | None = None,
    rows: int = 3,
    is_exact: bool = True,
    given: Given | None = None,
    opener: Opener | None = None,
) -> Filled:
    """Make `rows` rows for each of these tables, or for all, and for the tables that they refer to; without `is_exact`
    at most so many, as the choices decide. Foreign keys hold. Virtual tables get none. Raises ValueError for an unknown
    name."""
    opener = opener or Opener()
    _check_given(schema, given or {})
    wanted = _wanted(schema, tables)
    with closing(opener.memory()) as connection:
        build(connection, schema)
        filling = Filling(
            schema, connection, choices, rows, is_exact, {_folded(name): make for name, make in (given or {}).items()}
        )
        filling.tables(list(_in_order(schema, wanted)))
    found = _without_dangling(filling.rows, schema, opener)
    failed = {name: error for name, error in filling.errors.items() if not found.get(name)}
    return Filled(found, failed)


def _folded(name: str) -> str:
    table, _, column = name.rpartition(".")
    return f"{fold(table)}.{fold(column)}"


def _check_given(schema: Schema, given: Given) -> None:
    for full in given:
        name, _, column = full.rpartition(".")
        table = schema.table(name)
        if table is None or table.column(column) is None:
            raise ValueError(f"the schema has no column {full!r}; name it as Table.column")


def _wanted(schema: Schema, tables: Collection[str] | None) -> set[str]:
    """Return the folded names of the tables, and of all tables that they refer to."""
    if tables is None:
        return {fold(table.name) for table in schema.tables}
    unknown = [name for name in tables if schema.table(name) is None]
    if unknown:
        raise ValueError(f"the schema has no table {', '.join(unknown)}")
    found, ahead = set[str](), list(map(fold, tables))
    while ahead:
        name = ahead.pop()
        table = schema.table(name)
        if name not in found and table is not None:
            found.add(name)
            ahead += [fold(key.table) for key in table.foreign_keys]
    return found


def _in_order(schema: Schema, wanted: set[str]) -> Iterator[Table]:
    """Yield parents before children. In a cycle a table whose foreign keys to the others may be NULL comes first."""
    left = {fold(table.name): table for table in schema.tables if table.virtual is None and fold(table.name) in wanted}

    def waits_for(table: Table) -> tuple[int, int]:
        open_keys = [
            key for key in table.foreign_keys if fold(key.table) in left and fold(key.table) != fold(table.name)
        ]
        return sum(not _may_be_null(table, key) for key in open_keys), len(open_keys)

    while left:
        name = min(left, key=lambda one: (waits_for(left[one]), one))
        yield left.pop(name)


def _may_be_null(table: Table, key: ForeignKey) -> bool:
    columns = [column for name in key.columns if (column := table.column(name)) is not None]
    return any(column.not_null is None and not is_in_key(table, column.name) for column in columns)


def _without_dangling(
    rows: dict[str, list[dict[str, Value]]], schema: Schema, opener: Opener
) -> dict[str, list[dict[str, Value]]]:
    """Return the rows without those that refer to a missing row, because that could not be made."""
    while True:
        with closing(opener.memory()) as connection:
            build(connection, schema)
            rows = {name: [row for row in found if _inserted(connection, name, row)] for name, found in rows.items()}
            found = connection.execute("PRAGMA foreign_key_check").fetchall()
            dangling = {fold(name) for name, _, parent, _ in found if schema.table(parent) is not None}
            if not dangling:
                return rows
            rows = {
                name: _referring(connection, schema, name, found) if fold(name) in dangling else found
                for name, found in rows.items()
            }


def _referring(
    connection: Connection, schema: Schema, name: str, rows: list[dict[str, Value]]
) -> list[dict[str, Value]]:
    """Return the rows whose references exist; no rows, if it cannot be found out which references dangle."""
    found = [row for row in rows if not _dangles(connection, schema, name, row)]
    return found if len(found) < len(rows) else []


def _inserted(connection: Connection, table: str, row: Mapping[str, Value]) -> bool:
    try:
        return insert(connection, {table: [row]}) == 1
    except sqlite3.Error:
        return False


def _dangles(connection: Connection, schema: Schema, name: str, row: Mapping[str, Value]) -> bool:
    table = schema.table(name)
    assert table is not None
    values = {fold(column): one for column, one in row.items()}
    for key in table.foreign_keys:
        parent = schema.table(key.table)
        own = [values.get(fold(column)) for column in key.columns]
        if parent is None or any(one is None for one in own):
            continue
        primary = parent.primary_key.columns if parent.primary_key is not None else ()
        there = key.references or tuple(part.column or "" for part in primary)
        given = " AND ".join(f"{quote(column)} = ?" for column in there)
        if connection.execute(f"SELECT 1 FROM {quote(parent.name)} WHERE {given}", own).fetchone() is None:
            return True
    return False
