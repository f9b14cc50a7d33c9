"""Copies rows of SQLite into tables of PostgreSQL by COPY, and sets the counters of identity columns."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING

from ...schema.names import quote
from ..sqlite.connection import Connection as Source
from ..sqlite.for_postgres.reading import Changes, reading, select, sent_columns
from .moved import MovedTable, RowIds

if TYPE_CHECKING:
    from .driver import Connection

EVERY = 10_000  # rows between two calls of `progress`


def copy_table(
    source: Source,
    target: Connection,
    table: MovedTable,
    changes: Changes,
    *,
    judged: Collection[str] | None = None,
    part: RowIds | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> int:
    """Copy the rows that the source's transaction sees, all or only those of `part`; return how many.

    The values are those of `sent_columns`, and `judged` has the meaning that it has there: pass the columns in which a
    scan in the same transaction found something, or None. If this fails, PostgreSQL has none of the rows. `progress` is
    called with the number of rows copied so far.
    """
    query = select(table, sent_columns(source, table, changes, judged))
    if part is not None:
        query += f" WHERE {table.rowid} BETWEEN {part.first} AND {part.last}"
    return copy_rows(source, target, query, place_of(table), changes, progress)


def place_of(table: MovedTable) -> str:
    """Return the table and its copied columns in the syntax of COPY."""
    return f"{quote(table.target)} ({', '.join(quote(column.name) for column in table.copied)})"


def copy_rows(
    source: Source,
    target: Connection,
    query: str,
    place: str,
    changes: Changes,
    progress: Callable[[int], None] = lambda rows: None,
) -> int:
    """Copy the result of a query over the source to `place`; return the number of rows."""
    rows = 0
    with reading(source, changes), target.cursor() as cursor, cursor.copy(f"COPY {place} FROM STDIN".encode()) as copy:
        write = copy.write_row
        for row in source.execute(query):
            write(row)
            rows += 1
            if rows % EVERY == 0:
                progress(rows)
    progress(rows)
    return rows


def empty(target: Connection, tables: Sequence[str]) -> None:
    """Delete all rows of the tables."""
    if tables:
        target.execute(f"TRUNCATE {', '.join(map(quote, tables))}".encode())


def analyze(target: Connection, table: MovedTable) -> None:
    """Gather the planner's statistics: without them it would plan the first queries as for an empty table."""
    target.execute(f"ANALYZE {quote(table.target)}".encode())
