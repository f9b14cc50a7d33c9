"""Brings parts of definitions into normal form.

Column constraints become table constraints, defaults are removed, constraints are ordered, references resolved. Each
function is one rule of docs/schema-format.md, so that the differ can compare plain values.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from . import digest
from .model import (
    Check,
    Column,
    ForeignKey,
    Index,
    IndexedColumn,
    PrimaryKey,
    Schema,
    Sql,
    Table,
    Trigger,
    Unique,
    View,
)
from .names import fold
from .parts import ColumnParts, TableParts
from .text import dumps

_Constraint = TypeVar("_Constraint", Unique, Check, ForeignKey)
INDEX_NAME_LIMIT = 48  # characters before the hex, so that names stay readable in a terminal


@dataclass(frozen=True, slots=True)
class IndexParts:
    """An index as written; one without a name gets one from its definition."""

    name: str | None
    columns: tuple[IndexedColumn, ...]
    where: Sql | None = None
    unique: bool = False


def table(
    name: str,
    parts: TableParts,
    *,
    strict: bool = False,
    without_rowid: bool = False,
    indexes: Iterable[IndexParts] = (),
    triggers: Iterable[Trigger] = (),
) -> Table:
    """The table in normal form, except for foreign keys, which need the other tables (see `schema`)."""
    collations = {fold(column.name): column.collation for column in parts.columns}
    types = {fold(column.name): column.type.canonical for column in parts.columns}
    key = _primary_key(parts.primary_keys, types, collations, without_rowid)
    implied = _implied_not_null(key, strict or without_rowid)
    return Table(
        name=name,
        columns=tuple(_column(column, fold(column.name) in implied) for column in parts.columns),
        primary_key=key,
        uniques=ordered((_unique(unique, collations) for unique in parts.uniques), digest.unique_json),
        checks=ordered(parts.checks, digest.check_json),
        foreign_keys=tuple(parts.foreign_keys),
        strict=strict,
        without_rowid=without_rowid,
        indexes=by_name(_index(name, index, collations) for index in indexes),
        triggers=by_name(triggers),
    )


def schema(tables: Iterable[Table], views: Iterable[View] = ()) -> Schema:
    """The schema in normal form: references resolved, everything in order."""
    found = list(tables)
    parents = {fold(table.name): table for table in found}
    return Schema(by_name(_resolve(table, parents) for table in found), by_name(views))


_Named = TypeVar("_Named", Table, View, Index, Trigger)


def by_name(things: Iterable[_Named]) -> tuple[_Named, ...]:
    """Rule 7: things are ordered by lower-cased name."""
    return tuple(sorted(things, key=lambda thing: fold(thing.name)))


def ordered(constraints: Iterable[_Constraint], to_json: Callable[[_Constraint], object]) -> tuple[_Constraint, ...]:
    """Rule 7: constraints are ordered by their canonical JSON, and repeated ones are removed."""
    unique = {dumps(to_json(constraint)): constraint for constraint in constraints}
    return tuple(unique[key] for key in sorted(unique))


def _column(column: ColumnParts, not_null_implied: bool) -> Column:
    not_null = column.not_null
    if not_null_implied and not_null is not None and not_null.conflict is None:
        not_null = None
    return Column(
        column.name,
        column.type,
        not_null,
        column.default,
        column.collation,
        column.generated,
        column.stored and column.generated is not None,
    )


def _primary_key(
    keys: Sequence[PrimaryKey],
    types: Mapping[str, str],
    collations: Mapping[str, str | None],
    without_rowid: bool,
) -> PrimaryKey | None:
    """Rule 5. SQLite refuses several primary keys; here the last one counts."""
    if not keys:
        return None
    key = keys[-1]
    first = key.columns[0].column
    alias = key.rowid_alias and not without_rowid and first is not None and types.get(fold(first)) == "INTEGER"
    if alias:
        return replace(key, columns=(IndexedColumn(column=first),), rowid_alias=True)
    columns = tuple(_plain_collation(column, collations) for column in key.columns)
    return replace(key, columns=columns, rowid_alias=False)


def _plain_collation(column: IndexedColumn, collations: Mapping[str, str | None]) -> IndexedColumn:
    """Rule 4: a collation that equals the column's own is removed. BINARY stays if the column has another one."""
    if column.column is None or column.collation is None:
        return column
    own = collations.get(fold(column.column)) or "binary"
    return replace(column, collation=None) if column.collation == own else column


def implied_not_null(table: Table) -> frozenset[str]:
    """The folded names of the columns that accept no NULL because of the primary key."""
    return _implied_not_null(table.primary_key, table.strict or table.without_rowid)


def _implied_not_null(key: PrimaryKey | None, implies: bool) -> frozenset[str]:
    """Rule 4: the row id is never NULL; STRICT and WITHOUT ROWID tables refuse a NULL in their key."""
    if key is None or not (implies or key.rowid_alias):
        return frozenset()
    return frozenset(fold(column.column) for column in key.columns if column.column is not None)


def _unique(unique: Unique, collations: Mapping[str, str | None]) -> Unique:
    return replace(unique, columns=tuple(_plain_collation(column, collations) for column in unique.columns))


def _index(table_name: str, parts: IndexParts, collations: Mapping[str, str | None]) -> Index:
    columns = tuple(_plain_collation(column, collations) for column in parts.columns)
    given = parts.name
    name = index_name(table_name, columns, parts.where, parts.unique) if given is None else given
    return Index(name, columns, parts.where, parts.unique)


def index_name(
    table_name: str, columns: Sequence[IndexedColumn], where: Sql | None = None, unique: bool = False
) -> str:
    """Rule 9: `{table}_{columns}_{6 hex}`; the hex digits hash the definition, so that names do not collide."""
    spelled = [digest.indexed_json(column) for column in columns]
    identity = [table_name, spelled, where.canonical if where else None, unique]
    words = [column.column or (column.expression.canonical if column.expression else "") for column in columns]
    stem = "".join(c if c.isalnum() or c == "_" else "_" for c in "_".join([table_name, *words]))
    tail = hashlib.sha256(dumps(identity).encode()).hexdigest()[:6]
    return f"{stem[:INDEX_NAME_LIMIT]}_{tail}"


def _resolve(table: Table, parents: Mapping[str, Table]) -> Table:
    keys = (_resolve_key(key, parents) for key in table.foreign_keys)
    return replace(table, foreign_keys=ordered(keys, digest.foreign_key_json))


def _resolve_key(key: ForeignKey, parents: Mapping[str, Table]) -> ForeignKey:
    """Return the foreign key with names as the parent spells them, and `REFERENCES p` with p's primary key.

    Not for a key that SQLite would not match if it were written out: one with a collation that is not its column's own
    (https://www.sqlite.org/foreignkeys.html#fk_indexes), or, in an inspected file, of another number of columns.
    """
    parent = parents.get(fold(key.table))
    if parent is None:
        return key
    if key.references:
        spelled = {fold(column.name): column.name for column in parent.columns}
        references = tuple(spelled.get(fold(name), name) for name in key.references)
    else:
        keyed = parent.primary_key.columns if parent.primary_key else ()
        references = tuple(c.column for c in keyed if c.column is not None and c.collation is None)
        if not len(references) == len(keyed) == len(key.columns):
            references = ()
    return replace(key, table=parent.name, references=references)
