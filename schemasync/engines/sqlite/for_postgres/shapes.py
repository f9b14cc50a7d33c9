"""Detects the kinds of values in columns whose kind neither the declaration nor a model gives: dates, numbers, JSON."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from ....schema.model import Schema
from ....schema.names import fold, quote
from ...postgres.columns import NO_KIND
from ...postgres.types import (
    Bigint,
    Bytea,
    Date,
    DoublePrecision,
    Jsonb,
    PgColumn,
    PgType,
    Text,
    Time,
    Timestamp,
)
from ..connection import Connection
from .accepted import accepted_type, register

_MOMENTS: tuple[PgType, ...] = (Date(), Timestamp(), Time())
_KINDS: tuple[PgType, ...] = (Bigint(), DoublePrecision(), Bytea())
_DECLARED = ("DATE", "DATETIME", "TIMESTAMP", "TIME")


def shapes(
    connection: Connection,
    schema: Schema,
    columns: Mapping[str, tuple[PgColumn, ...]],
    decided: Mapping[str, Collection[str]],
) -> dict[str, dict[str, PgType]]:
    """Return the types of columns by the values in them, by folded table and column, for `columns_of`. `decided`:
    folded names of the columns that a model or a definition decides."""
    register(connection)
    found: dict[str, dict[str, PgType]] = {}
    for table in schema.tables:
        known = decided.get(fold(table.name), ())
        for become in columns.get(table.name, ()):
            column = table.column(become.name)
            if column is not None and fold(column.name) not in known and not become.generated:
                shape = _shape(connection, table.name, become, column.type.canonical)
                if shape is not None:
                    found.setdefault(fold(table.name), {})[fold(column.name)] = shape
    return found


def _shape(connection: Connection, table: str, column: PgColumn, declared: str) -> PgType | None:
    if isinstance(column.type, Jsonb):
        return None if _has_only(connection, table, column.name, Jsonb()) else Text()
    if not isinstance(column.type, Text):
        return None
    for candidate in _candidates(column, declared):
        if _has_only(connection, table, column.name, candidate) and _has_any(connection, table, column.name):
            return candidate
    return None


def _candidates(column: PgColumn, declared: str) -> Iterator[PgType]:
    if declared.startswith(_DECLARED):
        yield from _MOMENTS
    elif column.why == NO_KIND:
        yield from _KINDS


def _has_only(connection: Connection, table: str, column: str, type_: PgType) -> bool:
    """Return True if every value fits the type; the first one that does not ends the scan."""
    misfit = f"{quote(column)} IS NOT NULL AND ({accepted_type(type_, quote(column))}) IS NOT TRUE"
    return _is_none(connection, f"SELECT 1 FROM main.{quote(table)} WHERE {misfit} LIMIT 1")


def _has_any(connection: Connection, table: str, column: str) -> bool:
    return not _is_none(connection, f"SELECT 1 FROM main.{quote(table)} WHERE {quote(column)} IS NOT NULL LIMIT 1")


def _is_none(connection: Connection, query: str) -> bool:
    return connection.execute(query).fetchone() is None
