"""Validates foreign keys that were added without checking the existing rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...schema.names import quote
from .driver import library

if TYPE_CHECKING:
    from .driver import Connection

_WAITING = (
    "SELECT con.conrelid::regclass::text, con.conname FROM pg_catalog.pg_constraint AS con"
    " WHERE con.contype = 'f' AND NOT con.convalidated AND con.connamespace = current_schema()::regnamespace"
    " ORDER BY 1, 2"
)


def validate(connection: Connection) -> list[str]:
    """Validate these foreign keys while others write; return a sentence for each that rows violate. Such a key is
    checked for new rows only. https://www.postgresql.org/docs/current/sql-altertable.html"""
    psycopg, notes = library(), []
    for table, name in connection.execute(_WAITING).fetchall():
        try:
            connection.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {quote(name)}".encode())
        except psycopg.errors.ForeignKeyViolation as error:
            notes.append(f"The foreign key {name} of {table} holds for new rows alone: {error.diag.message_detail}")
    return notes
