"""Removes our temporary objects from a file that nobody else uses."""

from __future__ import annotations

from ...schema.names import quote
from . import fence, triggers
from .connection import Connection
from .fence import MARK_TABLE
from .objects import TEMPORARY, is_temporary


def remove_temporary(connection: Connection) -> None:
    """Remove all our objects except the history, inside the caller's transaction: change log, fence and mark."""
    remove_log_and_fence(connection)
    fence.unmark(connection)


def remove_log_and_fence(connection: Connection) -> None:
    """Remove the change log and the fence, inside the caller's transaction.

    Only for a file under construction, or a copy.
    """
    triggers.delete(connection, TEMPORARY)
    for name in _tables(connection):
        connection.execute(f"DROP TABLE main.{quote(name)}")


def _tables(connection: Connection) -> list[str]:
    """Return the tables of a change log and a fence."""
    rows = connection.execute("SELECT name FROM main.sqlite_schema WHERE type = 'table'").fetchall()
    return [name for (name,) in rows if is_temporary(name) and name != MARK_TABLE]
