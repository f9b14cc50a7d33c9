"""Finds tables of a virtual table that its module does not report to SQLite as shadow tables.

The module vec0 of sqlite-vec 0.1.9 reports all of its tables except those with the vectors, which would count as tables
of the user. So the module creates the virtual table once more on trial, without rows, in the temporary database of the
connection. https://www.sqlite.org/vtab.html#the_xshadowname_method
"""

from __future__ import annotations

import sqlite3

from ...schema.create import read_virtual
from ...schema.names import fold, quote
from .connection import Connection

_SAVEPOINT = "_schemasync_unmarked"
MOST = 1000  # cached definitions
_found: dict[tuple[str, str], frozenset[str]] = {}  # by name and definition: most schemas are read many times


def unmarked_shadow_tables(connection: Connection) -> frozenset[str]:
    """Return the folded names of these tables, if this connection knows the module."""
    rows = connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'").fetchall()
    plain = {fold(name) for name, kind in rows if kind == "table"}
    owners = [name for name, kind in rows if kind == "virtual" and any(t.startswith(f"{fold(name)}_") for t in plain)]
    return frozenset().union(*(_made_with(connection, name) for name in owners)) & plain


def mistaken_shadow_tables(connection: Connection) -> frozenset[str]:
    """Return the folded names of the user's tables that SQLite reports as shadow tables by their name alone: a
    full-text index with `content=` makes no table `…_content`, but SQLite counts one of that name."""
    rows = connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'").fetchall()
    virtual = {fold(name): name for name, kind in rows if kind == "virtual"}
    found = set[str]()
    for name, kind in rows:
        owner = virtual.get(fold(name).removesuffix("_content"))
        if kind == "shadow" and owner is not None and (made := _made_with(connection, owner)):
            found |= {fold(name)} - made
    return frozenset(found)


def _made_with(connection: Connection, name: str) -> frozenset[str]:
    query = "SELECT sql FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
    (sql,) = connection.execute(query, (name,)).fetchone()
    if (name, sql) not in _found:
        try:
            made = _created(connection, f"temp.{quote(name)} USING {read_virtual(sql).text}")
        except sqlite3.Error:  # the module is unknown, or needs to see the other tables
            return frozenset()
        if len(_found) >= MOST:
            _found.clear()
        _found[name, sql] = made
    return _found[name, sql]


def _created(connection: Connection, definition: str) -> frozenset[str]:
    """Return the folded names of all tables that a virtual table creates; they are dropped again. Raises SQLite's
    errors."""
    (before,) = connection.execute("PRAGMA query_only").fetchone()
    connection.execute("PRAGMA query_only=OFF")
    connection.execute(f"SAVEPOINT {_SAVEPOINT}")
    try:
        connection.execute(f"CREATE VIRTUAL TABLE {definition}")
        rows = connection.execute("SELECT name FROM temp.sqlite_schema WHERE type = 'table'").fetchall()
    finally:
        connection.execute(f"ROLLBACK TO {_SAVEPOINT}")
        connection.execute(f"RELEASE {_SAVEPOINT}")
        connection.execute(f"PRAGMA query_only={before}")
    return frozenset(fold(table) for (table,) in rows if not table.startswith("sqlite_"))
