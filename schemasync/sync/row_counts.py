"""Counts what the live database would lose, for the question whether something was renamed or dropped."""

from __future__ import annotations

from ..engines.sqlite.table_sizes import count_rows, count_values
from ..errors import SchemasyncError
from .run.reading import reading
from .run.target import Target


def held(target: Target, table: str, column: str = "") -> int | None:
    """Return the number of rows of a table, or of values in its column; None if the database does not have it or cannot
    be read."""
    try:
        with reading(target) as now:
            found = now.inspect().schema.table(table) if now is not None else None
            if now is None or found is None or (column and found.column(column) is None):
                return None
            return (
                count_values(now.connection, table, [column])[column] if column else count_rows(now.connection, table)
            )
    except SchemasyncError:  # the action itself reports it
        return None
