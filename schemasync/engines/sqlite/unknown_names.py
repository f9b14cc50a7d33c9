"""Finds functions, collations and modules that a database uses and this process does not know.

An application registers them on its own connections (`connection_created`, `sqlite3_load_extension`). If the
connections of schemasync lack them, SQLite still reads the schema, copies pages, and renames; it refuses to create
objects that use them, and to run those. Databases in memory, in which a plan is tested without rows, get stand-ins for
the names, so that a plan is refused only for what it would really have to create or fill.

SQLite has no call that lists the names which a schema needs. Its error messages name them one at a time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from ...schema import lexer
from ...schema.model import Sql
from ...schema.names import fold, quote
from .connection import Connection, Opener
from .name_errors import NO_NAME, Unknown, named_in
from .objects import Object, is_virtual

MOST_NAMES = 1000  # more than any schema uses, so that a repeated message does not loop for ever


def is_readable(connection: Connection, table: str, schema: str = "main") -> bool:
    """Return False for a table that this connection cannot scan: a WITHOUT ROWID table whose primary key has an unknown
    collation. SQLite 3.40 and 3.54 then report "no query solution"."""
    return not error_of(connection, f"EXPLAIN SELECT * FROM {schema}.{quote(table)}")


def with_stand_ins(opener: Opener, unknown: Unknown) -> Opener:
    """Return an opener whose databases in memory know these functions and collations by name. Only for schemas without
    rows, because a stand-in for a function returns NULL."""

    def register(connection: Connection) -> None:
        opener.register(connection)
        _register(connection, unknown)

    return replace(opener, register=register) if unknown else opener


def _register(connection: Connection, unknown: Unknown) -> None:
    for name in unknown.functions:
        connection.create_function(name, -1, _null, deterministic=True)
    for name in unknown.collations:
        connection.create_collation(name, _compare)


def run_with_stand_ins(connection: Connection, query: str) -> list[Any]:
    """Return the rows of a query whose result does not depend on the unknown functions and collations: a count, or a
    check of pages. The connection has stand-ins only while it runs."""
    unknown = Unknown()
    while True:
        try:
            with _stand_ins(connection, unknown):
                return connection.execute(query).fetchall()
        except sqlite3.OperationalError as error:
            new = unknown_collations(connection) if str(error) == NO_NAME else named_in(str(error))
            if new in unknown or new.modules:
                raise
            unknown |= new


@contextmanager
def stand_in_collations(connection: Connection) -> Iterator[None]:
    """A block with stand-ins for the unknown collations of all indexes, only for renames: ALTER TABLE looks up the
    collation of each index in the file, and compares nothing. They are found beforehand, because in a file without a
    journal a statement that fails cannot be undone."""
    with _stand_ins(connection, unknown_collations(connection)):
        yield


def unknown_collations(connection: Connection) -> Unknown:
    """The collations of indexes and keys that the connection does not know."""
    used = connection.execute(
        "SELECT DISTINCT c.coll"
        " FROM pragma_table_list AS t, pragma_index_list(t.name) AS i, pragma_index_xinfo(i.name) AS c"
        " WHERE t.schema = 'main' AND c.coll IS NOT NULL"
    ).fetchall()
    found = Unknown()
    for (name,) in used:
        found |= named_in(error_of(connection, f"SELECT '' < '' COLLATE {quote(name)}"))
    return found


@contextmanager
def _stand_ins(connection: Connection, unknown: Unknown) -> Iterator[None]:
    _register(connection, unknown)
    try:
        yield
    finally:
        for name in unknown.functions:
            # create_function(name, -1, None) registers None instead (Python 3.11 to 3.13, against its manual)
            connection.create_window_function(name, -1, None)
        for name in unknown.collations:
            connection.create_collation(name, None)


def _null(*arguments: Any) -> None:
    return None


def _compare(one: str, other: str) -> int:
    return (one > other) - (one < other)


# --- which names ------------------------------------------------------------------------------------------------


def names_used(found: Iterable[Object], opener: Opener) -> Unknown:
    """Return the names that these objects (all of a database except shadow tables) use and the opener's connections do
    not know."""
    unknown, items = Unknown(), tuple(found)
    for _ in range(MOST_NAMES):
        new = Unknown()
        with closing(with_stand_ins(opener, unknown).memory()) as connection:
            for error in _errors(connection, items):
                new |= named_in(error)
        if new in unknown:
            break
        unknown |= new
    return unknown


def _errors(connection: Connection, items: Iterable[Object]) -> Iterator[str]:
    """SQLite's error for each object that it does not accept, or that does not compile."""
    made = []
    for item in items:
        if error := error_of(connection, item.sql):
            yield error
        else:
            made.append(item)
    for item in made:
        if item.type in ("table", "view") and not is_virtual(item):
            for statement in _uses(connection, item):
                if error := error_of(connection, f"EXPLAIN {statement}"):
                    yield error


def _uses(connection: Connection, item: Object) -> Iterator[str]:
    """Return statements that together compile the whole definition of a table or view, and its triggers."""
    target = quote(item.name)
    try:
        rows = connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", (item.name,)).fetchall()
    except sqlite3.Error:  # a view that does not compile: SELECT reports the reason
        rows = []
    columns = [quote(name) for (name,) in rows]
    yield f"SELECT * FROM {target}" + (f" ORDER BY {', '.join(columns)}" if columns else "")
    yield f"INSERT INTO {target} DEFAULT VALUES"
    if columns:
        yield f"UPDATE {target} SET {', '.join(f'{name} = NULL' for name in columns)}"
    yield f"DELETE FROM {target}"


def error_of(connection: Connection, sql: str) -> str:
    """Return SQLite's error for a statement; '' without an error."""
    try:
        connection.execute(sql)
    except sqlite3.Error as error:
        return str(error)
    return ""


def module_of(virtual: Sql) -> str:
    """The folded name of a virtual table's module, from the text after USING."""
    return fold(lexer.tokens(virtual.text)[0].value)
