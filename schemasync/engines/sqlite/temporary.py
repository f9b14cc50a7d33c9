"""Removes our temporary objects from a file that nobody else uses."""

from __future__ import annotations

import sqlite3

from ...schema.names import quote
from . import fence
from .connection import Connection, schema_version
from .fence import MARK_TABLE
from .objects import TEMPORARY, is_temporary


def remove_temporary(connection: Connection) -> None:
    """Remove all our objects except the history, inside the caller's transaction: change log, fence and mark."""
    remove_log_and_fence(connection)
    fence.unmark(connection)


def remove_log_and_fence(connection: Connection) -> None:
    """Remove the change log and the fence, inside the caller's transaction.

    Only for a file under construction, or a copy: the triggers, four for each table, are deleted from the schema by one
    statement. Each DROP TRIGGER searches the whole schema, so that together they would take time in proportion to the
    square of the number of tables.
    """
    if any(kind == "trigger" for kind, _ in _temporary(connection)):
        _delete_triggers(connection)
    for kind, name in _temporary(connection):
        connection.execute(f"DROP {kind.upper()} main.{quote(name)}")


def _temporary(connection: Connection) -> list[tuple[str, str]]:
    """(type, name) of the triggers and tables of a change log and a fence, triggers first."""
    rows = connection.execute("SELECT type, name FROM main.sqlite_schema WHERE type IN ('trigger', 'table')")
    return sorted(((kind, name) for kind, name in rows if is_temporary(name) and name != MARK_TABLE), reverse=True)


def _delete_triggers(connection: Connection) -> None:
    """The documented procedure for changes of a schema that leave the content of all tables as it is. Changes nothing
    if SQLite forbids it (SQLITE_DBCONFIG_DEFENSIVE): the caller drops what is left.
    https://www.sqlite.org/lang_altertable.html#otheralter"""
    version = schema_version(connection)
    connection.execute("PRAGMA writable_schema=ON")
    try:
        connection.execute(f"DELETE FROM main.sqlite_schema WHERE type = 'trigger' AND {TEMPORARY}")
        connection.execute(f"PRAGMA main.schema_version={version + 1}")
    except sqlite3.OperationalError as error:
        if "may not be modified" not in str(error):
            raise
    finally:
        connection.execute("PRAGMA writable_schema=RESET")
