"""Insert and select rows as tests write them: by table, each a dict of its columns."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence

from ..schema.names import quote

Value = None | int | float | str | bytes

Rows = Mapping[str, Sequence[Mapping[str, Value]]]
"""Rows by table, each a dict of its columns. A column that is left out gets its default."""

RowSource = Rows | Callable[[sqlite3.Connection], object]
"""Rows, or a function that accepts a connection and inserts them."""


def insert(connection: sqlite3.Connection, rows: Rows) -> int:
    """Insert the rows in their order, in the connection's transaction. Return how many SQLite inserted, which are fewer
    if a constraint has ON CONFLICT IGNORE. Raises SQLite's error, with a note that names the row."""
    count = 0
    for table, bodies in rows.items():
        for number, row in enumerate(bodies, 1):
            try:
                count += connection.execute(_statement(table, row), list(row.values())).rowcount
            except sqlite3.Error as error:
                error.add_note(f"This is row {number} of {table}: {dict(row)!r}")
                raise
    return count


def _statement(table: str, row: Mapping[str, Value]) -> str:
    if not row:
        return f"INSERT INTO {quote(table)} DEFAULT VALUES"
    columns, marks = ", ".join(map(quote, row)), ", ".join("?" * len(row))
    return f"INSERT INTO {quote(table)} ({columns}) VALUES ({marks})"


def select(connection: sqlite3.Connection, table: str) -> list[dict[str, Value]]:
    """Return all rows of a table, as dicts, usually in the order of its key or row id."""
    cursor = connection.execute(f"SELECT * FROM {quote(table)}")
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]
