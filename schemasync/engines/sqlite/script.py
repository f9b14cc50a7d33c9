"""Runs statements that somebody else wrote, one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from .connection import Connection


def run(connection: Connection, statements: Iterable[str]) -> None:
    """Run statements, each of which may be only a comment. Raises sqlite3.Error."""
    for statement in statements:
        connection.execute(statement)
