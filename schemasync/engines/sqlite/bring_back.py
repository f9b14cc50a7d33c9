"""Brings columns and tables back from an archive that still has them, into a new file that is not live yet."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ...errors import Code, Failed
from ...schema.model import Table
from ...schema.names import fold, quote
from ...schema.text import count
from .checkpoint import durably
from .connection import Connection, Opener
from .rebuild.finish import put_triggers, take_triggers
from .rebuild.start import attach_old, detach_old


@dataclass(frozen=True, slots=True)
class Missing:
    """What a table of the new file takes from an archive, in which the table has the same name: a column, for rows with
    the same key; without a `column` all rows, into the empty table."""

    table: Table
    column: str = ""

    @property
    def name(self) -> str:
        """`table` or `table.column`."""
        return f"{self.table.name}.{self.column}" if self.column else self.table.name

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are copied."""
        stored = (column.name for column in self.table.columns if column.generated is None)
        return (self.column,) if self.column else tuple(stored)


def bring_back(opener: Opener, path: Path, archive: Path, wanted: Iterable[Missing]) -> dict[str, int]:
    """Copy the values within one transaction, without firing triggers. Returns the number of rows for each `table` or
    `table.column`. Raises Failed if the new file does not accept them, or a reference would lead nowhere; then it is
    unchanged."""
    with closing(opener.write(path)) as connection:
        attach_old(connection, archive, closed=True)
        with durably(connection):
            triggers = take_triggers(connection)
            found = {item.name: _checked(connection, item, archive.stem) for item in wanted}
            put_triggers(connection, triggers)
        detach_old(connection)
    return found


def _checked(connection: Connection, item: Missing, generation: str) -> int:
    table = item.table
    before = _dangling(connection, table)
    try:
        found = _column(connection, item) if item.column else _rows(connection, item)
    except sqlite3.IntegrityError as error:
        raise _misfit(table, str(error), generation) from error
    if new := _dangling(connection, table) - before:
        rows = count(new, "row refers", "rows refer")
        raise _misfit(table, f"{rows} to rows that were deleted meanwhile", generation)
    return found


def _dangling(connection: Connection, table: Table) -> int:
    if not table.foreign_keys:
        return 0
    return len(connection.execute(f"PRAGMA main.foreign_key_check({quote(table.name)})").fetchall())


def _misfit(table: Table, why: str, generation: str) -> Failed:
    return Failed.of(
        Code.ROWS_VIOLATE_SCHEMA,
        f"{table.name}: what {generation} has of it does not fit the rows of today: {why}",
        "To bring nothing back: manage.py schemasync switch --leave-behind\n"
        f"To go to {generation} with its own rows: manage.py schemasync rollback {generation}",
    )


def can_bring_back(item: Missing, before: Table) -> bool:
    """True if the archive's table has the columns, and the same key."""
    there = {fold(column.name) for column in before.columns}
    hides_row_id = item.table.primary_key is None and "rowid" in there
    same = _key(item.table) == _key(before) and not hides_row_id and not item.table.virtual
    return same and all(fold(name) in there for name in item.columns)


def _key(table: Table) -> tuple[str, ...]:
    """The columns by which a row is found again; the row id of a table without a primary key."""
    key = table.primary_key
    names = [column.column for column in key.columns] if key is not None else []
    return tuple(fold(name) for name in names if name is not None) or ("rowid",)


def _column(connection: Connection, item: Missing) -> int:
    table, column = quote(item.table.name), quote(item.column)
    same = " AND ".join(f"o.{quote(name)} IS n.{quote(name)}" for name in _key(item.table))
    connection.execute(
        f"UPDATE main.{table} AS n SET {column} = (SELECT o.{column} FROM old.{table} AS o WHERE {same})"
        f" WHERE EXISTS (SELECT 1 FROM old.{table} AS o WHERE {same})"
    )
    return _changed(connection)


def _rows(connection: Connection, item: Missing) -> int:
    table, name = item.table, quote(item.table.name)
    names = ", ".join(map(quote, item.columns if _key(table) != ("rowid",) else ["rowid", *item.columns]))
    connection.execute(f"DELETE FROM main.{name}")  # a _from may have filled it
    connection.execute(f"INSERT INTO main.{name} ({names}) SELECT {names} FROM old.{name}")
    rows = _changed(connection)
    if table.primary_key is not None and table.primary_key.autoincrement:
        last = "SELECT seq FROM old.sqlite_sequence WHERE name = ?"
        connection.execute("DELETE FROM main.sqlite_sequence WHERE name = ?", (table.name,))
        connection.execute(
            f"INSERT INTO main.sqlite_sequence (name, seq) SELECT ?, seq FROM ({last})", (table.name, table.name)
        )
    return rows


def _changed(connection: Connection) -> int:
    return int(connection.execute("SELECT changes()").fetchone()[0])
