"""Compares the first and the last row of a table that is not rewritten, in both files, with two lookups in each.

Rows that were lost, or written without an entry in the change log, mostly are at one end of the table: the newest, or
the oldest. The log consists of triggers; a connection with triggers switched off (SQLITE_DBCONFIG_ENABLE_TRIGGER),
incremental blob I/O and the backup API bypass them.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from ....errors import Code, Failed
from ....plan.model import Alter
from ....schema.model import IndexedColumn, PrimaryKey, Table
from ....schema.names import quote
from ..connection import Connection
from ..mapping import Key, identity, key_of, mapping
from ..name_errors import is_unknown_name
from .rows import identity_key


def altered_ends(connection: Connection, step: Alter) -> None:
    """Like `same_ends`, but for an altered table."""
    key = key_of(mapping(step))
    if key is not None and table_ends_differ(connection, step.old, step.new, key):
        raise _differs(step.name)


def same_ends(connection: Connection, old: str, new: str, table: Table | None) -> None:
    """Raise Failed if a table that is not rewritten begins or ends with another key in the new file.

    `table` is the new one of schema.json; None for a foreign table.
    """
    key = identity_key(connection, table, new, identity(connection, "main", new), identity(connection, "old", old))
    if key is not None and ends_differ(connection, quote(old), quote(new), key, _stored_by(table)):
        raise _differs(new)


def _differs(table: str) -> Failed:
    return Failed.of(
        Code.VERIFY_DIFFERS,
        f'"{table}" in the new file is not what it should be: it does not begin and end with the same key',
        "The live file is unchanged. Please report it, with the plan (schemasync plan --sql).",
        table=table,
    )


def table_ends_differ(connection: Connection, old: Table, new: Table, key: Key) -> bool:
    """Return True if the old table and the new one have a different first or last value of that key."""
    return ends_differ(connection, quote(old.name), quote(new.name), key, _stored_by(new))


def ends_differ(connection: Connection, old: str, new: str, key: Key, declared: PrimaryKey | None) -> bool:
    """Like `table_ends_differ`, but for quoted names. `declared`: the primary key by which the table is stored, None
    for the row id.

    Return False if the table is ordered by a collation that only the application knows.
    """
    try:
        there = list(_ends(connection, f"main.{new}", key.columns, declared))
        before = list(_ends(connection, f"old.{old}", key.sources, declared))
    except sqlite3.OperationalError as error:
        if not is_unknown_name(str(error)):
            raise
        return False
    return there != before


def _stored_by(table: Table | None) -> PrimaryKey | None:
    return table.primary_key if table is not None and table.without_rowid else None


def _ends(connection: Connection, table: str, key: Sequence[str], declared: PrimaryKey | None) -> Iterator[Any]:
    """Yield the first and the last key, in the order in which the table is stored."""
    names = ", ".join(key)
    for backwards in (False, True):
        order = ", ".join(_ordered(key, declared, backwards=backwards))
        yield connection.execute(f"SELECT {names} FROM {table} ORDER BY {order} LIMIT 1").fetchone()


def _ordered(key: Sequence[str], declared: PrimaryKey | None, *, backwards: bool) -> Iterator[str]:
    columns = declared.columns if declared is not None else (IndexedColumn(),) * len(key)
    for name, column in zip(key, columns, strict=True):
        collation = f" COLLATE {quote(column.collation)}" if column.collation else ""
        yield f"{name}{collation}" + (" DESC" if column.descending is not backwards else "")
