"""The value that rows written before ALTER TABLE … ADD COLUMN read in the new column: it writes no row."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

from ...schema.model import Column, Table
from ...schema.names import quote
from . import ddl

INFINITE = {"Inf": "9.0e999", "-Inf": "-9.0e999"}  # quote() before SQLite 3.41 writes text that is not a literal


def value_without(table: Table, column: Column) -> str:
    """Return the value that such a row reads, as a literal of SQL.

    It differs from the value of a new row where a number is the default of a TEXT column: with DEFAULT 1.50, SQLite
    reads '1.50' for an older row, and stores '1.5' in a new one. It is NULL for a default that ALTER TABLE does not
    accept.
    """
    strict = " STRICT" if table.strict else ""
    nullable = replace(column, collation=None, not_null=None)
    with closing(sqlite3.connect(":memory:")) as scratch:
        scratch.execute(f"CREATE TABLE t ({quote(f'{column.name}_')} INTEGER){strict}")
        scratch.execute("INSERT INTO t VALUES (1)")
        try:
            scratch.execute(f"ALTER TABLE t ADD COLUMN {ddl.added_column(nullable, (), ())}")
        except sqlite3.OperationalError:
            return "NULL"
        found = str(scratch.execute(f"SELECT quote({quote(column.name)}) FROM t").fetchone()[0])
    return INFINITE.get(found, found)
