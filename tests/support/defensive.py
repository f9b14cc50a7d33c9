"""Connections on which SQLite forbids edits of the schema."""

from __future__ import annotations

import ctypes
import sqlite3


def defensive(connection: sqlite3.Connection) -> None:
    """Forbid the connection to edit the schema, as some builds of SQLite do from the beginning."""
    handle = ctypes.c_void_p.from_address(id(connection) + object.__basicsize__).value
    library = ctypes.CDLL("libsqlite3.so.0")
    config = library.sqlite3_db_config
    assert config(ctypes.c_void_p(handle), 1010, ctypes.c_int(1), None) == 0  # SQLITE_DBCONFIG_DEFENSIVE
