"""Finds tables with rows that violate a CHECK, also in a file that is open for reading only.

SQLite ignores the CHECKs when it reads the schema of a file that it may not write, so that integrity_check and
quick_check report nothing about them (findings/sqlite_checks_of_read_only_files.sh).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import lru_cache

from ....schema import create
from ....schema.expression import DefinitionError
from ....schema.names import quote
from ..connection import Connection
from ..objects import is_virtual, objects


def broken_checks(connection: Connection, schema: str = "main") -> Iterator[str]:
    """Return the messages of integrity_check about CHECKs. A CHECK that cannot be computed counts as met: the
    application's functions may be missing, or the file is damaged, which other messages report."""
    for table in objects(connection, schema):
        if table.type == "table" and not is_virtual(table) and (checks := _checks(table.sql)):
            violated = " OR ".join(f"NOT ({check})" for check in checks)
            query = f"SELECT EXISTS (SELECT 1 FROM {schema}.{quote(table.name)} WHERE {violated})"
            if _is_true(connection, query):
                yield f"CHECK constraint failed in {table.name}"


def _is_true(connection: Connection, query: str) -> bool:
    try:
        return bool(connection.execute(query).fetchone()[0])
    except sqlite3.DatabaseError:
        return False


@lru_cache(maxsize=4096)
def _checks(sql: str) -> tuple[str, ...]:
    try:
        return tuple(check.expression.text for check in create.read_table(sql).parts.checks)
    except DefinitionError:
        return ()
