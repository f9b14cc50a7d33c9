"""Writes that the change log does not see, noticed at the ends of a table.

The log is made of triggers. A connection with triggers switched off (SQLITE_DBCONFIG_ENABLE_TRIGGER), incremental blob
I/O and the backup API write past them. Rows that were added or deleted so mostly show at one end of the table: the
newest ones, or the oldest.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from ....schema.model import IndexedColumn, PrimaryKey
from ....schema.names import quote
from ..connection import Connection
from ..unknown_names import is_unknown_name
from .key_mapping import TrackedTable


def ends_differ(connection: Connection, follow: TrackedTable) -> bool:
    """True where the old table and the new one, which has the same key, do not begin and end with the same key.

    False where they are ordered by a collation that only the application knows.
    """
    declared = follow.mapped.new.primary_key if follow.mapped.new.without_rowid else None
    try:
        new = list(_ends(connection, f"main.{follow.new}", follow.key.columns, declared))
        old = list(_ends(connection, f"old.{follow.old}", follow.key.sources, declared))
    except sqlite3.OperationalError as error:
        if not is_unknown_name(str(error)):
            raise
        return False
    return new != old


def _ends(connection: Connection, table: str, key: Sequence[str], declared: PrimaryKey | None) -> Iterator[Any]:
    """The first and the last key, in the order in which the table is stored: each is one look into its tree."""
    names = ", ".join(key)
    for backwards in (False, True):
        order = ", ".join(_ordered(key, declared, backwards=backwards))
        yield connection.execute(f"SELECT {names} FROM {table} ORDER BY {order} LIMIT 1").fetchone()


def _ordered(key: Sequence[str], declared: PrimaryKey | None, *, backwards: bool) -> Iterator[str]:
    """`declared`: the primary key of a WITHOUT ROWID table, by which it is stored; else that is the row id."""
    columns = declared.columns if declared is not None else (IndexedColumn(),) * len(key)
    for name, column in zip(key, columns, strict=True):
        collation = f" COLLATE {quote(column.collation)}" if column.collation else ""
        yield f"{name}{collation}" + (" DESC" if column.descending is not backwards else "")
