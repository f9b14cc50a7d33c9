"""Statements that somebody else wrote, run one after the other."""

from __future__ import annotations

from collections.abc import Iterable

from .connection import Connection


def run(connection: Connection, statements: Iterable[str]) -> None:
    """Run statements, each of which may be a comment only. Raises sqlite3.Error."""
    for statement in statements:
        connection.execute(statement)
