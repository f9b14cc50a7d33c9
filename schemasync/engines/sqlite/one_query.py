"""Runs one query that a person typed: it only reads, and its time, its rows and its values are limited."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import Code, Failed, Refused, UsageError
from .connection import Connection, Opener
from .sqlite_errors import translate
from .time_limit import time_limit

LONGEST = 16 * 1024 * 1024  # bytes of a value or a row

# Actions that a connection for reading could still perform. All others are left to it: virtual tables, including
# json_each, declare themselves by an action that the authorizer sees as CREATE TABLE.
_DENIED = {sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT}
_HARMLESS = {
    "data_version",
    "page_size",
    "table_info",
    "table_xinfo",
    "table_list",
    "index_list",
    "index_info",
    "foreign_key_list",
}
"""PRAGMAs that are allowed. Virtual tables run some of them."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Limits of a query: its `seconds`, and the `rows` of its result."""

    seconds: float = 10.0
    rows: int = 10_000


@dataclass(frozen=True, slots=True)
class Rows:
    """The result of a query: the names of its columns, and its rows."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def run(opener: Opener, path: Path, sql: str, limits: QueryLimits) -> Rows:
    """Run a SELECT on a file that is opened for reading. Raises UsageError for several statements, and for
    one that does more than read; Failed if a limit is reached; Refused if SQLite cannot run it on this file."""
    with closing(opener.read(path)) as connection:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        with _only_reading(connection), time_limit(connection, limits.seconds):
            return _run(connection, path, sql, limits)


def _run(connection: Connection, path: Path, sql: str, limits: QueryLimits) -> Rows:
    try:
        cursor = connection.execute(sql)
        rows = tuple(cursor.fetchmany(limits.rows + 1))
        if cursor.description is None:
            raise UsageError.of(Code.BAD_OPTION, "the query gives no rows: it has to be one SELECT")
    except (sqlite3.Warning, sqlite3.ProgrammingError) as error:
        raise UsageError.of(Code.BAD_OPTION, f"the query has to be one SELECT without parameters: {error}") from error
    except sqlite3.Error as error:
        raise _reported(error, path, limits) from error
    if len(rows) > limits.rows:
        raise Failed.of(
            Code.QUERY_LIMIT,
            f"the query gives more than {limits.rows:,} rows in {path}",
            "Let the query aggregate, or raise --most-rows: the rows of a file are held in memory.",
        )
    return Rows(tuple(name for name, *_ in cursor.description), rows)


def _reported(error: sqlite3.Error, path: Path, limits: QueryLimits) -> Exception:
    match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
        case sqlite3.SQLITE_INTERRUPT:
            message = f"the query took longer than {limits.seconds:g} s on {path}"
            return Failed.of(Code.QUERY_LIMIT, message, "Let it read less, or raise --seconds.")
        case sqlite3.SQLITE_TOOBIG:
            message = f"the query makes a value of more than {LONGEST // 2**20} MB from {path}"
            return Failed.of(Code.QUERY_LIMIT, message, "Let it give a part of the value: substr(…, 1, 1000).")
        case sqlite3.SQLITE_AUTH | sqlite3.SQLITE_READONLY:
            return UsageError.of(Code.BAD_OPTION, f"the query may only read: {error}")
        case sqlite3.SQLITE_ERROR:
            return Refused.of(
                Code.SQLITE_ERROR, f"{error}, in {path}", "Compare the query with the schema of that file."
            )
        case _:
            return translate(error, path)


def _allow(action: int, name: str | None, *rest: str | None) -> int:
    denied = name not in _HARMLESS if action == sqlite3.SQLITE_PRAGMA else action in _DENIED
    return sqlite3.SQLITE_DENY if denied else sqlite3.SQLITE_OK


@contextmanager
def _only_reading(connection: Connection) -> Iterator[None]:
    """Refuse the actions that a connection for reading could still perform:
    https://www.sqlite.org/c3ref/set_authorizer.html"""
    connection.set_authorizer(_allow)
    try:
        yield
    finally:
        connection.set_authorizer(None)
