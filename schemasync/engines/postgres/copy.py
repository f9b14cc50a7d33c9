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
    """Copy the rows that the source's transaction sees, all or `part` of them; returns how many.

    The values are as `sent_columns` has them; `judged` is what it means there: pass the columns of which a scan in the
    same transaction found something, or None. If this fails, PostgreSQL has none of the rows. `progress` is called with
    the number of rows copied so far.
    """
    query = select(table, sent_columns(source, table, changes, judged))
    if part is not None:
        query += f" WHERE {table.rowid} BETWEEN {part.first} AND {part.last}"
    return copy_rows(source, target, query, place_of(table), changes, progress)


def place_of(table: MovedTable) -> str:
    """The table and its copied columns, as COPY names them."""
    return f"{quote(table.target)} ({', '.join(quote(column.name) for column in table.copied)})"


def copy_rows(
    source: Source,
    target: Connection,
    query: str,
    place: str,
    changes: Changes,
    progress: Callable[[int], None] = lambda rows: None,
) -> int:
    """Copy the result of a query over the source to `place`; returns the number of rows."""
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
    """Give the planner its statistics: without them its first plans for a full table are those for an empty one."""
    target.execute(f"ANALYZE {quote(table.target)}".encode())
