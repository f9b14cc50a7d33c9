"""Applies renames to an old table, so that a table which is only renamed compares equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from ..schema import digest, lexer, normalize
from ..schema.model import Check, Column, ForeignKey, Index, IndexedColumn, Sql, Table
from ..schema.names import canonical, fold, spell


@dataclass(frozen=True, slots=True)
class Renames:
    """Folded old names -> new names, of tables and of each (folded old) table's columns."""

    tables: Mapping[str, str]
    columns: Mapping[str, Mapping[str, str]]

    def table(self, name: str) -> str:
        return self.tables.get(fold(name), name)

    def column(self, table: str, name: str) -> str:
        """The new name of a column of the table with that old name."""
        return self.columns.get(fold(table), {}).get(fold(name), name)


def with_renames(table: Table, renames: Renames) -> Table:
    """The table under its new name, with every reference to a renamed table or column updated."""
    columns = renames.columns.get(fold(table.name), {})
    new_name = renames.table(table.name)

    def sql(text: Sql) -> Sql:
        return rename_in(text, columns, {fold(table.name): new_name})

    def name(old: str) -> str:
        return columns.get(fold(old), old)

    key = table.primary_key
    renamed = replace(
        table,
        name=new_name,
        columns=tuple(_column(column, name, sql) for column in table.columns),
        primary_key=replace(key, columns=_indexed(key.columns, name, sql)) if key else None,
        uniques=tuple(replace(unique, columns=_indexed(unique.columns, name, sql)) for unique in table.uniques),
        checks=tuple(Check(sql(check.expression), check.name) for check in table.checks),
        foreign_keys=tuple(_foreign_key(foreign, name, renames) for foreign in table.foreign_keys),
        indexes=tuple(_index(index, name, sql) for index in table.indexes),
    )
    return _ordered(renamed)


def _ordered(table: Table) -> Table:
    """The table with its constraints in the order of their new names."""
    return replace(
        table,
        uniques=normalize.ordered(table.uniques, digest.unique_json),
        checks=normalize.ordered(table.checks, digest.check_json),
        foreign_keys=normalize.ordered(table.foreign_keys, digest.foreign_key_json),
    )


def _column(column: Column, name: Callable[[str], str], sql: Callable[[Sql], Sql]) -> Column:
    generated = sql(column.generated) if column.generated else None
    return replace(column, name=name(column.name), generated=generated)


def _indexed(
    columns: tuple[IndexedColumn, ...], name: Callable[[str], str], sql: Callable[[Sql], Sql]
) -> tuple[IndexedColumn, ...]:
    return tuple(
        replace(
            column,
            column=None if column.column is None else name(column.column),
            expression=sql(column.expression) if column.expression else None,
        )
        for column in columns
    )


def _index(index: Index, name: Callable[[str], str], sql: Callable[[Sql], Sql]) -> Index:
    where = sql(index.where) if index.where else None
    return replace(index, columns=_indexed(index.columns, name, sql), where=where)


def _foreign_key(key: ForeignKey, name: Callable[[str], str], renames: Renames) -> ForeignKey:
    return replace(
        key,
        columns=tuple(map(name, key.columns)),
        table=renames.table(key.table),
        references=tuple(renames.column(key.table, column) for column in key.references),
    )


def rename_in(text: Sql, columns: Mapping[str, str], tables: Mapping[str, str]) -> Sql:
    """The expression with renamed columns, and tables before a dot, replaced."""
    parts = lexer.tokens(text.text)
    cases = any(token.word == "case" for token in parts)  # then a lone END more likely ends a CASE than names a column
    words, pieces, last = [], [], 0
    for index, token in enumerate(parts):
        follower = parts[index + 1].text if index + 1 < len(parts) else ""
        before = parts[index - 1].word if index else ""
        names = tables if follower == "." else columns
        nameable = token.is_name and not (cases and token.word == "end")
        new = names.get(fold(token.value)) if nameable else None
        if new is None or follower == "(" or before in ("collate", "as"):
            words.append(token.canonical())
            continue
        words.append(canonical(new))
        pieces += [text.text[last : token.start], spell(new)]
        last = token.end
    return Sql(" ".join(words), "".join([*pieces, text.text[last:]]))
