"""Translates the expressions of tables: DEFAULT, CHECK, indexes and their WHERE, generated columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from ....schema.model import IndexedColumn, Sql, Table
from ....schema.names import ROWID_NAMES, fold
from ..types import PgColumn
from .compare import as_key
from .nodes import Translation
from .stored import now_as, stored_as
from .syntax import NotRead, Reader
from .values import Value, ValueKind, collated, column_value


class Untranslated(Exception):
    """An expression is not known to mean the same on PostgreSQL. `reasons`: each part that is the cause, in a
    phrase."""

    def __init__(self, reasons: Sequence[str]) -> None:
        self.reasons = tuple(dict.fromkeys(reasons))
        super().__init__("; ".join(self.reasons))


@dataclass(frozen=True, slots=True)
class TableExpressions:
    """The expressions of one table, whose columns are known by their folded names."""

    reader: Reader
    table: Table
    columns: Mapping[str, PgColumn]

    def condition(self, sql: Sql) -> str:
        """Translate a CHECK, or the WHERE of an index. Raises Untranslated."""
        refusals: list[str] = []
        to = self._translation(refusals)
        found = to.condition(self._read(sql))
        return _unless(refusals, found)

    def is_plain(self, column: IndexedColumn) -> bool:
        """Return True if PostgreSQL compares the column itself as the key or index compares it."""
        made = self.columns.get(fold(column.column or ""))
        return made is not None and column.collation is None and made.folds is None

    def key(self, column: IndexedColumn) -> str:
        """Return the SQL of one column of an index, without its order. Raises Untranslated."""
        refusals: list[str] = []
        if column.expression is None:
            value = self._column("", fold(column.column or ""))
            assert value is not None
        else:
            value = self._translation(refusals).value(self._read(column.expression))
        if column.collation is not None:
            value = collated(value, column.collation, refusals.append)
        if value.kind in (ValueKind.JSON, ValueKind.OTHER):
            refusals.append(f"an index over {value.kind.value}")
        if isinstance(value.literal, str) or value.kind is ValueKind.NULL:
            return _unless(refusals, f"{value.sql}::text")  # PostgreSQL does not know their type
        return _unless(refusals, as_key(value) if value.kind is ValueKind.TEXT else value.sql)

    def default(self, column: PgColumn, sql: Sql) -> str:
        """Translate the DEFAULT of a column. Raises Untranslated."""
        node = self._read(sql, of_row=False)
        if (now := now_as(node, column.type)) is not None:
            return now
        refusals: list[str] = []
        value = Translation(lambda *_: None, refusals.append).value(node)
        return self._stored(value, column, refusals)

    def generated(self, column: PgColumn, sql: Sql) -> str:
        """Translate the expression of a generated column. Raises Untranslated."""
        refusals: list[str] = []

        def plain(table: str, name: str) -> Value | None:
            found = self.columns.get(fold(name))
            if found is not None and found.generated:
                refusals.append(f"the generated column {found.name}")
            return self._column(table, name)

        value = Translation(plain, refusals.append).value(self._read(sql))
        return self._stored(value, column, refusals)

    def _stored(self, value: Value, column: PgColumn, refusals: list[str]) -> str:
        found = None if refusals else stored_as(value, column.type)
        if found is None and not refusals:
            refusals.append(f"{value.kind.value} in a column of the type {column.type.sql}")
        return _unless(refusals, found or "")

    def _translation(self, refusals: list[str]) -> Translation:
        return Translation(self._column, refusals.append)

    def _read(self, sql: Sql, *, of_row: bool = True) -> exp.Expr:
        try:
            return self.reader.expression(sql.canonical, self.table.name if of_row else None)
        except NotRead as error:
            raise Untranslated([str(error)]) from error

    def _column(self, table: str, name: str) -> Value | None:
        name = fold(name)
        if name in ROWID_NAMES and name not in self.columns:
            name = fold(self.table.rowid_column or "")
        column = self.columns.get(name)
        return column_value(column) if column is not None else None


def _unless(refusals: Sequence[str], found: str) -> str:
    if refusals:
        raise Untranslated(refusals)
    return found
