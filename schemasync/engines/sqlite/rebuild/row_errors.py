"""Errors for rows and objects that violate a new schema, with a fix."""

from __future__ import annotations

import sqlite3

from ....errors import Code, Failed, Problem
from ..connection import Connection
from ..name_errors import hint_for


def run_on(connection: Connection, table: str, statement: str) -> int:
    """Run a statement that fills a table, or indexes its rows; return the number of rows. Raises Failed if they do not
    fit."""
    try:
        return connection.execute(statement).rowcount
    except sqlite3.IntegrityError as error:
        raise Failed.of(
            Code.ROWS_VIOLATE_SCHEMA,
            f'rows of "{table}" violate its new schema: {error}',
            "Fix the rows, or give the column a fill.",
            table=table,
        ) from error


_FITTING = "Change it in schema.json; or, if schema.json does not name it, drop it by hand or add it with inspect."


def unfit(kind: str, name: str, error: sqlite3.Error | str, sql: str) -> Problem:
    """Return the problem of an object, ours or foreign, that SQLite refuses with the new tables."""
    return Problem(
        Code.FOREIGN_OBJECT,
        f'{kind} "{name}" does not fit the new schema: {error}',
        "\n".join(filter(None, (hint_for(str(error)), _FITTING, sql))),
        {"object": name, "sql": sql},
    )
