"""Lets a transaction write the rows of sqlite_schema.

https://www.sqlite.org/pragma.html#pragma_writable_schema
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from .connection import Connection, schema_version


@contextmanager
def writable_schema(connection: Connection) -> Iterator[None]:
    """Allow writes to sqlite_schema within the block, in the caller's transaction. All connections to the file read its
    schema again afterwards, as does this one, also if the block raises."""
    version = schema_version(connection)
    connection.execute("PRAGMA writable_schema=ON")
    try:
        yield
        connection.execute(f"PRAGMA main.schema_version={version + 1}")
    finally:
        connection.execute("PRAGMA writable_schema=RESET")


def can_write_schema(connection: Connection) -> bool:
    """Return False if the connection is defensive (SQLITE_DBCONFIG_DEFENSIVE): the pragma has no effect then."""
    connection.execute("PRAGMA writable_schema=ON")
    try:
        connection.execute("EXPLAIN DELETE FROM main.sqlite_schema WHERE 0")
    except sqlite3.OperationalError as error:
        if "may not be modified" not in str(error):
            raise
        return False
    finally:
        connection.execute("PRAGMA writable_schema=OFF")
    return True
