"""Runs a statement of the DDL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .statements import Statement

if TYPE_CHECKING:
    from .driver import Connection


def run(connection: Connection, statement: Statement) -> None:
    """Run it, in the caller's transaction if there is one."""
    connection.execute(statement.sql.encode())
