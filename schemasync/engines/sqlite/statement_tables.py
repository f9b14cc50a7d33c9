"""Finds the tables that a statement uses, with SQLite: https://www.sqlite.org/c3ref/set_authorizer.html"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from .connection import Connection, Opener

_WRITES = (sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE)


@dataclass(slots=True)
class _Named:
    """Collects the tables that a statement itself names, without those in triggers and views, in the order in which
    SQLite compiles them."""

    written: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)

    def __call__(self, action: int, first: str | None, _second: str | None, _schema: str | None, by: str | None) -> int:
        if first is not None and by is None:
            if action in _WRITES:
                self.written.append(first)
            elif action == sqlite3.SQLITE_READ:
                self.read.append(first)
        return sqlite3.SQLITE_OK


@dataclass(frozen=True, slots=True)
class About:
    """The table that a statement writes to, or else those that it reads; empty if it does not compile."""

    tables: tuple[str, ...]
    is_write: bool


def about(opener: Opener, path: Path, statements: Iterable[str]) -> dict[str, About]:
    """Return the tables that each statement writes or reads. No statement is run."""
    with closing(opener.read(path)) as connection:
        return {sql: _about(connection, sql) for sql in statements}


def _about(connection: Connection, sql: str) -> About:
    named = _Named()
    connection.set_authorizer(named)
    try:
        with suppress(sqlite3.Error):  # it has parameters, whose values are missing only after it was compiled
            connection.execute(f"EXPLAIN {sql}").fetchone()
    finally:
        connection.set_authorizer(None)
    if named.written:
        return About((named.written[0],), True)
    return About(tuple(dict.fromkeys(named.read)), False)
