"""Resolves the names in a SELECT: the tables, views and subqueries in FROM, with their columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ....schema.names import fold, quote
from ..types import PgColumn
from .values import Value, column_value

Row = Mapping[str, "Named"]
"""The columns of a relation, in their order, by folded name."""


@dataclass(frozen=True, slots=True)
class Named:
    """A column of a relation: its name on PostgreSQL, and its value without the name of the relation."""

    name: str
    value: Value


def row_of(columns: Sequence[PgColumn]) -> Row:
    """Return the columns of a table."""
    return {fold(column.name): Named(column.name, column_value(column)) for column in columns}


def result_row(names: Sequence[str], values: Sequence[Value]) -> Row:
    """Return the columns of a subquery or view. Their values have no literals, and no exact decimal digits."""
    return {
        fold(name): Named(name, replace(value, sql=quote(name), literal=None, exact="", scale=0))
        for name, value in zip(names, values, strict=True)
    }


@dataclass(frozen=True, slots=True)
class Source:
    """A relation under the name that it has in the SELECT. `key`: folded names of the columns of its primary key."""

    name: str
    row: Row
    key: frozenset[str] = frozenset()

    def value(self, column: str) -> Value | None:
        found = self.row.get(column)
        return self._prefixed(found.value) if found is not None else None

    def all(self) -> Iterator[tuple[str, Value]]:
        return ((named.name, self._prefixed(named.value)) for named in self.row.values())

    def _prefixed(self, value: Value) -> Value:
        prefix = quote(self.name) + "."
        exact = prefix + value.exact if value.exact else ""
        return replace(value, sql=prefix + value.sql, exact=exact)


@dataclass(slots=True)
class Scope:
    """The sources of a SELECT, and those of the SELECT around it."""

    sources: list[Source] = field(default_factory=list)
    outer: Scope | None = None

    def value(self, table: str, name: str) -> Value | None:
        """Return the value of the column with that folded name; None if there is none, or more than one."""
        found = [value for source in self._named(table) if (value := source.value(name)) is not None]
        if len(found) == 1:
            return found[0]
        return self.outer.value(table, name) if not found and self.outer is not None else None

    def source_of(self, table: str, name: str) -> Source | None:
        found = [source for source in self._named(table) if name in source.row]
        return found[0] if len(found) == 1 else None

    def _named(self, table: str) -> list[Source]:
        return [source for source in self.sources if not table or fold(source.name) == table]
