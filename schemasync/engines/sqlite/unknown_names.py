"""Finds functions, collations and modules that a database uses and this process does not know.

An application registers them on its own connections (`connection_created`, `sqlite3_load_extension`). If the
connections of schemasync lack them, SQLite still reads the schema, copies pages, and renames; it refuses to create
objects that use them, and to run those. Databases in memory, in which a plan is tested without rows, get stand-ins for
the names, so that a plan is refused only for what it would really have to create or fill.

SQLite has no call that lists the names which a schema needs. Its error messages name them one at a time.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from ...schema import lexer
from ...schema.model import Sql
from ...schema.names import fold, quote
from .connection import Connection, Opener
from .objects import Object, is_virtual

_FUNCTION = re.compile(r"(?:no such function: |unknown function: )(.+?)(?:\(\))?$")
_COLLATION = re.compile(r"no such collation sequence: (.+)$")
_MODULE = re.compile(r"no such module: (.+)$")
MOST_NAMES = 1000  # more than any schema uses, so that a repeated message does not loop for ever


@dataclass(frozen=True, slots=True)
class Unknown:
    """Names that a schema uses and this process does not know, folded."""

    functions: frozenset[str] = frozenset()
    collations: frozenset[str] = frozenset()
    modules: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.functions or self.collations or self.modules)

    def __or__(self, other: Unknown) -> Unknown:
        return Unknown(
            self.functions | other.functions, self.collations | other.collations, self.modules | other.modules
        )

    def __contains__(self, name: Unknown) -> bool:
        return self | name == self

    def __str__(self) -> str:
        kinds = (("function", self.functions), ("collation", self.collations), ("module", self.modules))
        return ", ".join(f"{kind} {name}" for kind, names in kinds for name in sorted(names))


def named_in(error: str) -> Unknown:
    """The name that SQLite's message reports as unknown; nothing for any other message."""
    found = []
    for pattern in (_FUNCTION, _COLLATION, _MODULE):
        match = pattern.search(error)
        found.append(frozenset({fold(match[1])}) if match else frozenset())
    return Unknown(*found)


def is_unknown_name(error: str) -> bool:
    """True for "no such function" and "no such collation sequence", which ALTER TABLE does not check, and for what
    SQLite 3.37 reports instead of the latter, if a WITHOUT ROWID table is stored by a key with such a collation."""
    name = named_in(error)
    return bool(name.functions or name.collations) or error == "no query solution"


def is_readable(connection: Connection, table: str, schema: str = "main") -> bool:
    """False for a table that this connection cannot scan: a WITHOUT ROWID table whose primary key has an unknown
    collation. SQLite 3.40 and 3.54 then report "no query solution"."""
    return not error_of(connection, f"EXPLAIN SELECT * FROM {schema}.{quote(table)}")


def hint_for(error: str) -> str:
    """The hint for a name that SQLite does not know; '' for any other message."""
    name = named_in(error)
    if not name:
        return ""
    how = 'SCHEMASYNC["EXTENSIONS"]' if name.modules else 'SCHEMASYNC["CONNECT"]'
    return (
        f"This process does not know the {name}. Receivers of connection_created run on its connections too; "
        f"name what is registered elsewhere in {how}."
    )


def with_stand_ins(opener: Opener, unknown: Unknown) -> Opener:
    """An opener whose databases in memory know these functions and collations by name. For schemas without rows,
    because a stand-in for a function returns NULL."""

    def register(connection: Connection) -> None:
        opener.register(connection)
        for name in unknown.functions:
            connection.create_function(name, -1, _null, deterministic=True)
        for name in unknown.collations:
            connection.create_collation(name, _compare)

    return replace(opener, register=register) if unknown else opener


def _null(*arguments: Any) -> None:
    return None


def _compare(one: str, other: str) -> int:
    return (one > other) - (one < other)


# --- which names ------------------------------------------------------------------------------------------------


def names_used(found: Iterable[Object], opener: Opener) -> Unknown:
    """The names that these objects (all of a database except shadow tables) use and the opener's connections do not
    know."""
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
    """Statements that together compile all of a table's or view's definition, and its triggers."""
    target = quote(item.name)
    try:
        rows = connection.execute("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0", (item.name,)).fetchall()
    except sqlite3.Error:  # a view that does not compile: SELECT reports why
        rows = []
    columns = [quote(name) for (name,) in rows]
    yield f"SELECT * FROM {target}" + (f" ORDER BY {', '.join(columns)}" if columns else "")
    yield f"INSERT INTO {target} DEFAULT VALUES"
    if columns:
        yield f"UPDATE {target} SET {', '.join(f'{name} = NULL' for name in columns)}"
    yield f"DELETE FROM {target}"


def error_of(connection: Connection, sql: str) -> str:
    """'' or SQLite's error."""
    try:
        connection.execute(sql)
    except sqlite3.Error as error:
        return str(error)
    return ""


def module_of(virtual: Sql) -> str:
    """The folded name of a virtual table's module, from the text after USING."""
    return fold(lexer.tokens(virtual.text)[0].value)
