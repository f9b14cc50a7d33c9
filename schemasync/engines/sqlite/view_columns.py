"""The columns of views, as SQLite itself sees them."""

from __future__ import annotations

from collections.abc import Mapping

from ...schema.model import Schema
from ...schema.names import fold
from .connection import Opener
from .validate import build


def view_columns(schema: Schema, opener: Opener) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Map the folded name of each view to (name, declared type) of its columns; the type of an expression is empty.

    Builds the schema in memory. Raises sqlite3.Error if SQLite refuses it.
    """
    if not schema.views:
        return {}
    connection = opener.memory()
    try:
        build(connection, schema)
        query = "SELECT name, type FROM pragma_table_xinfo(?) ORDER BY cid"
        return {fold(view.name): tuple(connection.execute(query, (view.name,)).fetchall()) for view in schema.views}
    finally:
        connection.close()
