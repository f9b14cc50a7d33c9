"""Rows and definitions of a database file, read by Python's sqlite3 alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

Row = tuple[object, ...]
OWN = ("_schema", "sqlite_", "_litestream_")


def content(path: Path, known: dict[str, list[str]] | None = None) -> dict[str, list[Row]]:
    """Return the rows of every ordinary table and every shadow table, with the types of their values. With `known`,
    return only those tables and columns."""
    with closing(_open(path)) as connection:
        columns = _columns(connection) if known is None else known
        return {name: _rows(connection, name, columns[name]) for name in columns}


def columns(path: Path) -> dict[str, list[str]]:
    """Return the columns of every ordinary table."""
    with closing(_open(path)) as connection:
        return _columns(connection)


def definitions(path: Path) -> dict[tuple[str, str], str]:
    """Return the DDL of every object, by type and name."""
    with closing(_open(path)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
        return {(kind.decode(), name.decode()): sql.decode() for kind, name, sql in rows if not _own(name)}


def numbers(path: Path) -> dict[str, object]:
    """Return the numbers of the file format that must stay: application_id, user_version, encoding and so on."""
    with closing(_open(path)) as connection:
        names = ("application_id", "user_version", "encoding", "page_size", "auto_vacuum")
        return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names}


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.text_factory = bytes
    for name in ("unicase", "ICU_ROOT", "PYNOCASE", "icu"):  # a scan needs only the names
        connection.create_collation(name, lambda a, b: (a > b) - (a < b))
    return connection


def _columns(connection: sqlite3.Connection) -> dict[str, list[str]]:
    query = "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
    names = [name.decode() for (name,) in connection.execute(query) if not _own(name)]
    return {name: _columns_of(connection, name) for name in names}


def _columns_of(connection: sqlite3.Connection, table: str) -> list[str]:
    return [row[1].decode() for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")]


def _rows(connection: sqlite3.Connection, table: str, columns: list[str]) -> list[Row]:
    listed = ", ".join(map(_quoted, columns))
    return sorted(connection.execute(f"SELECT {listed} FROM {_quoted(table)}").fetchall(), key=repr)


def _own(name: bytes) -> bool:
    return name.decode().startswith(OWN)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
