"""The objects of a database as SQLite lists them: our own, and the fingerprint of all others."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ...history.row import HISTORY_TABLE
from ...schema.names import fold, quote
from ...schema.text import dumps
from .connection import Connection
from .unmarked import mistaken_shadow_tables, unmarked_shadow_tables

OWN_PREFIX = "_schemasync_"
MESSAGE = "schemasync: superseded, open the database again"  # the name of a table: the error for a stale writer
MOVED_MESSAGE = "schemasync: this database has moved to "  # beginning of the name if no other file is live
LITESTREAM_PREFIX = "_litestream_"  # of the two tables that Litestream adds to each file that it replicates

_HIDDEN = (HISTORY_TABLE, OWN_PREFIX, MESSAGE, "sqlite_", LITESTREAM_PREFIX)  # beginning of the names of hidden objects


@dataclass(frozen=True, slots=True)
class Object:
    """A row of sqlite_schema that has SQL."""

    type: str
    name: str
    table: str
    sql: str

    @property
    def key(self) -> tuple[str, str]:
        """(type, folded name), which identifies the object."""
        return self.type, fold(self.name)

    @property
    def named(self) -> tuple[str, str]:
        """(type, name in its spelling), for messages."""
        return self.type, self.name


def has_table(connection: Connection, name: str) -> bool:
    """True if the file has an ordinary or virtual table of exactly this name, including its case."""
    query = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def is_own(name: str) -> bool:
    """True for our own objects in a database."""
    return fold(name) == HISTORY_TABLE or is_temporary(name)


def is_temporary(name: str) -> bool:
    """True for our temporary objects: all except the history, which moves from file to file."""
    return fold(name).startswith(OWN_PREFIX) or name == MESSAGE


def is_internal(name: str) -> bool:
    """Return True for the tables and indexes that SQLite itself makes, and for those of Litestream. Checked here, and
    not by LIKE or lower() in SQL, because an application may register functions of those names.
    https://www.sqlite.org/fileformat2.html#internal_schema_objects"""
    return fold(name).startswith(("sqlite_", LITESTREAM_PREFIX))


def has_temporary(connection: Connection) -> bool:
    """True if the file has a temporary object of ours: a fence, a mark, a change log."""
    found = connection.execute(f"SELECT 1 FROM main.sqlite_schema WHERE {TEMPORARY} OR name = '{MESSAGE}' LIMIT 1")
    return found.fetchone() is not None


def objects(connection: Connection, schema: str = "main") -> tuple[Object, ...]:
    """Every object with SQL, except our own and SQLite's internal ones, in order of type and name."""
    return _shown(_rows(connection, schema))


_Row = tuple[Any, Any, Any, Any]  # type, name, tbl_name, sql: text, or bytes within `as_bytes`


def _rows(connection: Connection, schema: str) -> Iterable[_Row]:
    return connection.execute(
        f"SELECT type, name, tbl_name, sql FROM {schema}.sqlite_schema WHERE sql IS NOT NULL AND NOT {TEMPORARY}"
    )


def _shown(rows: Iterable[_Row]) -> tuple[Object, ...]:
    found = [
        Object(kind, name, table, sql)
        for kind, name, table, sql in rows
        if not _is_hidden(name) and (table == name or not _is_hidden(table))
    ]
    return tuple(sorted(found, key=lambda o: (o.type, o.name)))


# For hundreds of objects, without a call for each: a change log has four triggers for each table. The character after _
# is `; LIKE, GLOB and substr may be the application's.
TEMPORARY = f"(name >= '{OWN_PREFIX}' AND name < '{OWN_PREFIX[:-1]}`')"
_NOT_INTERNAL = (
    "NOT (name >= 'sqlite_' AND name < 'sqlite`')"
    f" AND NOT (name >= '{LITESTREAM_PREFIX}' AND name < '{LITESTREAM_PREFIX[:-1]}`')"
)


def schema_text(connection: Connection, schema: str = "main") -> tuple[tuple[bytes, ...], ...]:
    """Return the stored (type, name, tbl_name, sql) of every object with SQL except SQLite's internal ones, for a quick
    check whether anything has changed."""
    query = f"SELECT type, name, tbl_name, sql FROM {schema}.sqlite_schema WHERE sql IS NOT NULL AND {_NOT_INTERNAL}"
    with as_bytes(connection):
        return tuple(connection.execute(query).fetchall())


def _is_hidden(name: str) -> bool:
    """Return True for our own objects and SQLite's internal ones. A run calls this some fifty times for each object."""
    return fold(name).startswith(_HIDDEN) and (is_own(name) or is_internal(name))


