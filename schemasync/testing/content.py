"""Read a database as a value: the SQL of every object, and every row with its row id and the exact types."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..engines.sqlite.objects import is_own
from ..schema.names import fold, quote

_LEFT_OUT = ("sqlite_stat1", "sqlite_stat4")  # statistics are no content


@dataclass(frozen=True, slots=True)
class Content:
    """The content of a table: column names, and rows as (row id, None if a column shows it; SQL literals)."""

    columns: tuple[str, ...]
    rows: tuple[tuple[int | None, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class Dump:
    """A database as a value. `objects`: type, name, table and SQL. `tables`: by name, including virtual tables and
    sqlite_sequence. `header`: user_version and application_id."""

    objects: tuple[tuple[str, str, str, str | None], ...]
    tables: dict[str, Content]
    header: tuple[object, ...] = ()

    def table(self, name: str) -> Content | None:
        """Return the content of the table of that name, regardless of case; None without one."""
        return next((content for table, content in self.tables.items() if fold(table) == fold(name)), None)

    def without(self, names: Collection[str]) -> Dump:
        """Return a copy without these tables and their indexes and triggers."""
        left_out = set(map(fold, names))
        objects = tuple(row for row in self.objects if fold(row[1]) not in left_out and fold(row[2]) not in left_out)
        tables = {name: content for name, content in self.tables.items() if fold(name) not in left_out}
        return Dump(objects, tables, self.header)


class _Text(bytes):
    """A value of SQLite's type text, as its bytes."""


@contextmanager
def _exact(connection: sqlite3.Connection) -> Iterator[None]:
    before, connection.text_factory = connection.text_factory, _Text
    try:
        yield
    finally:
        connection.text_factory = before


def dump(connection: sqlite3.Connection) -> Dump:
    """Return the whole database, except for the tables of schemasync itself."""
    objects = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    objects = [row for row in objects if not is_own(row[1]) and not is_own(row[2]) and row[1] not in _LEFT_OUT]
    listed = connection.execute("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")
    shadows = {fold(name) for (name,) in listed}
    names = sorted(name for kind, name, _, _ in objects if kind == "table" and fold(name) not in shadows)
    header = [connection.execute(f"PRAGMA {key}").fetchone()[0] for key in ("user_version", "application_id")]
    with _exact(connection):
        tables = {name: _content(connection, name) for name in names}
    # the history's AUTOINCREMENT creates sqlite_sequence in a database that had none
    objects = [row for row in objects if row[1] != "sqlite_sequence"]
    if "sqlite_sequence" in tables and not tables["sqlite_sequence"].rows:
        del tables["sqlite_sequence"]
    return Dump(tuple(sorted(objects, key=str)), tables, tuple(header))


def rows_of(connection: sqlite3.Connection, sql: str) -> list[tuple[str, ...]]:
    """Return the rows of a query, as SQL literals."""
    with _exact(connection):
        return [tuple(map(literal, row)) for row in connection.execute(sql)]


def literal(value: object) -> str:
    """Return a value as an SQL literal, so that 1, 1.0 and '1' differ."""
    match value:
        case None:
            return "NULL"
        case _Text():
            shown = value.decode(errors="replace")
            odd = "\0" in shown or shown.encode() != value
            return f"CAST(x'{value.hex()}' AS TEXT)" if odd else "'" + shown.replace("'", "''") + "'"
        case bytes():
            return f"x'{value.hex()}'"
        case float() if math.isinf(value):
            return "9e999" if value > 0 else "-9e999"
        case _:
            return repr(value)


def _content(connection: sqlite3.Connection, table: str) -> Content:
    found = connection.execute(f"PRAGMA table_xinfo({quote(table)})").fetchall()
    columns = [row[1].decode() for row in found if row[6] != 1]
    rowid = _hidden_rowid(connection, table, {fold(column) for column in columns})
    # by number, as a virtual table may name a column like a function
    chosen = ", ".join(f"{part} AS _{number}" for number, part in enumerate([rowid, *map(quote, columns)]))
    try:
        rows = connection.execute(f"SELECT {chosen} FROM {quote(table)}").fetchall()
    except sqlite3.OperationalError:
        if rowid == "NULL":
            raise
        rows = []  # an FTS4 index with content="" can only be queried by MATCH; one of FTS5 reads NULL
    content = [(row[0], tuple(map(literal, row[1:]))) for row in rows]
    if table == "sqlite_sequence":
        content = [(None, values) for _, values in content if values[0] != "'_schema_versions'"]
    return Content(tuple(columns), tuple(sorted(content, key=lambda row: (row[0] or 0, row[1]))))


def _hidden_rowid(connection: sqlite3.Connection, table: str, taken: Collection[str]) -> str:
    """Return a name for a row id that no column shows, or "NULL" if there is none."""
    for name in ("rowid", "oid", "_rowid_"):
        if name not in taken:
            try:
                connection.execute(f"SELECT {name} FROM {quote(table)} LIMIT 0")
            except sqlite3.OperationalError:
                return "NULL"
            return "NULL" if _is_shown(connection, table) else name
    return "NULL"


def _is_shown(connection: sqlite3.Connection, table: str) -> bool:
    """True if the primary key is the row id: SQLite then has no index for it."""
    keys = [row for row in connection.execute(f"PRAGMA table_info({quote(table)})") if row[5]]
    return bool(keys) and not any(row[3] == b"pk" for row in connection.execute(f"PRAGMA index_list({quote(table)})"))
