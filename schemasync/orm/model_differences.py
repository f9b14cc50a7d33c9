"""Finds the parts of a schema that its generated models do not express, with Django's own DDL for these models."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from ..codegen import checks
from ..codegen.code import ModelClass
from ..codegen.describe import has_model
from ..codegen.sql_expression import Unsupported, parse
from ..databases import opener
from ..engines.sqlite.connection import Connection
from ..engines.sqlite.inspect import inspect
from ..engines.sqlite.script import run
from ..schema import lexer, write
from ..schema.affinity import Affinity, affinity
from ..schema.model import Check, Column, ForeignKey, Index, Schema, Sql, Table, Unique
from ..schema.names import fold
from .generated_models import registry
from .models import scratch

EXPRESSED = {
    "CASCADE": ("CASCADE", "DB_CASCADE"),
    "SET NULL": ("SET_NULL", "DB_SET_NULL"),
    "SET DEFAULT": ("DB_SET_DEFAULT",),
    "RESTRICT": ("PROTECT",),
}
"""The rules of models that have the effect of an ON DELETE."""


ANY_APP = "generated"
"""The app label of models that are in no app."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between a schema and its models. `what`: a phrase in the plural, which groups differences. `where`:
    a table, or `table.column`. `is_spelling`: the models express it in another way, or add only a name."""

    what: str
    where: str
    is_spelling: bool = False


def differences(
    schema: Schema,
    described: Sequence[ModelClass],
    alias: str,
    external: Mapping[str, type[models.Model]],
    app_label: str = "",
) -> list[Difference]:
    """Return every difference between the schema and the tables that Django would create for the models if they were
    managed. Empty if an export of the models has the same version."""
    found = [_without_model(table) for table in schema.tables if not has_model(table)]
    label = app_label or ANY_APP
    apps = registry([one for one in described if not one.is_view], label, external, managed=True)
    for one in described:
        table = schema.table(one.table)
        if table is not None and not one.is_view:
            made = _made(apps.get_model(label, one.name), alias)
            found += [_refused(table, made)] if isinstance(made, str) else _Compared(table, made, one).all()
    return found + list(_of_views(schema, described))


def notes(found: Iterable[Difference]) -> list[str]:
    """Return one line for each group of differences that the models do not express."""
    groups: dict[str, list[str]] = {}
    for one in found:
        if not one.is_spelling:
            groups.setdefault(one.what, []).append(one.where)
    return [f"{what}: {', '.join(dict.fromkeys(places))}" for what, places in groups.items()]


def _without_model(table: Table) -> Difference:
    if table.virtual is not None:
        return Difference("virtual tables, which have no model", table.name)
    return Difference("tables whose names Django cannot quote, and which have no model", table.name)


def _refused(table: Table, error: str) -> Difference:
    return Difference(f"tables that Django could not create from their models ({error})", table.name)


def _of_views(schema: Schema, described: Sequence[ModelClass]) -> Iterator[Difference]:
    there = {fold(one.table) for one in described if one.is_view}
    for view in schema.views:
        if fold(view.name) in there:
            yield Difference("views, in which nothing makes the key of the model unique", view.name)
            yield from (Difference("triggers", f"{view.name}.{trigger.name}") for trigger in view.triggers)


def _made(model: type[models.Model], alias: str) -> Table | str:
    """Return the table that Django would create, or the error of SQLite."""
    connection = scratch(alias)
    allow_untyped(connection)
    try:
        with connection.schema_editor(collect_sql=True, atomic=False) as editor:
            editor.create_model(model)
        statements = editor.collected_sql
    finally:
        connection.close()
    with closing(opener(alias).memory()) as memory:
        try:
            return _only_table(memory, statements)
        except sqlite3.Error as error:
            return str(error)


def _only_table(memory: Connection, statements: list[str]) -> Table:
    run(memory, statements)
    return inspect(memory).schema.tables[0]


def allow_untyped(connection: BaseDatabaseWrapper) -> None:
    """Let `models.Field` be a column without a type: Django itself leaves such a field out."""
    found: dict[str, object] = {**connection.data_types, "Field": ""}
    connection.data_types = found  # type: ignore[assignment]


class _Compared:
    """Finds the differences of one table. `made`: the table that Django would create."""

    def __init__(self, table: Table, made: Table, described: ModelClass) -> None:
        self.table, self.described = table, described
        self.made = _without_column(made, described.rowid)
        kinds = (Affinity.INTEGER, Affinity.REAL, Affinity.NUMERIC)
        self.numbers = {fold(column.name) for column in table.columns if affinity(column, table.strict) in kinds}
        self.rules = dict(described.rules)

    def all(self) -> list[Difference]:
        found = [
            *self._options(),
            *self._key(),
            *(one for column in self.table.columns for one in self._column(column)),
            *self._uniques(),
            *self._checks(),
            *self._foreign_keys(),
            *self._indexes(),
        ]
        if not found and self.table != self.made:
            found.append(self._at("details", is_spelling=True))
        return found

    def _at(self, what: str, part: str = "", *, is_spelling: bool = False) -> Difference:
        return Difference(what, f"{self.table.name}.{part}" if part else self.table.name, is_spelling)

    def _options(self) -> Iterator[Difference]:
        if self.table.strict:
            yield self._at("STRICT tables")
        if self.table.without_rowid:
            yield self._at("tables WITHOUT ROWID")
        for trigger in self.table.triggers:
            yield self._at("triggers", trigger.name)

    def _key(self) -> Iterator[Difference]:
        mine, theirs = self.table.primary_key, self.made.primary_key
        if mine is None or theirs is None:
            if mine is None:
                yield self._at("tables without a primary key, whose row id stands in for it")
            return
        if theirs.autoincrement and not mine.autoincrement:
            yield self._at("row ids without AUTOINCREMENT, so that the newest may be given out again")
        if theirs.rowid_alias and not mine.rowid_alias:
            yield self._at("integer keys that SQLite does not number", mine.columns[0].column or "")
        if mine.conflict:
            yield self._at("PRIMARY KEY ON CONFLICT", mine.conflict)
        if mine.name:
            yield self._at("names of primary keys", mine.name)
        if mine.columns != theirs.columns:
            yield self._at("order and collation of primary keys", ", ".join(one.column or "" for one in mine.columns))

    def _column(self, column: Column) -> Iterator[Difference]:
        made = self.made.column(column.name)
        if made is None:
            yield self._at("columns", column.name)
            return
        if column.type != made.type:
            alike = affinity(column, self.table.strict) is affinity(made, strict=False)
            place = f"{column.name} {column.type.text}".strip()
            yield self._at("declared types for which Django has another", place, is_spelling=alike)
        if column.not_null is None and made.not_null is not None and not self._is_implied(column):
            yield self._at("keys that may be NULL", column.name)
        elif column.not_null is not None and (column.not_null.conflict or column.not_null.name):
            yield self._at("names and conflict clauses of NOT NULL", column.name)
        elif column.not_null is not None and made.not_null is None:
            is_spelling = fold(column.name) == fold(self.made.rowid_column or "")  # a row id is never NULL
            yield self._at("NOT NULL", column.name, is_spelling=is_spelling)
        if column.collation != made.collation:
            yield self._at("collations", f"{column.name} COLLATE {(column.collation or 'BINARY').upper()}")
        if column.default != made.default:
            yield self._at("defaults", column.name, is_spelling=self._is_same(column.default, made.default))
        if column.generated != made.generated:
            same = self._is_same(column.generated, made.generated)
            yield self._at("expressions of generated columns", column.name, is_spelling=same)

    def _is_implied(self, column: Column) -> bool:
        key = self.table.primary_key
        in_key = key is not None and any(fold(one.column or "") == fold(column.name) for one in key.columns)
        return in_key and (self.table.strict or self.table.without_rowid or self.table.rowid_column is not None)

    def _is_same(self, one: Sql | None, other: Sql | None) -> bool:
        """True if two pieces of SQL mean the same."""
        if one is None or other is None or one == other:
            return one == other
        if _unwrapped(one) == _unwrapped(other):
            return True
        try:
            return checks.same(parse(one.canonical), parse(other.canonical), self.numbers) or _number(one) == _number(
                other
            )
        except Unsupported:
            return False

    def _uniques(self) -> Iterator[Difference]:
        made = list(self.made.uniques)
        for one in self.table.uniques:
            same = next((other for other in made if other.columns == one.columns), None)
            place = ", ".join(column.column or "" for column in one.columns)
            if one.conflict:
                yield self._at("UNIQUE ON CONFLICT", f"{place} {one.conflict}")
            elif same is None:
                yield self._at("UNIQUE constraints", place)
            elif same.name != one.name:
                yield self._at("names of constraints", place, is_spelling=True)
            if same is not None:
                made.remove(same)
        for other in made:
            yield self._at("UNIQUE indexes that are constraints of the model", _place(other), is_spelling=True)

    def _checks(self) -> Iterator[Difference]:
        made = list(self.made.checks)
        for one in self.table.checks:
            same = next((other for other in made if self._is_same_check(one, other)), None)
            if same is not None:
                made.remove(same)
            if same == one:
                continue
            is_said = one.name is None and one.expression.canonical in self.described.said
            is_spelling = is_said or (same is not None and one.name in (None, same.name))
            yield self._at("CHECK constraints", f"{one.name or one.expression.text}", is_spelling=is_spelling)
        for other in made:
            yield self._at("CHECKs of fields", other.expression.canonical, is_spelling=True)

    def _is_same_check(self, one: Check, other: Check) -> bool:
        if one.expression == other.expression:
            return True
        try:
            trees = [parse(check.expression.canonical) for check in (one, other)]
        except Unsupported:
            return False
        columns = checks.columns(trees[0])
        if len(columns) == 1:
            trees = [checks.without_null(tree, min(columns)) for tree in trees]
        nullable = [self.table.column(name) for name in checks.negated(trees[0])]
        if any(column is not None and column.not_null is None for column in nullable):
            return (
                one.name is not None and one.name == other.name
            )  # Django adds IS NOT NULL, which a CHECK does not need
        return checks.same(trees[0], trees[1], self.numbers)

    def _foreign_keys(self) -> Iterator[Difference]:
        made = list(self.made.foreign_keys)
        for key in self.table.foreign_keys:
            same = next((other for other in made if _reference(other) == _reference(key)), None)
            place = ", ".join(key.columns)
            if same is None:
                what = "foreign keys over several columns" if len(key.columns) > 1 else "foreign keys"
                yield self._at(what, f"{place} -> {key.table}")
                continue
            made.remove(same)
            yield from self._foreign_key(key, same, place)
        for other in made:
            yield self._at("foreign keys of the model", ", ".join(other.columns), is_spelling=True)

    def _foreign_key(self, key: ForeignKey, made: ForeignKey, place: str) -> Iterator[Difference]:
        if key.deferred != made.deferred:
            yield self._at("foreign keys that SQLite checks at once, and not at the end of the transaction", place)
        if key.on_update:
            yield self._at(f"ON UPDATE {key.on_update}", place)
        if key.name is not None:
            yield self._at("names of foreign keys", key.name)
        if key.on_delete != made.on_delete:
            rule = self.rules.get(fold(key.columns[0]), "")
            is_expressed = key.on_delete is None or rule in EXPRESSED[key.on_delete]
            yield self._at(f"ON DELETE {key.on_delete}", place, is_spelling=is_expressed)

    def _indexes(self) -> Iterator[Difference]:
        made = {fold(index.name): index for index in self.made.indexes}
        uniques = [[column.column for column in one.columns] for one in self.made.uniques]
        for index in self.table.indexes:
            same = made.pop(fold(index.name), None)
            if same == index:
                continue
            columns = [column.column for column in index.columns]
            is_constraint = index.unique and index.where is None and columns in uniques
            is_spelling = is_constraint or (same is not None and self._is_same_index(index, same))
            yield self._at("UNIQUE indexes" if index.unique else "indexes", index.name, is_spelling=is_spelling)
        yield from (self._at("indexes of the model", index.name, is_spelling=True) for index in made.values())

    def _is_same_index(self, one: Index, other: Index) -> bool:
        if one.unique != other.unique or len(one.columns) != len(other.columns):
            return False
        if (one.where is None) != (other.where is None) or not self._is_same(one.where, other.where):
            return False
        for mine, theirs in zip(one.columns, other.columns, strict=True):
            if replace(mine, expression=None) != replace(theirs, expression=None):
                return False
            if not self._is_same(mine.expression, theirs.expression):
                return False
        return True


def _without_column(table: Table, name: str) -> Table:
    """Return the table without the row id, which is no column of the schema's table, and without a primary key."""
    if not name:
        return table
    columns = tuple(column for column in table.columns if fold(column.name) != name)
    return replace(table, columns=columns, primary_key=None)


def _reference(key: ForeignKey) -> tuple[tuple[str, ...], str, tuple[str, ...]]:
    return tuple(map(fold, key.columns)), fold(key.table), tuple(map(fold, key.references))


def _place(one: Unique) -> str:
    return one.name or write.constraint_text(one)


def _unwrapped(sql: Sql) -> str:
    """Return the canonical SQL without the outer parentheses that RawSQL adds."""
    parts = lexer.tokens(sql.canonical)
    while len(parts) > 2 and parts[0].text == "(" and lexer.closing(parts, 0) == len(parts) - 1:
        parts = parts[1:-1]
    return lexer.join(parts)


def _number(sql: Sql) -> float | None:
    """Return the value of a numeric literal, quoted or not, also in the CAST that Django writes for a DecimalField;
    None for other SQL."""
    parts = lexer.tokens(sql.canonical)
    if len(parts) > 4 and parts[0].word == "cast" and parts[-2].word == "numeric":
        parts = parts[2:-3]
    try:
        return float("".join(part.text for part in parts).strip("'"))
    except ValueError:
        return None