def fingerprint(connection: Connection, schema: str = "main") -> str:
    """SHA-256 over (type, name, tbl_name, sql) of all objects except our own."""
    with as_bytes(connection):
        return _digest_of_rows(tuple(_rows(connection, schema)))


@lru_cache(maxsize=16)
def _digest_of_rows(rows: tuple[tuple[bytes, ...], ...]) -> str:
    """Return the digest of these rows, cached: a process that checks thousands of tenants meets few schemas."""
    decoded = ([text.decode(errors="replace") for text in row] for row in rows)
    return digest_of(_shown((kind, name, table, sql) for kind, name, table, sql in decoded))


@contextmanager
def as_bytes(connection: Connection) -> Iterator[None]:
    """A block in which the connection returns text as the stored bytes. Decoding takes longer than reading."""
    decoded, connection.text_factory = connection.text_factory, bytes
    try:
        yield
    finally:
        connection.text_factory = decoded


def digest_of(found: Iterable[Object]) -> str:
    """Return the fingerprint of a database with these objects."""
    rows = [[o.type, o.name, o.table, o.sql] for o in found]
    return hashlib.sha256(dumps(rows).encode()).hexdigest()


def shadow_tables(connection: Connection) -> frozenset[str]:
    """Return the folded names of the shadow tables, in which virtual tables keep their content.

    SQLite marks those of the modules that it knows (https://www.sqlite.org/vtab.html#the_xshadowname_method); for
    unmarked ones, the module creates a virtual table on trial. If this connection lacks the module, each table counts
    whose name begins with that of the virtual table.
    """
    if not has_virtual_tables(connection):
        return frozenset()
    return known_shadow_tables(connection) | _shadows_of_unknown_modules(connection)


def owners_of_shadows(connection: Connection) -> dict[str, str]:
    """Map each shadow table to its virtual table, as folded names: f_more_data belongs to f_more, and not to f."""
    rows = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'virtual'")
    virtual = sorted((fold(name) for (name,) in rows), key=len, reverse=True)
    found = (
        (name, next((one for one in virtual if name.startswith(f"{one}_")), "")) for name in shadow_tables(connection)
    )
    return {name: owner for name, owner in found if owner}


def has_virtual_tables(connection: Connection) -> bool:
    """Return True if the file has a virtual table: a quick check that saves slower ones."""
    query = "SELECT 1 FROM main.sqlite_schema WHERE type = 'table' AND rootpage = 0 LIMIT 1"
    return connection.execute(query).fetchone() is not None


def known_shadow_tables(connection: Connection) -> frozenset[str]:
    """Folded names of the shadow tables of modules that this connection knows."""
    rows = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")
    marked = frozenset(fold(name) for (name,) in rows)
    if any(name.endswith("_content") for name in marked):
        marked -= mistaken_shadow_tables(connection)
    return marked | unmarked_shadow_tables(connection)


def lacks_its_module(connection: Connection, name: str) -> bool:
    """True for a virtual table whose module this connection does not know."""
    try:
        connection.execute(f"EXPLAIN SELECT 1 FROM main.{quote(name)}")
    except sqlite3.Error as error:
        return "no such module" in str(error)
    return False


def _shadows_of_unknown_modules(connection: Connection) -> frozenset[str]:
    rows = connection.execute("SELECT name, type FROM pragma_table_list WHERE schema = 'main'").fetchall()
    owners = tuple(f"{fold(name)}_" for name, kind in rows if kind == "virtual" and lacks_its_module(connection, name))
    return frozenset(fold(name) for name, kind in rows if kind == "table" and fold(name).startswith(owners) and owners)


def is_virtual(item: Object) -> bool:
    """True for a virtual table."""
    return fold(item.sql[:14]) == "create virtual"


def has_table_of_its_own(connection: Connection, name: str) -> bool:
    """Return True if the file has a table of that name, in any case, that is neither a view nor a part of a virtual
    table."""
    query = "SELECT type FROM pragma_table_list(?) WHERE schema = 'main' AND type <> 'view'"
    if is_own(name) or is_internal(name) or (found := connection.execute(query, (name,)).fetchone()) is None:
        return False
    return found[0] != "shadow" or fold(name) not in known_shadow_tables(connection)


def has_table_or_view(connection: Connection, name: str) -> bool:
    """True if the file has a table or a view of that name, whatever its case."""
    query = "SELECT 1 FROM pragma_table_list(?) WHERE schema = 'main'"
    return connection.execute(query, (name,)).fetchone() is not None
