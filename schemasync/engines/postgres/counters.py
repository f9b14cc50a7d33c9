"""Compares the counters of identity columns with those of SQLite."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...schema.names import quote
from ..sqlite.connection import Connection as Source
from .copy import highest_id
from .moved import MovedTable

if TYPE_CHECKING:
    from .driver import Connection


def counters_ahead(source: Source, target: Connection, table: MovedTable) -> list[str]:
    """The identity columns that have given out numbers which SQLite never has."""
    found = []
    for column in table.columns:
        if column.identity:
            name = target.execute(
                b"SELECT pg_get_serial_sequence(%s, %s)", (quote(table.target), column.name)
            ).fetchone()
            assert name is not None
            row = target.execute(f"SELECT last_value, is_called FROM {name[0]}".encode()).fetchone()
            if row is not None and row[1] and row[0] > max(highest_id(source, table, column), 0):
                found.append(column.name)
    return found
