"""Finds tables into which triggers copy rows of masked tables, such as an audit log."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator

from ....errors import Code, Problem
from ....masking.rules import Rules
from ....schema.model import Schema
from ....schema.names import fold
from ..connection import Connection
from ..objects import is_own
from ..validate import compile_triggers
from .columns import Masking
from .virtual import Content, Virtual

_WITH_TEXT = {Content.MASKED, Content.REBUILT}
_WRITES = {sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE}


def undecided(
    connection: Connection, schema: Schema, virtual: Iterable[Virtual], rules: Rules, masking: Masking
) -> Iterator[Problem]:
    """Return a problem for each table that triggers of a masked table write and that the rules do not name. For a
    full-text table, these are the triggers on the tables that hold its content."""
    tables = [one.name for one in schema.tables if one.virtual is None and one.triggers and masking.of(one.name)]
    tables += [shadow for one in virtual if one.content in _WITH_TEXT for shadow in one.shadows]
    for table in tables:
        for written in sorted(_written(connection, table) - {fold(table)}):
            other = schema.table(written)
            if other is None or other.virtual is not None or rules.names(other.name) or masking.of(other.name):
                continue
            yield Problem(
                Code.BAD_MASK,
                f'a trigger of "{table}" writes to "{other.name}", of which the rules say nothing: '
                "it may have the values that are masked",
                f'Name its columns, or leave it empty: "{other.name}": "empty"; or keep it: "{other.name}": "keep"',
                {"table": other.name},
            )


def _written(connection: Connection, table: str) -> set[str]:
    """Return folded names of the tables that triggers insert into or update, as SQLite reports while compiling them."""
    found: set[str] = set()

    def ask(action: int, name: str | None, _column: str | None, _schema: str | None, by: str | None) -> int:
        if action in _WRITES and name is not None and by is not None and not is_own(name):
            found.add(fold(name))
        return sqlite3.SQLITE_OK

    connection.set_authorizer(ask)
    try:
        compile_triggers(connection, table)
    finally:
        connection.set_authorizer(None)
    return found
