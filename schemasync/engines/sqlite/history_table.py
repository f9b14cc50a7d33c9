"""The table _schema_versions: one row for each time that a generation went live."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, fields

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

# Since this column, an older release adds its rows without it; so it has a default, and is the last one.
_ADD_SQLITE_VERSION = f"ALTER TABLE {HISTORY_TABLE} ADD COLUMN sqlite_version TEXT NOT NULL DEFAULT ''"


_COLUMNS = tuple(field.name for field in fields(HistoryRow))
_LIST = ", ".join(_COLUMNS)


def create(connection: Connection) -> None:
    """Create the table if it is missing, and the column that one of an older release lacks."""
    connection.execute(_CREATE)
    if not _has_sqlite_version(connection):
        connection.execute(_ADD_SQLITE_VERSION)


def _has_sqlite_version(connection: Connection) -> bool:
    query = "SELECT 1 FROM pragma_table_info(?, 'main') WHERE name = 'sqlite_version'"
    return connection.execute(query, (HISTORY_TABLE,)).fetchone() is not None


def _columns(connection: Connection) -> str:
    """What is selected for a Row: a table that an older release made lacks the last column."""
    return _LIST if _has_sqlite_version(connection) else _LIST.replace("sqlite_version", "''")


def exists(connection: Connection) -> bool:
    """True where the database has a history."""
    return has_table(connection, HISTORY_TABLE)


def read(connection: Connection) -> tuple[HistoryRow, ...]:
    """All rows, oldest first; none where there is no table."""
    if not exists(connection):
        return ()
    return tuple(
        HistoryRow(*row)
        for row in connection.execute(f"SELECT {_columns(connection)} FROM {HISTORY_TABLE} ORDER BY id")
    )


def drop(connection: Connection) -> None:
    """Take the table away, and the history with it."""
    connection.execute(f"DROP TABLE IF EXISTS main.{HISTORY_TABLE}")


def newest(connection: Connection) -> HistoryRow | None:
    """The last row: what the database is. One small read."""
    if not exists(connection):
        return None
    row = connection.execute(f"SELECT {_columns(connection)} FROM {HISTORY_TABLE} ORDER BY id DESC LIMIT 1").fetchone()
    return HistoryRow(*row) if row else None


def generations(connection: Connection) -> frozenset[str]:
    """The names of all generations that the history knows. Raises sqlite3.Error where there is none."""
    return frozenset(name for (name,) in connection.execute(f"SELECT generation FROM {HISTORY_TABLE}"))


def append(connection: Connection, row: HistoryRow) -> int:
    """Write a row and return its id."""
    marks = ", ".join("?" * (len(_COLUMNS) - 1))
    names = ", ".join(_COLUMNS[1:])
    cursor = connection.execute(f"INSERT INTO {HISTORY_TABLE} ({names}) VALUES ({marks})", astuple(row)[1:])
    return int(cursor.lastrowid or 0)


def replace(connection: Connection, rows: Iterable[HistoryRow]) -> None:
    """Make these the whole history: on a rollback, what the other file knows is carried over."""
    create(connection)
    connection.execute(f"DELETE FROM {HISTORY_TABLE}")
    marks = ", ".join("?" * len(_COLUMNS))
    connection.executemany(f"INSERT INTO {HISTORY_TABLE} ({_LIST}) VALUES ({marks})", map(astuple, rows))


def mark(connection: Connection, id: int, fingerprint: str) -> None:
    """Note what the file of a row is, after something was done to it."""
    connection.execute(f"UPDATE {HISTORY_TABLE} SET fingerprint = ? WHERE id = ?", (fingerprint, id))


def finish(connection: Connection, row: HistoryRow) -> None:
    """Note how long it took and how it went, which is known only when it is over."""
    connection.execute(
        f"UPDATE {HISTORY_TABLE} SET duration_ms = ?, pause_ms = ?, plan = ? WHERE id = ?",
        (row.duration_ms, row.pause_ms, row.plan, row.id),
    )
