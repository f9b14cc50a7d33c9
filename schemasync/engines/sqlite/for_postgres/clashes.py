"""Finds rows that are different in SQLite and equal for a unique key on PostgreSQL: case folds further there, and
policies change values."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ....schema.names import fold, quote
from ...postgres.judge import Fault
from ...postgres.moved import MovedTable, UniqueSet
from ...postgres.types import Citext, PgColumn
from ..connection import Connection
from .findings import Finding
from .reading import Changes, key_text, sent_columns

SAMPLES = 5
_LOWER = "schemasync_lower"


def clashes(connection: Connection, table: MovedTable, changed: Collection[str]) -> Iterator[Finding]:
    """Yield a finding for each unique key under which rows would clash. `changed`: folded names of the columns whose
    values a policy changes."""
    for unique in table.uniques:
        names = {fold(column.name) for column in unique.columns}
        if names & set(changed) or any(isinstance(column.type, Citext) for column in unique.columns):
            rows, keys = _clashing(connection, table, unique, names & set(changed))
            if rows:
                columns = tuple(column.name for column in unique.columns)
                yield Finding(table.name, columns, Fault.UNIQUE_CLASH, rows, keys, refused=rows)


def _clashing(
    connection: Connection, table: MovedTable, unique: UniqueSet, changed: Collection[str]
) -> tuple[int, tuple[str, ...]]:
    """Return how many rows clash, and the keys of some of them."""
    connection.create_function(_LOWER, 1, _lower, deterministic=True)
    sent = dict(zip(table.copied, sent_columns(connection, table, Changes(refuses=False), changed), strict=True))
    values = [_compared(column, sent[column]) for column in unique.columns]
    there = " AND ".join([f"{value} IS NOT NULL" for value in values] + ([unique.where] if unique.where else []))
    grouped = ", ".join(f"{value} COLLATE BINARY" for value in values)
    key, rows, keys = key_text(table), 0, list[str]()
    for count, first, last in connection.execute(
        f"SELECT count(*), min({key}), max({key}) FROM main.{quote(table.name)} WHERE {there}"
        f" GROUP BY {grouped} HAVING count(*) > 1"
    ):
        rows += count
        if len(keys) < SAMPLES:
            keys.append(f"{first} and {last}")
    return rows, tuple(keys)


def _compared(column: PgColumn, sent: str) -> str:
    return f"{_LOWER}({sent})" if isinstance(column.type, Citext) else f"({sent})"


def _lower(value: str | float | bytes | None) -> str | float | bytes | None:
    """Fold a text as citext does: all letters, while NOCASE folds only those of ASCII."""
    return value.lower() if isinstance(value, str) else value
