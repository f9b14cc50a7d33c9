"""The fence that closes a file to every writer, and the mark of a file under construction.

For each ordinary table, BEFORE triggers read a table that does not exist and whose name is the message: every
write by any program then fails with "no such table: main.schemasync: superseded, ...", an OperationalError. Not
RAISE(ABORT): that is an IntegrityError, which idempotent inserts swallow, and the write would be believed.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...schema.names import quote
from .connection import Connection
from .inspect import OWN_PREFIX

MESSAGE = "schemasync: superseded, open the database again"
FENCE_TABLE = f"{OWN_PREFIX}fence"
MARK_TABLE = f"{OWN_PREFIX}building"


@dataclass(frozen=True, slots=True)
class Fence:
    """The commit record of a swap: `swap` rises over all generations, `successor` is the name that is live next."""

    swap: int
    successor: str
    at: str


def raise_fence(connection: Connection, fence: Fence) -> None:
    """Close the file, inside the caller's transaction; it is closed when that commits."""
    lower_fence(connection)
    for number, table in enumerate(_ordinary_tables(connection)):
        for event in ("INSERT", "UPDATE", "DELETE"):
            name = quote(f"{FENCE_TABLE}_{number}_{event.lower()}")
            connection.execute(
                f"CREATE TRIGGER {name} BEFORE {event} ON {quote(table)} BEGIN SELECT 1 FROM {quote(MESSAGE)}; END"
            )
    connection.execute(f"CREATE TABLE {FENCE_TABLE} (swap INTEGER NOT NULL, successor TEXT NOT NULL, at TEXT NOT NULL)")
    connection.execute(f"INSERT INTO {FENCE_TABLE} VALUES (?, ?, ?)", (fence.swap, fence.successor, fence.at))


def lower_fence(connection: Connection) -> None:
    """Open the file again, inside the caller's transaction."""
    triggers = connection.execute(
        "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND name LIKE ? ESCAPE '\\'",
        (FENCE_TABLE.replace("_", "\\_") + "\\_%",),
    ).fetchall()
    for (name,) in triggers:
        connection.execute(f"DROP TRIGGER {quote(name)}")
    connection.execute(f"DROP TABLE IF EXISTS {FENCE_TABLE}")


def read_fence(connection: Connection) -> Fence | None:
    """The fence of a closed file, None for an open one."""
    if not _has_table(connection, FENCE_TABLE):
        return None
    row = connection.execute(f"SELECT swap, successor, at FROM {FENCE_TABLE} ORDER BY swap DESC LIMIT 1").fetchone()
    return Fence(*row) if row else None


def mark(connection: Connection) -> None:
    """Mark the file as under construction: recovery deletes such files, and only such."""
    connection.execute(f"CREATE TABLE IF NOT EXISTS {MARK_TABLE} (x)")


def unmark(connection: Connection) -> None:
    """Take the mark away: from here on the file is never deleted by recovery."""
    connection.execute(f"DROP TABLE IF EXISTS {MARK_TABLE}")


def is_marked(connection: Connection) -> bool:
    """True for a file under construction."""
    return _has_table(connection, MARK_TABLE)


def _has_table(connection: Connection, name: str) -> bool:
    query = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def _ordinary_tables(connection: Connection) -> list[str]:
    """Tables that can bear triggers: no virtual ones, nor the tables in which those keep their content."""
    rows = connection.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN (?, ?) ORDER BY name",
        (FENCE_TABLE, MARK_TABLE),
    )
    return [name for (name,) in rows]
