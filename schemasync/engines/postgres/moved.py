"""The tables of a move: their columns on PostgreSQL, and how their rows are found on both sides. Knows no database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ...schema.model import IndexedColumn, Schema, Table
from ...schema.names import fold
from ...schema.on_postgres import OnMove
from .types import PgColumn, Text

FIRST, LAST = -(1 << 63), (1 << 63) - 1  # the smallest and the largest row id
NO_POLICIES: Mapping[str, Mapping[str, OnMove]] = {}


@dataclass(frozen=True, slots=True)
class UniqueSet:
    """Columns whose combined values must be unique; `where`: the condition of a partial index, in SQLite's SQL."""

    columns: tuple[PgColumn, ...]
    where: str | None = None


@dataclass(frozen=True, slots=True)
class MovedTable:
    """A table of a move. `target`: its name on PostgreSQL. `key`: the columns of the primary key. `rowid`: a name for
    the row id; None if columns hide all of its names. `policies`: by folded column."""

    name: str
    columns: tuple[PgColumn, ...]
    key: tuple[PgColumn, ...] = ()
    rowid: str | None = None
    rowid_column: str | None = None
    counts: bool = False
    uniques: tuple[UniqueSet, ...] = ()
    policies: Mapping[str, OnMove] = field(default_factory=dict)
    target: str = ""

    def __post_init__(self) -> None:
        if not self.target:
            object.__setattr__(self, "target", self.name)

    @property
    def copied(self) -> tuple[PgColumn, ...]:
        """The columns whose values are copied; PostgreSQL computes the others."""
        return tuple(column for column in self.columns if not column.generated)

    def policy(self, column: PgColumn) -> OnMove | None:
        """Return the column's `on_move` in schema.json; None without one."""
        return self.policies.get(fold(column.name))


@dataclass(frozen=True, slots=True)
class RowIds:
    """The rows of a table whose row ids are from `first` to `last`, both included."""

    first: int
    last: int


def as_text(
    columns: Mapping[str, tuple[PgColumn, ...]], on_move: Mapping[str, Mapping[str, OnMove]]
) -> dict[str, tuple[PgColumn, ...]]:
    """Return the columns, with the type text for those with `"on_move": "text"`."""

    def become(table: str, column: PgColumn) -> PgColumn:
        if on_move.get(fold(table), {}).get(fold(column.name)) is not OnMove.TEXT:
            return column
        return replace(column, type=Text(), collation="C", identity=False, why='"on_move": "text"')

    return {table: tuple(become(table, one) for one in several) for table, several in columns.items()}


def moved_tables(
    schema: Schema,
    columns: Mapping[str, tuple[PgColumn, ...]],
    on_move: Mapping[str, Mapping[str, OnMove]] = NO_POLICIES,
) -> tuple[MovedTable, ...]:
    """Return the tables of the schema that have columns on PostgreSQL; virtual tables have none."""
    become = as_text(columns, on_move)
    return tuple(
        _moved(table, become[table.name], on_move.get(fold(table.name), {}))
        for table in schema.tables
        if table.name in become
    )


def _moved(table: Table, columns: tuple[PgColumn, ...], policies: Mapping[str, OnMove]) -> MovedTable:
    by_name = {fold(column.name): column for column in columns}
    key = table.primary_key

    def find(parts: tuple[IndexedColumn, ...]) -> tuple[PgColumn, ...]:
        return tuple(by_name[fold(one.column)] for one in parts if one.column is not None)

    plain = [(one.columns, None) for one in (*((key,) if key else ()), *table.uniques)]
    indexed = [(one.columns, one.where.text if one.where else None) for one in table.indexes if one.unique]
    return MovedTable(
        table.name,
        columns,
        find(key.columns) if key is not None else (),
        table.free_rowid_name,
        table.rowid_column,
        key is not None and key.autoincrement,
        tuple(
            UniqueSet(find(parts), where)
            for parts, where in (*plain, *indexed)
            if all(one.column is not None for one in parts)
        ),
        policies,
    )
