"""Examines a file that nobody else uses: its damage and its content."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ...history.row import HistoryRow
from ...schema.names import fold
from . import history_table
from .connection import Connection, Opener
from .objects import fingerprint, is_internal, is_own, shadow_tables
from .table_sizes import known_rows
from .verify.integrity_check import damage, whole_damage


@dataclass(frozen=True, slots=True)
class Examined:
    """`damage`: the messages of quick_check about pages, empty for a whole file. `newest`: the newest history row, None
    without a history. `rows`: the number of rows of each table that is not ours and no part of a virtual one."""

    damage: tuple[str, ...]
    fingerprint: str
    newest: HistoryRow | None
    rows: Mapping[str, int]


def examine(opener: Opener, path: Path, *, with_indexes: bool = False) -> Examined:
    """Read the whole file at `path`; `with_indexes`: compare each index with its table. Raises SchemasyncError if it is
    not a database."""
    with closing(opener.read(path)) as connection:
        messages = whole_damage(connection) if with_indexes else damage(connection)
        if messages:
            return Examined(messages, "", None, {})
        rows = history_table.read(connection)
        return Examined((), fingerprint(connection), rows[-1] if rows else None, dict(_counts(connection)))


def _counts(connection: Connection) -> list[tuple[str, int]]:
    shadows = shadow_tables(connection)
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY name"  # not a virtual table
    names = [name for (name,) in connection.execute(query) if not (is_own(name) or is_internal(name))]
    counted = [(name, known_rows(connection, name)) for name in names if fold(name) not in shadows]
    return [(name, rows) for name, rows in counted if rows is not None]
