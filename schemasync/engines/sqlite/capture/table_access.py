"""Records which tables the statements of a connection read or write, as SQLite's authorizer reports it.

SQLite asks the authorizer about each table and column when it compiles a statement: also for views, triggers, actions
of foreign keys, and the statements that modules of virtual tables prepare. https://www.sqlite.org/c3ref/set_authorizer.html
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ....schema.names import fold

_FIRST = {
    sqlite3.SQLITE_READ,
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
    sqlite3.SQLITE_DROP_TABLE,
    sqlite3.SQLITE_ANALYZE,
}  # actions that name a table in their first argument
_SECOND = {
    sqlite3.SQLITE_CREATE_INDEX,
    sqlite3.SQLITE_DROP_INDEX,
    sqlite3.SQLITE_CREATE_TRIGGER,
    sqlite3.SQLITE_DROP_TRIGGER,
    sqlite3.SQLITE_ALTER_TABLE,
}  # actions that name it in their second one
_DENIED = {
    sqlite3.SQLITE_ATTACH,  # another file; VACUUM attaches one, too
    sqlite3.SQLITE_DETACH,
    sqlite3.SQLITE_CREATE_VTABLE,  # its shadow tables have no log
    sqlite3.SQLITE_DROP_VTABLE,
}
_DENIED_PRAGMAS = {"application_id", "journal_mode", "user_version", "writable_schema"}  # if they set a value


@dataclass(slots=True)
class TableAccess:
    """Folded names of the `tables` that were read or written, or whose schema was changed. `is_denied`: True if a
    statement was denied, because its effect cannot be limited to tables."""

    tables: set[str] = field(default_factory=set)
    is_denied: bool = False

    def __call__(self, action: int, first: str | None, second: str | None, schema: str | None, by: str | None) -> int:
        """Answer the authorizer."""
        if action in _DENIED or (action == sqlite3.SQLITE_PRAGMA and second and fold(first or "") in _DENIED_PRAGMAS):
            self.is_denied = True
            return sqlite3.SQLITE_DENY
        name = first if action in _FIRST else second if action in _SECOND else None
        if name and schema != "temp":
            self.tables.add(fold(name))
        return sqlite3.SQLITE_OK


@contextmanager
def recorded(connection: sqlite3.Connection) -> Iterator[TableAccess]:
    """Record the effect of the statements in the block. Replaces an authorizer of the connection."""
    access = TableAccess()
    connection.set_authorizer(access)
    try:
        yield access
    finally:
        connection.set_authorizer(None)
