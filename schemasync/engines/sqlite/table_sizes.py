"""Sizes of tables, in rows and in bytes."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ...schema.names import fold, quote
from .connection import Connection
from .name_errors import is_unknown_name, named_in
from .objects import known_shadow_tables
from .unknown_names import run_with_stand_ins


def count_rows(connection: Connection, table: str) -> int:
    """Return the number of rows of a table.

    A full-text table of FTS4 with `content=""` supports only MATCH, but its shadow table has a row for each document.
    https://www.sqlite.org/fts3.html#_contentless_fts4_tables_
    """
    try:
        return count_of(connection, quote(table))
    except sqlite3.OperationalError:
        documents = f"{table}_docsize"
        if fold(documents) not in known_shadow_tables(connection):
            raise
        return count_of(connection, quote(documents))


def known_rows(connection: Connection, table: str) -> int | None:
    """Return the number of rows of a table, also if it uses functions or collations that this process does not know;
    None for a virtual table whose module is unknown."""
    try:
        return count_rows(connection, table)
    except sqlite3.OperationalError as error:
        if named_in(str(error)).modules:
            return None
        if not is_unknown_name(str(error)):
            raise
    return int(run_with_stand_ins(connection, f"SELECT count(*) FROM {quote(table)}")[0][0])


def count_of(connection: Connection, table: str) -> int:
    """The number of rows of a FROM clause, such as `main."t"`."""
    return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def count_values(connection: Connection, table: str, columns: Sequence[str]) -> dict[str, int]:
    """Return for each column the number of rows that have a value in it, in one pass over the table."""
    asked = ", ".join(f"count({quote(column)})" for column in columns)
    counts = connection.execute(f"SELECT {asked} FROM {quote(table)}").fetchone()
    return dict(zip(columns, counts, strict=True))


def sizes(connection: Connection) -> dict[str, int] | None:
    """Bytes by folded table name, indexes included; None if this SQLite has no dbstat."""
    query = (
        "SELECT o.tbl_name, sum(s.pgsize) FROM dbstat AS s JOIN sqlite_schema AS o ON o.name = s.name"
        " WHERE s.aggregate = TRUE GROUP BY o.tbl_name"
    )
    try:
        return {fold(name): size for name, size in connection.execute(query)}
    except sqlite3.OperationalError:
        return None
