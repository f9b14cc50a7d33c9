"""Names of objects in the schema that a move fills: the first one of the search_path."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...schema.names import quote

if TYPE_CHECKING:
    from .driver import Connection


def schema_name(connection: Connection) -> str:
    """Return the name of the schema."""
    row = connection.execute("SELECT current_schema()").fetchone()
    assert row is not None
    return str(row[0])


def in_schema(schema: str, name: str) -> str:
    """Return a name with its schema, quoted."""
    return f"{quote(schema)}.{quote(name)}"
