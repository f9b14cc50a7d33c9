"""Sets the counters of identity columns to the highest numbers that SQLite has given out, and compares them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...schema.names import quote
from ..sqlite.connection import Connection as Source
from .moved import MovedTable
from .types import PgColumn

if TYPE_CHECKING:
    from .driver import Connection


def set_counters(source: Source, target: Connection, table: MovedTable) -> None:
    """Make each identity column continue after the highest number that was ever given out: that of the rows, or that of
    SQLite's counter if rows were deleted."""
    for column in table.columns:
        if column.identity:
            highest = _highest_id(source, table, column)
            start, is_used = (highest, True) if highest >= 1 else (1, False)
            target.execute(
                b"SELECT setval(pg_get_serial_sequence(%s, %s), %s, %s)",
                (quote(table.target), column.name, start, is_used),
            )


def _highest_id(source: Source, table: MovedTable, column: PgColumn) -> int:
    """Return the highest number that SQLite ever gave out for an identity column; 0 for none."""
    query = f"SELECT max({quote(column.name)}) FROM main.{quote(table.name)}"
    numbers = [value for (value,) in source.execute(query) if isinstance(value, int)]
    if table.counts:
        counter = "SELECT seq FROM main.sqlite_sequence WHERE name = ? COLLATE NOCASE"
        numbers += [value for (value,) in source.execute(counter, (table.name,)) if isinstance(value, int)]
    return max(numbers, default=0)


def counters_ahead(source: Source, target: Connection, table: MovedTable) -> list[str]:
    """Return the identity columns that have given out numbers above those of SQLite."""
    found = []
    for column in table.columns:
        if column.identity:
            name = target.execute(
                b"SELECT pg_get_serial_sequence(%s, %s)", (quote(table.target), column.name)
            ).fetchone()
            assert name is not None
            row = target.execute(f"SELECT last_value, is_called FROM {name[0]}".encode()).fetchone()
            if row is not None and row[1] and row[0] > max(_highest_id(source, table, column), 0):
                found.append(column.name)
    return found
