"""Finds the rows that INSERT or UPDATE OR REPLACE would delete without firing DELETE triggers.

https://www.sqlite.org/lang_conflict.html: "the delete triggers fire if and only if recursive triggers are enabled".
So a BEFORE trigger looks up the rows with the new values by each unique index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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


def not_computable(table: Table) -> str:
    """Return why such a condition cannot be written in a trigger, as its value of the written row is unknown before the
    write; '' if it can. The text follows "a unique index that ..."."""
    lost = {fold(column.name) for column in table.columns if is_lost_in_subqueries(column.name)}
    row_id = {fold(table.rowid_column)} if table.rowid_column is not None else set()
    generated = {fold(column.name): column.generated for column in table.columns if column.generated is not None}
    replaced = {fold(column.name) for column in table.columns if _takes_default(table, column)}
    for unique in _uniques(table):
        for indexed in unique.columns:
            name = "" if indexed.column is None else fold(indexed.column)
            expression = indexed.expression if indexed.column is None else generated.get(name)
            if expression is None:  # a random default meets no row that exists
                continue
            direct = set(words(expression))
            if lost & direct:
                return "computes a value of a column named true or false"
            if _reads(direct, generated) & row_id:  # SQLite chooses it after the trigger
                return f"computes a value of {table.rowid_column}"
            if any(_reads({one}, generated) & replaced for one in direct & generated.keys()):
                return "computes a value of a default"
    return ""


def _reads(names: Collection[str], generated: Mapping[str, Sql]) -> set[str]:
    """Return the folded names, with those that generated columns among them are computed from."""
    found, waiting = set[str](), list(names)
    while waiting:
        if (name := waiting.pop()) not in found:
            found.add(name)
            waiting += words(generated[name]) if name in generated else []
    return found


def _takes_default(table: Table, column: Column) -> bool:
    """Return True if REPLACE turns a NULL in the column into its default. A key column of a WITHOUT ROWID table is NOT
    NULL without saying so. https://www.sqlite.org/withoutrowid.html"""
    if column.generated is not None or column.default is None:
        return False
    return column.not_null is not None or (table.without_rowid and _is_in_key(table, column))


def has_default_in_key(table: Table) -> bool:
    """Return True if a written NULL may become another key."""
    return any(_is_in_key(table, column) and _takes_default(table, column) for column in table.columns)


def _is_in_key(table: Table, column: Column) -> bool:
    key = table.primary_key
    return key is not None and any(fold(one.column or "") == fold(column.name) for one in key.columns)


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
    if column.default is None or not _takes_default(table, column):
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
