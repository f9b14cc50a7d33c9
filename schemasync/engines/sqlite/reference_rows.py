"""Writes the rows in schema.json into the new file, and reads them back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

from ...errors import Code, Failed, Problem
from ...schema.model import ReferenceRows, Schema
from ...schema.names import quote
from . import validate
from .connection import Connection, Opener


class RowRefused(Exception):
    """SQLite refuses a row, or the comparison afterwards does; the message names the row and the reason."""


def write(connection: Connection, rows: ReferenceRows) -> None:
    """Insert the rows, or update existing ones by their key, within the caller's transaction; columns that a row does
    not name keep their values. Raises RowRefused."""
    for values, given in zip(rows.rows, rows.given, strict=True):
        columns = [column for column, is_given in zip(rows.columns, given, strict=True) if is_given]
        named = [value for value, is_given in zip(values, given, strict=True) if is_given]
        try:
            connection.execute(_upsert(rows, columns), named)
        except sqlite3.IntegrityError as error:
            raise RowRefused(f"{_shown(rows, columns, named)}: {error}") from error
        (same,) = connection.execute(_same(rows, columns), named).fetchone()
        if same != 1:
            raise RowRefused(f"{_shown(rows, columns, named)}: a trigger has changed or removed it")


def violations(opener: Opener, schema: Schema, found: Sequence[ReferenceRows]) -> Iterator[Problem]:
    """Yield a problem for rows that the tables of the schema refuse, whatever other rows they have; tried in memory."""
    bare = Schema(tuple(replace(table, triggers=()) for table in schema.tables))
    with closing(opener.memory()) as connection:
        validate.build(connection, bare)
        for rows in found:
            try:
                write(connection, rows)
            except RowRefused as refusal:
                yield Problem(Code.REFERENCE_ROWS, f"_rows of {rows.table}: {refusal}", _HINT, {"table": rows.table})


_HINT = "Correct the row in schema.json, or the table."


def failed(rows: ReferenceRows, refusal: RowRefused) -> Failed:
    """Return the error for rows that the new file refuses."""
    return Failed.of(Code.REFERENCE_ROWS, f"_rows of {rows.table}: {refusal}", _HINT, table=rows.table)


def _upsert(rows: ReferenceRows, columns: Sequence[str]) -> str:
    """Return the statement for a row. It does not write a row that is right already, so that no trigger runs for it."""
    table, names = quote(rows.table), ", ".join(map(quote, columns))
    others = [quote(column) for column in columns if column not in rows.key]
    values = ", ".join("?" * len(columns))
    key = ", ".join(map(quote, rows.key))
    insert = f"INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT ({key}) DO"
    if not others:
        return f"{insert} NOTHING"
    sets = ", ".join(f"{name} = excluded.{name}" for name in others)
    differs = " OR ".join(f"{table}.{name} COLLATE BINARY IS NOT excluded.{name}" for name in others)
    return f"{insert} UPDATE SET {sets} WHERE {differs}"


def _same(rows: ReferenceRows, columns: Sequence[str]) -> str:
    """Return the query that counts the rows with all of these values. A key counts as the same if its collation says
    so."""
    terms = (f"{quote(name)} {'' if name in rows.key else 'COLLATE BINARY '}IS ?" for name in columns)
    return f"SELECT count(*) FROM {quote(rows.table)} WHERE {' AND '.join(terms)}"


def _shown(rows: ReferenceRows, columns: Sequence[str], values: Sequence[Any]) -> str:
    return ", ".join(f"{name} {value!r}" for name, value in zip(columns, values, strict=True) if name in rows.key)
