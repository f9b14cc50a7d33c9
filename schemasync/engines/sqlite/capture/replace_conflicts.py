"""Finds the rows that INSERT or UPDATE OR REPLACE would delete without firing DELETE triggers.

https://www.sqlite.org/lang_conflict.html: "the delete triggers fire if and only if recursive triggers are enabled".
So a BEFORE trigger looks up the rows with the new values by each unique index.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ....schema.model import Column, IndexedColumn, Sql, Table
from ....schema.names import fold, quote
from ..hazards.effects import words
from ..mapping import is_lost_in_subqueries


@dataclass(frozen=True, slots=True)
class _Unique:
    columns: tuple[IndexedColumn, ...]
    where: Sql | None = None


def conflicting_rows(table: Table) -> Iterator[str]:
    """Yield, for each unique index except that of the row id, the condition for the rows that a written row replaces.

    It compares as the index does: with its collation, with the default in place of a NULL, and for a partial index only
    the rows in it. It may match rows that would not be deleted, which does no harm.
    """
    for unique in _uniques(table):
        terms = [_same(table, column) for column in unique.columns]
        if unique.where is not None:
            terms.append(f"({unique.where.text})")
        yield " AND ".join(terms)


def is_computable(table: Table) -> bool:
    """Return False if such a condition needs an expression over the written row that cannot be written in a trigger."""
    lost = {fold(column.name) for column in table.columns if is_lost_in_subqueries(column.name)}
    return not lost or not any(lost.intersection(words(expression)) for expression in _expressions(table))


def _expressions(table: Table) -> Iterator[Sql]:
    generated = {fold(column.name): column.generated for column in table.columns}
    for unique in _uniques(table):
        for indexed in unique.columns:
            expression = indexed.expression if indexed.column is None else generated.get(fold(indexed.column))
            if expression is not None:
                yield expression


def _uniques(table: Table) -> Iterator[_Unique]:
    key = table.primary_key
    if key is not None and not key.rowid_alias:
        yield _Unique(key.columns)
    yield from (_Unique(unique.columns) for unique in table.uniques)
    yield from (_Unique(index.columns, index.where) for index in table.indexes if index.unique)


def _same(table: Table, indexed: IndexedColumn) -> str:
    if indexed.column is None:
        assert indexed.expression is not None
        return f"({indexed.expression.text}) = {_over_new(table, indexed.expression)}"
    column = table.column(indexed.column)
    assert column is not None
    collation = indexed.collation or column.collation or "binary"
    return f"{quote(column.name)} COLLATE {quote(collation)} = {new_value(table, column)}"


def new_value(table: Table, column: Column) -> str:
    """SQL for the value that the column will have: REPLACE turns a NULL in a NOT NULL column into the default."""
    if column.generated is not None:
        return _over_new(table, column.generated)
    name = f"NEW.{quote(column.name)}"
    if column.not_null is None or column.default is None:
        return name
    return f"coalesce({name}, ({column.default.text}))"


def _over_new(table: Table, expression: Sql) -> str:
    """The expression over the written row, with the column names that it uses."""
    values = ", ".join(
        f"{f'NEW.{quote(c.name)}' if c.generated is not None else new_value(table, c)} AS {quote(c.name)}"
        for c in table.columns
    )
    return f"(SELECT {expression.text} FROM (SELECT {values}) AS {quote(table.name)})"


def key_values(table: Table, key: tuple[str, ...]) -> tuple[str, ...]:
    """SQL for the key that a written row will have. `key`: names of key columns of a WITHOUT ROWID table."""
    columns = {fold(column.name): column for column in table.columns}
    return tuple(new_value(table, columns[fold(name)]) for name in key)
