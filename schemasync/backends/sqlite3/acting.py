"""Keeps the table of actors in step with `schemasync.actor`, for the transactions of one connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from ...actor import Actor, current_actor, has_actor
from ...engines.sqlite.actor import StatementKind, kind_of, record_actor, remove_actor


class RecordedActor:
    """The actor that a connection has recorded in its open transaction."""

    def __init__(self) -> None:
        self._recorded: Actor | None = None
        self._is_known = True  # False after a rollback to a savepoint, which may restore another actor
        self._is_used = False  # True once the open transaction has recorded an actor

    @property
    def is_idle(self) -> bool:
        """True if nobody acts, and no actor was recorded in this transaction, as before most statements."""
        return not self._is_used and not has_actor()

    def forget(self) -> None:
        """Forget the recorded actor: the transaction has ended, and its changes to the table of actors with it."""
        self._recorded, self._is_known, self._is_used = None, True, False

    def before(self, connection: sqlite3.Connection, sql: str) -> None:
        """Record the actor before a statement that writes, or remove it before one that may commit. Call this before
        each statement of a transaction."""
        match kind_of(sql):
            case StatementKind.WRITE:
                self._record(connection, current_actor())
            case StatementKind.END:
                self.remove(connection)
            case StatementKind.UNDO:
                self._is_known = False
            case StatementKind.OTHER:
                pass

    def remove(self, connection: sqlite3.Connection) -> None:
        """Remove the actor from the table. Call this before a commit."""
        if self._recorded is not None or not self._is_known:
            self._record(connection, None)

    @contextmanager
    def alone(self, connection: sqlite3.Connection, sql: str) -> Iterator[None]:
        """A block with a transaction of a single statement."""
        self.before(connection, sql)
        try:
            yield
        finally:
            if connection.in_transaction:
                self.remove(connection)
            self.forget()

    def _record(self, connection: sqlite3.Connection, wanted: Actor | None) -> None:
        if self._is_known and wanted == self._recorded:
            return
        if wanted is None:
            remove_actor(connection)
        elif not record_actor(connection, wanted.name, wanted.metadata):
            wanted = None
        self._recorded, self._is_known, self._is_used = wanted, True, self._is_used or wanted is not None


class FetchedCursor:
    """A cursor whose rows were read before its transaction ended: SQLite commits nothing while a statement that writes
    still has rows to return."""

    def __init__(self, cursor: Any) -> None:
        self.cursor = cursor
        self._rows: Iterator[Any] = iter(cursor.fetchall())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cursor, name)

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def fetchone(self) -> Any:
        """The next row; None if there is none."""
        return next(self._rows, None)

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next `size` rows, one by default."""
        return list(islice(self._rows, self.cursor.arraysize if size is None else size))

    def fetchall(self) -> list[Any]:
        """The rows that are left."""
        return list(self._rows)


def fetched(cursor: Any) -> Any:
    """Return the cursor, with its rows read if it has any."""
    return FetchedCursor(cursor) if cursor.description is not None else cursor


def unread(cursor: Any) -> Any:
    """Return the cursor itself, for the next statement."""
    return cursor.cursor if isinstance(cursor, FetchedCursor) else cursor


def is_alone(connection: sqlite3.Connection, sql: str) -> bool:
    """Return True for a statement outside of a transaction that writes while an actor is set: it needs a transaction of
    its own."""
    is_outside = connection.isolation_level is None and not connection.in_transaction
    return is_outside and has_actor() and kind_of(sql) is StatementKind.WRITE
