"""The table _schema_versions: one row for each time that a generation went live."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple, fields
from typing import Any

from ...history.row import HISTORY_TABLE, HistoryRow
from .connection import Connection
from .objects import has_table

_CREATE = f"""CREATE TABLE IF NOT EXISTS {HISTORY_TABLE} (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  version TEXT NOT NULL,
  applied_at TEXT NOT NULL,
  action TEXT NOT NULL,
  generation TEXT NOT NULL,
  previous TEXT,
  schema TEXT NOT NULL,
  hints TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  plan TEXT NOT NULL,
  rows INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  pause_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  tool_version TEXT NOT NULL
)"""

# Older releases add rows without this column, so it has a default, and is the last one.
_ADD_SQLITE_VERSION = f"ALTER TABLE {HISTORY_TABLE} ADD COLUMN sqlite_version TEXT NOT NULL DEFAULT ''"


_COLUMNS = tuple(field.name for field in fields(HistoryRow))
_LIST = ", ".join(_COLUMNS)


def create(connection: Connection) -> None:
    """Create the table if it is missing, and the column that a table of an older release lacks."""
    connection.execute(_CREATE)
    if not _has_sqlite_version(connection):
        connection.execute(_ADD_SQLITE_VERSION)


def _has_sqlite_version(connection: Connection) -> bool:
    query = "SELECT 1 FROM pragma_table_info(?, 'main') WHERE name = 'sqlite_version'"
    return connection.execute(query, (HISTORY_TABLE,)).fetchone() is not None


def _columns(connection: Connection) -> str:
    """The columns of a HistoryRow: a table of an older release lacks the last one."""
    return _LIST if _has_sqlite_version(connection) else _LIST.replace("sqlite_version", "''")


def exists(connection: Connection) -> bool:
    """True if the database has a history."""
    return has_table(connection, HISTORY_TABLE)


def read(connection: Connection) -> tuple[HistoryRow, ...]:
    """All rows, oldest first; empty without the table."""
    if not exists(connection):
        return ()
    return tuple(
        HistoryRow(*row)
        for row in connection.execute(f"SELECT {_columns(connection)} FROM {HISTORY_TABLE} ORDER BY id")
    )


def drop(connection: Connection) -> None:
    """Drop the table, and the history with it."""
    connection.execute(f"DROP TABLE IF EXISTS main.{HISTORY_TABLE}")


def newest(connection: Connection) -> HistoryRow | None:
    """Return the last row, for the present state of the database, with one small read."""
    if not exists(connection):
        return None
    row = connection.execute(f"SELECT {_columns(connection)} FROM {HISTORY_TABLE} ORDER BY id DESC LIMIT 1").fetchone()
    return HistoryRow(*row) if row else None


def generations(connection: Connection) -> frozenset[str]:
    """The names of all generations in the history. Raises sqlite3.Error without a history."""
    return frozenset(name for (name,) in connection.execute(f"SELECT generation FROM {HISTORY_TABLE}"))


def append(connection: Connection, row: HistoryRow) -> int:
    """Write a row and return its id."""
    marks = ", ".join("?" * (len(_COLUMNS) - 1))
    names = ", ".join(_COLUMNS[1:])
    cursor = connection.execute(f"INSERT INTO {HISTORY_TABLE} ({names}) VALUES ({marks})", astuple(row)[1:])
    return int(cursor.lastrowid or 0)


def replace(connection: Connection, rows: Iterable[HistoryRow]) -> None:
    """Replace the whole history: a rollback carries over the rows of the other file."""
    create(connection)
    connection.execute(f"DELETE FROM {HISTORY_TABLE}")
    marks = ", ".join("?" * len(_COLUMNS))
    connection.executemany(f"INSERT INTO {HISTORY_TABLE} ({_LIST}) VALUES ({marks})", map(astuple, rows))


def record_fingerprint(connection: Connection, id: int, fingerprint: str) -> None:
    """Record the fingerprint of a row's file after a change to it."""
    connection.execute(f"UPDATE {HISTORY_TABLE} SET fingerprint = ? WHERE id = ?", (fingerprint, id))


def last_in_plans(connection: Connection, key: str) -> Any:
    """Return the decoded value of this key in the plan of the newest row that has it; None without one."""
    query = (
        f"SELECT json_extract(plan, '$.{key}') FROM {HISTORY_TABLE}"
        f" WHERE json_type(CASE WHEN json_valid(plan) THEN plan END, '$.{key}') = 'object' ORDER BY id DESC LIMIT 1"
    )
    row = connection.execute(query).fetchone() if exists(connection) else None
    return json.loads(row[0]) if row else None


def set_in_plan(connection: Connection, id: int, key: str, value: object) -> None:
    """Record a value in the plan of a row."""
    query = f"UPDATE {HISTORY_TABLE} SET plan = json_set(plan, '$.{key}', json(?)) WHERE id = ? AND json_valid(plan)"
    connection.execute(query, (json.dumps(value), id))


def set_hints(connection: Connection, id: int, hints: str) -> None:
    """Record the hints of a row's file: JSON, as in the row."""
    connection.execute(f"UPDATE {HISTORY_TABLE} SET hints = ? WHERE id = ?", (hints, id))


def finish(connection: Connection, row: HistoryRow) -> None:
    """Record the duration and the result of a row, which are known only at the end."""
    connection.execute(
        f"UPDATE {HISTORY_TABLE} SET duration_ms = ?, pause_ms = ?, plan = ? WHERE id = ?",
        (row.duration_ms, row.pause_ms, row.plan, row.id),
    )
