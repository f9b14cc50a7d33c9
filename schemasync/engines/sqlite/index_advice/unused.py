"""Indexes that no statement of a sample uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ....schema.model import Index, Table
from ....schema.names import fold
from ..connection import Connection
from .candidate import uses
from .measured import index_bytes
from .statements import Asked


@dataclass(frozen=True, slots=True)
class Unused:
    """An index, with its size; None if this SQLite cannot report it."""

    table: str
    index: str
    bytes: int | None


def unused(connection: Connection, tables: Iterable[Table], asked: Iterable[Asked]) -> tuple[Unused, ...]:
    """Return the indexes that no statement's plan names. Indexes that are UNIQUE, or belong to a foreign key, have
    another purpose and are left out."""
    plans = [one.plan for one in asked]
    return tuple(
        Unused(table.name, index.name, index_bytes(connection, index.name))
        for table, index in _without_purpose(tables)
        if plans and not any(uses(plan, index.name) for plan in plans)
    )


def _without_purpose(tables: Iterable[Table]) -> Iterator[tuple[Table, Index]]:
    for table in tables:
        for index in table.indexes:
            if not index.unique and not _is_of_foreign_key(table, index):
                yield table, index


def _is_of_foreign_key(table: Table, index: Index) -> bool:
    """Return True if the index begins with the columns of a foreign key: SQLite uses it to find referring rows when a
    row is deleted. https://www.sqlite.org/foreignkeys.html#fk_indexes"""
    names = [fold(column.column or "") for column in index.columns]
    return any(set(names[: len(key.columns)]) == set(map(fold, key.columns)) for key in table.foreign_keys)
