"""Decides what each column of a schema becomes on PostgreSQL. Knows no database."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...schema.affinity import Affinity, affinity
from ...schema.model import Column, Schema, Table
from ...schema.names import canonical, fold
from ...schema.normalize import implied_not_null
from .field_types import field_type
from .types import (
    Bigint,
    Boolean,
    ByHand,
    Bytea,
    Citext,
    DoublePrecision,
    FieldKind,
    Integer,
    Jsonb,
    Numeric,
    PgColumn,
    PgType,
    Smallint,
    Text,
    Varchar,
)

NO_MODEL = "no model says what its values mean"
NO_KIND = "nothing says which kind of values it has"
_SIZED = re.compile(r"(.*?)\((\d+)(?:,(\d+))?\)$")
_BOOLEANS = ("BOOL", "BOOLEAN")
_JSON = ("JSON", "JSONB")
_TIMES = ("DATE", "DATETIME", "TIMESTAMP", "TIME")
_NUMBERS = ("NUMERIC", "DECIMAL", "DEC", "NUMBER", "MONEY", "CURRENCY", "FIXED")
"""Beginnings of types that are meant for decimals: SQLite gives every type that it does not know the affinity
NUMERIC."""


def columns_of(
    schema: Schema,
    fields: Mapping[str, Mapping[str, FieldKind]] | None = None,
    *,
    by_hand: Mapping[str, Mapping[str, str]] | None = None,
    shapes: Mapping[str, Mapping[str, PgType]] | None = None,
) -> dict[str, tuple[PgColumn, ...]]:
    """Maps each table, as the schema spells it, to its columns in their order. Virtual tables are left out.

    All three mappings are by folded table, then folded column. `fields`: the fields of models. `by_hand`: definitions
    beside columns of schema.json. `shapes`: the types that a scan of the values found for columns that no model and no
    definition decides, such as dates.
    """
    deciding = _Deciding(schema, fields or {}, by_hand or {}, shapes or {})
    return {table.name: deciding.columns(table) for table in schema.tables if table.virtual is None}


@dataclass(frozen=True, slots=True)
class _Deciding:
    schema: Schema
    fields: Mapping[str, Mapping[str, FieldKind]]
    by_hand: Mapping[str, Mapping[str, str]]
    shapes: Mapping[str, Mapping[str, PgType]]

    def columns(self, table: Table) -> tuple[PgColumn, ...]:
        key = table.primary_key
        refuse_null = implied_not_null(table) | {fold(one.column or "") for one in (key.columns if key else ())}
        return tuple(self._column(table, column, fold(column.name) in refuse_null) for column in table.columns)

    def _column(self, table: Table, column: Column, is_key: bool) -> PgColumn:
        type_, why = self._type(table, column, frozenset())
        if isinstance(type_, ByHand):
            return PgColumn(column.name, type_, why=why)
        return PgColumn(
            column.name,
            type_,
            collation="C" if isinstance(type_, Text | Varchar | Citext) else None,
            not_null=is_key or column.not_null is not None,
            identity=table.rowid_column == column.name and isinstance(type_, Bigint | Integer | Smallint),
            generated=column.generated is not None,
            why=why,
            folds=column.collation if isinstance(type_, Text | Varchar) else None,
        )

    def _type(self, table: Table, column: Column, seen: frozenset[tuple[str, str]]) -> tuple[PgType, str]:
        """Return the type, and what decided it, in a phrase. `seen`: the columns that refer to this one, as keys may
        form a cycle."""
        place = fold(table.name), fold(column.name)
        if (written := self.by_hand.get(place[0], {}).get(place[1])) is not None:
            return ByHand(written), '"postgres" in schema.json'
        if column.collation == "nocase" and affinity(column, table.strict) is Affinity.TEXT:
            return Citext(), "COLLATE NOCASE"
        kind = self.fields.get(place[0], {}).get(place[1])
        if kind is not None and (found := field_type(kind)) is not None:
            return found, f"the model's {kind.internal_type}"
        if (shape := self.shapes.get(place[0], {}).get(place[1])) is not None:
            return shape, "the form of its values"
        if (parent := self._parent(table, column)) is not None and place not in seen:
            type_, why = self._type(*parent, seen | {place})
            if not isinstance(type_, ByHand):
                return type_, f"as {parent[0].name}.{parent[1].name}, to which it refers ({why})"
        return _declared(table, column)

    def _parent(self, table: Table, column: Column) -> tuple[Table, Column] | None:
        """The column to which a foreign key refers, so that both sides have one type, as PostgreSQL demands."""
        for key in table.foreign_keys:
            if column.name in key.columns and (parent := self.schema.table(key.table)) is not None:
                names = key.references or tuple(
                    one.column or "" for one in (parent.primary_key.columns if parent.primary_key else ())
                )
                position = key.columns.index(column.name)
                referred = parent.column(names[position]) if position < len(names) else None
                if referred is not None:
                    return parent, referred
        return None


def _declared(table: Table, column: Column) -> tuple[PgType, str]:
    """Return the type that the declaration gives: apart from declared sizes, never narrower than what SQLite
    accepts."""
    declared, first, second = _split(column.type.canonical)
    why = f"declared {column.type.canonical}"
    if declared in _BOOLEANS:
        return Boolean(), why
    if declared in _JSON or _is_checked_json(table, column):
        return Jsonb(), why if declared in _JSON else "CHECK (json_valid)"
    if declared.startswith(_TIMES):
        return Text(), f"{why}, and {NO_MODEL}"
    match affinity(column, table.strict):
        case Affinity.INTEGER:
            return Bigint(), why
        case Affinity.TEXT:
            return (Varchar(first), why) if first and "CHAR" in declared else (Text(), why)
        case Affinity.REAL:
            return DoublePrecision(), why
        case Affinity.NUMERIC if declared.startswith(_NUMBERS):
            return Numeric(first, (second or 0) if first else None), why
        case Affinity.BLOB if "BLOB" in declared:
            return Bytea(), why
        case _:
            return Text(), NO_KIND


def _is_checked_json(table: Table, column: Column) -> bool:
    """True if a CHECK says of the column alone that it is JSON, as Django's JSONField does."""
    name = canonical(column.name)
    valid = f"json_valid ( {name} )"
    spellings = {valid, f"( {valid} or {name} is null )", f"{valid} or {name} is null"}
    return any(check.expression.canonical in spellings for check in table.checks)


def _split(declared: str) -> tuple[str, int | None, int | None]:
    """(type without its size, first number, second number)."""
    found = _SIZED.match(declared)
    if found is None:
        return declared, None, None
    return found[1].strip(), int(found[2]), int(found[3]) if found[3] else None
