"""Finds rows that refer to missing rows: PostgreSQL checks its foreign keys, even if SQLite did not."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from ....schema.names import quote
from ...postgres.judge import Fault
from ...postgres.moved import MovedTable
from ..connection import Connection
from .findings import Finding
from .reading import key_text

SAMPLES = 5


def dangling(connection: Connection, table: MovedTable) -> Iterator[Finding]:
    """Yield a finding for each foreign key of the table that rows violate."""
    keys: dict[int, list[str]] = {}
    for number, child in connection.execute(
        "SELECT id, \"from\" FROM pragma_foreign_key_list(?, 'main') ORDER BY id, seq", (table.name,)
    ):
        keys.setdefault(number, []).append(child)
    if not keys:
        return
    counts, rows = dict.fromkeys(keys, 0), {number: list[object]() for number in keys}
    try:
        for _, rowid, _, number in connection.execute(f"PRAGMA main.foreign_key_check({quote(table.name)})"):
            counts[number] += 1
            if len(rows[number]) < SAMPLES and rowid is not None:
                rows[number].append(rowid)
    except sqlite3.OperationalError:  # the other table has no such key, so there is no foreign key on PostgreSQL either
        return
    for number, columns in keys.items():
        if counts[number]:
            shown = tuple(_key(connection, table, rowid) for rowid in rows[number])
            yield Finding(table.name, tuple(columns), Fault.DANGLING, counts[number], shown, refused=counts[number])


def _key(connection: Connection, table: MovedTable, rowid: object) -> str:
    query = f"SELECT {key_text(table)} FROM main.{quote(table.name)} WHERE {table.rowid} = ?"
    return str(connection.execute(query, (rowid,)).fetchone()[0]) if table.rowid else str(rowid)
