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
    """What a table of the new file takes from an archive, in which the table has the same name: some columns, for rows
    with the same key; without `columns` all rows, into the empty table."""

    table: Table
    columns: tuple[str, ...] = ()


def bring_back(opener: Opener, path: Path, archive: Path, wanted: Iterable[Missing]) -> dict[str, int]:
    """Copy the values within one transaction, without firing triggers. Returns the number of rows for each `table` or
    `table.column`. Raises Failed if the new file does not accept them, or a reference would lead nowhere; then it is
    unchanged."""
    with closing(opener.write(path)) as connection:
        attach_old(connection, archive, closed=True)
        with durably(connection):
            triggers = take_triggers(connection)
            found: dict[str, int] = {}
            for item in wanted:
                found |= _checked(connection, item)
            put_triggers(connection, triggers)
        detach_old(connection)
    return found


def _checked(connection: Connection, item: Missing) -> dict[str, int]:
    table = item.table
    before = _dangling(connection, table)
    try:
        found = _columns(connection, item) if item.columns else _rows(connection, table)
    except sqlite3.IntegrityError as error:
        raise _misfit(table, str(error)) from error
    if new := _dangling(connection, table) - before:
        raise _misfit(table, f"{count(new, 'row refers', 'rows refer')} to rows that were deleted meanwhile")
    return found


def _dangling(connection: Connection, table: Table) -> int:
    if not table.foreign_keys:
        return 0
    return len(connection.execute(f"PRAGMA main.foreign_key_check({quote(table.name)})").fetchall())


def _misfit(table: Table, why: str) -> Failed:
    return Failed.of(
        Code.ROWS_VIOLATE_SCHEMA,
        f"{table.name}: what the archive has of it does not fit the rows of today: {why}",
        "To bring nothing back: manage.py schemasync switch --leave-behind\n"
        "To go to the archive with its own rows: manage.py schemasync rollback",
    )


def can_bring_back(table: Table, before: Table, columns: Iterable[str]) -> bool:
    """True if the archive's table has these columns, and the same key."""
    there = {fold(column.name) for column in before.columns}
    hides_row_id = table.primary_key is None and "rowid" in there
    same = _key(table) == _key(before) and not hides_row_id
    return same and all(fold(name) in there for name in columns) and not table.virtual


def _key(table: Table) -> tuple[str, ...]:
    """The columns by which a row is found again; the row id of a table without a primary key."""
    key = table.primary_key
    names = [column.column for column in key.columns] if key is not None else []
    return tuple(fold(name) for name in names if name is not None) or ("rowid",)


def _columns(connection: Connection, item: Missing) -> dict[str, int]:
    table = quote(item.table.name)
    same = " AND ".join(f"o.{quote(name)} IS n.{quote(name)}" for name in _key(item.table))
    names = ", ".join(map(quote, item.columns))
    values = ", ".join(f"o.{quote(name)}" for name in item.columns)
    connection.execute(
        f"UPDATE main.{table} AS n SET ({names}) = (SELECT {values} FROM old.{table} AS o WHERE {same})"
        f" WHERE EXISTS (SELECT 1 FROM old.{table} AS o WHERE {same})"
    )
    rows = _changed(connection)
    return {f"{item.table.name}.{name}": rows for name in item.columns}


def _rows(connection: Connection, table: Table) -> dict[str, int]:
    name, stored = quote(table.name), [column.name for column in table.columns if column.generated is None]
    names = ", ".join(map(quote, stored if _key(table) != ("rowid",) else ["rowid", *stored]))
    connection.execute(f"INSERT INTO main.{name} ({names}) SELECT {names} FROM old.{name}")
    rows = _changed(connection)
    if table.primary_key is not None and table.primary_key.autoincrement:
        last = "SELECT seq FROM old.sqlite_sequence WHERE name = ?"
        connection.execute("DELETE FROM main.sqlite_sequence WHERE name = ?", (table.name,))
        connection.execute(
            f"INSERT INTO main.sqlite_sequence (name, seq) SELECT ?, seq FROM ({last})", (table.name, table.name)
        )
    return {table.name: rows}


def _changed(connection: Connection) -> int:
    return int(connection.execute("SELECT changes()").fetchone()[0])
