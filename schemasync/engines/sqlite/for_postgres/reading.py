"""Reads the rows of a table as they are sent to PostgreSQL: values that fit unchanged, the others as a policy makes
them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ....errors import Code, Failed, SchemasyncError
from ....schema.names import fold, quote
from ...postgres.judge import Changed, Fault, Kept, Refusal, judge
from ...postgres.moved import MovedTable
from ...postgres.types import Interval, PgColumn
from ...postgres.value_forms import Value
from ..connection import Connection
from .accepted import accepted, codec, register

_DAY = 86_400_000_000  # microseconds in a day


@dataclass(slots=True)
class Changes:
    """The effect of policies. `columns`: the (table, column) whose values they changed. `refuses`: True if a value that
    no policy covers ends the statement; otherwise it becomes NULL."""

    refuses: bool = True
    columns: set[tuple[str, str]] = field(default_factory=set)
    refused: tuple[str, str, Fault, str] | None = None  # table, column, fault, key


def key_text(table: MovedTable) -> str:
    """Return SQL for the key of a row as text that can be pasted into SQL."""
    names = [quote(column.name) for column in table.key] or ([table.rowid] if table.rowid else [])
    return " || ', ' || ".join(f"quote({name})" for name in names) or "'?'"


def raw(value: str) -> tuple[str, str]:
    """Return SQL for the type of a value, and for the value with text as bytes, since text may be invalid Unicode."""
    return f"typeof({value})", f"CASE typeof({value}) WHEN 'text' THEN CAST({value} AS BLOB) ELSE {value} END"


def decoded(kind: str, value: Any, encoding: str) -> Value:
    """Return the value that was read by the SQL of `raw`."""
    if kind == "text" and isinstance(value, bytes):
        return value.decode(encoding, _errors(encoding))
    found: Value = value
    return found


def encoded(text: str, encoding: str) -> bytes:
    """Return the bytes of a text that `decoded` returns."""
    return text.encode(encoding, _errors(encoding))


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding == "utf-8" else "surrogatepass"


def sent_columns(
    connection: Connection, table: MovedTable, changes: Changes, judged: Collection[str] | None = None
) -> list[str]:
    """Return SQL for each copied column of a row as it is sent. `judged`: folded names of the columns in which some
    values may not fit; None for all. Registers the functions that the SQL uses on the connection."""
    values = value_columns(connection, table, changes, judged)
    return [
        _duration(value) if isinstance(column.type, Interval) else value
        for column, value in zip(table.copied, values, strict=True)
    ]


def value_columns(
    connection: Connection, table: MovedTable, changes: Changes, judged: Collection[str] | None = None
) -> list[str]:
    """Like `sent_columns`, but with durations as numbers, as SQLite has them."""
    register(connection)
    encoding, key = codec(connection), key_text(table)
    found = []
    for number, column in enumerate(table.copied):
        value = quote(column.name)
        if judged is None or fold(column.name) in judged:
            name = f"schemasync_sent_{number}"
            connection.create_function(name, 3, _judging(table, column, changes, encoding))
            given = ", ".join((*raw(value), key))
            value = f"CASE WHEN {accepted(column)} THEN {value} ELSE {name}({given}) END"
        found.append(value)
    return found


def _duration(value: str) -> str:
    """Return SQL for a duration as Django writes it, in days and a time: PostgreSQL 13 reads no microseconds beyond 32
    bits."""
    value = f"({value})"
    rest = f"{value} % {_DAY}"
    seconds = (
        f"printf('%s%d.%06d', CASE WHEN {rest} < 0 THEN '-' ELSE '' END, abs({rest}) / 1000000, abs({rest}) % 1000000)"
    )
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE ({value} / {_DAY}) || ' days ' || {seconds} || ' seconds' END"


def _judging(table: MovedTable, column: PgColumn, changes: Changes, encoding: str) -> Callable[[str, Any, str], Value]:
    policy = table.policy(column)

    def sent(kind: str, value: Any, key: str) -> Value:
        before = decoded(kind, value, encoding)
        match judge(before, column, policy):
            case Changed(value=after):
                changes.columns.add((table.name, column.name))
                return after
            case Refusal() if not changes.refuses:
                return None
            case Refusal(fault):
                changes.refused = (table.name, column.name, fault, key)
                raise ValueError(fault)  # this ends the statement
            case Kept():  # judged by Python alone: the values that the SQL does not accept
                return before

    return sent


@contextmanager
def reading(connection: Connection, changes: Changes, text: Any = str) -> Iterator[None]:
    """A block that reads rows, with text as `text`. Raises Failed for a value that does not fit."""
    before = connection.text_factory
    connection.text_factory = text
    try:
        yield
    except sqlite3.Error as error:
        if changes.refused is not None:
            raise refused(*changes.refused) from error
        raise Failed.of(Code.SQLITE_ERROR, f"the rows could not be read: {error}") from error
    finally:
        connection.text_factory = before


def refused(table: str, column: str, fault: Fault, key: str) -> SchemasyncError:
    """Return the error for a value that does not fit and that no policy covers."""
    return Failed.of(
        Code.POSTGRES_VALUES,
        f"{table}.{column}: the value in the row {key} does not fit on PostgreSQL ({fault})",
        "It was written since the scan. The next plan has all of them: manage.py schemasync move --to ALIAS --plan",
        table=table,
        column=column,
        fault=fault,
        key=key,
    )


def select(table: MovedTable, columns: Sequence[str]) -> str:
    """Return a SELECT of these columns of all rows, to which a WHERE may be added."""
    return f"SELECT {', '.join(columns) or 'NULL'} FROM main.{quote(table.name)}"
