"""Finds the tables that a view or trigger uses, which SQLite reports while it compiles them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ...schema.model import Schema, Table, View
from ...schema.names import fold, quote
from .connection import Connection
from .validate import compile_triggers

_USES = {sqlite3.SQLITE_READ, sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE}

Seen = set[tuple[str, str]]
"""(folded name of a table or view, folded name of the view or trigger that uses it; '' if unknown)."""


@dataclass(frozen=True, slots=True)
class DependencyReader:
    """A view, or a trigger `on` a table or view; `uses` are folded names of tables and views that it refers to.

    `error`: SQLite's error for one that does not compile; then `uses` is empty. For a trigger, SQLite does not say
    which one of a table it is, so `name` is empty.
    """

    type: str
    name: str
    on: str
    uses: frozenset[str]
    error: str = ""


def readers(connection: Connection, schema: Schema) -> tuple[DependencyReader, ...]:
    """All views and triggers of the database. They are compiled, not run."""
    triggers = (one for owner in schema.owners if owner.triggers for one in _triggers(connection, owner))
    return (*(_view(connection, view.name) for view in schema.views), *triggers)


def _view(connection: Connection, name: str) -> DependencyReader:
    try:
        with _watched(connection) as seen:
            connection.execute(f"EXPLAIN SELECT * FROM {quote(name)}")
    except sqlite3.Error as error:
        return DependencyReader("view", name, name, frozenset(), str(error))
    # the user of a table: the view that it belongs to, or SQLite itself, which gives no name for a table of a join
    return DependencyReader("view", name, name, frozenset(table for table, _ in seen) - {fold(name)})


def _triggers(connection: Connection, owner: Table | View) -> Iterable[DependencyReader]:
    with _watched(connection) as seen:
        error = compile_triggers(connection, owner.name)
    if error and isinstance(owner, Table):  # already reported for a view
        yield DependencyReader("trigger", "", owner.name, frozenset(), error)
    for trigger in owner.triggers:
        # reads of its own row are reported as reads of its own table
        uses = {table for table, by in seen if by == fold(trigger.name)} - {fold(owner.name)}
        yield DependencyReader("trigger", trigger.name, owner.name, frozenset(uses))


@contextmanager
def _watched(connection: Connection) -> Iterator[Seen]:
    """Record each table access that SQLite's authorizer reports while compiling.
    https://www.sqlite.org/c3ref/set_authorizer.html"""
    seen: Seen = set()

    def ask(action: int, table: str | None, _column: str | None, _schema: str | None, by: str | None) -> int:
        if action in _USES and table is not None:
            seen.add((fold(table), fold(by or "")))
        return sqlite3.SQLITE_OK

    connection.set_authorizer(ask)
    try:
        yield seen
    finally:
        connection.set_authorizer(None)
