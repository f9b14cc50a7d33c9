"""The old rows of a table as its new schema would hold them, in SQL, without writing."""

from __future__ import annotations

from ....errors import Refused
from ....plan.model import CarriedStep, ColumnSource, Origin
from ....schema.affinity import Affinity, affinity
from ....schema.model import Column, Table
from ....schema.names import ROWID_NAMES, fold, quote
from ..mapping import rowid_name, stored
from .effects import words

KEY = '"_schemasync_key"'
_ROWID = '"_schemasync_rowid"'

# The cast that gives an expression the affinity of a column, and the types that the column does not convert to it.
_CASTS = {
    Affinity.INTEGER: ("NUMERIC", "'text', 'blob'"),
    Affinity.NUMERIC: ("NUMERIC", "'text', 'blob'"),
    Affinity.REAL: ("REAL", "'text', 'blob'"),
    Affinity.TEXT: ("TEXT", "'blob'"),
}


class Projection:
    """The old rows of one table with its new columns, as subqueries that count and find them.

    `failing` are folded names of columns that cannot be computed, or should not be: they are NULL.
    """

    def __init__(self, step: CarriedStep, failing: frozenset[str] = frozenset()) -> None:
        self.old, self.new = step.old, step.new
        self.feeds = {fold(feed.column): feed for feed in step.feeds}
        self.failing = failing
        self._rowid = _rowid_or_null(self.old)

    def rows(self) -> str:
        """A subquery with the new columns under their names, computed from the old rows."""
        return self._generated(self._stored())

    def parts(self) -> list[str]:
        """Return the rows as two subqueries, for expressions that compare columns with literals of another type.

        `price > '0'` depends on the affinity of the column, which an expression has only with a CAST. The CAST changes
        the few values which the column's type does not convert, so rows with such values are checked without it.
        """
        casts = {
            column.name: _CASTS[kind]
            for column in self.new.columns
            if column.generated is None and not self.feeds[fold(column.name)].same
            if (kind := affinity(column, self.new.strict)) in _CASTS
        }
        if not casts:
            return [self.rows()]
        odd = " OR ".join(f"typeof({quote(name)}) IN ({kinds})" for name, (_, kinds) in casts.items())
        columns = [KEY, *self._rowid_names(), *(raw(c.name) for c in self.new.columns if c.generated is not None)]
        for column in self.new.columns:
            name = quote(column.name)
            if column.name in casts:
                sql = f"CAST({name} AS {casts[column.name][0]})"
                columns.append(f"{_collated(sql, column)} AS {name}")
            elif column.generated is None:
                columns.append(name)
        plain = self._stored()
        typed = f"(SELECT {', '.join(columns)} FROM {plain} WHERE NOT ({odd}))"
        return [self._generated(typed), self._generated(f"(SELECT * FROM {plain} WHERE {odd})")]

    def raws(self) -> str:
        """Return a subquery with the value that feeds each new column, before the column converts it."""
        raws = [f"{_key_sql(self.old)} AS {KEY}", f"{self._rowid} AS {_ROWID}"]
        for column in self.new.columns:
            raws.append(f"{self._source(self.feeds[fold(column.name)], column)} AS {raw(column.name)}")
        return f"(SELECT {', '.join(raws)} FROM {quote(self.old.name)})"

    def raws_and_before(self, most: int) -> str:
        """Return a subquery with the values that feed the first `most` new columns, and the old values; only columns
        with a fill."""
        found = [f"{_key_sql(self.old)} AS {KEY}"]
        for column in self.new.columns[:most]:
            feed = self.feeds[fold(column.name)]
            if feed.origin is Origin.FILLED and feed.source is not None:
                found.append(f"{self._source(feed, column)} AS {raw(column.name)}")
                found.append(f"{quote(feed.source)} AS {old_value(column.name)}")
        return f"(SELECT {', '.join(found)} FROM {quote(self.old.name)})"

    def _stored(self) -> str:
        """All columns except the generated ones, each value as the new column stores it.

        Raw values are included only when needed: a result may have 2,000 columns, a table nearly as many.
        """
        columns = [KEY]
        for column in self.new.columns:
            if column.generated is not None:
                columns.append(raw(column.name))
                continue
            value = self._value(self.feeds[fold(column.name)], column)
            columns.append(f"{value} AS {quote(column.name)}")
            if column.name == self.new.rowid_column:
                columns += [f"{value} AS {name}" for name in self._rowid_names()]
        if self.new.rowid_column is None:
            columns += [f"{_ROWID} AS {name}" for name in self._rowid_names()]
        return f"(SELECT {', '.join(columns)} FROM {self.raws()})"

    def _rowid_names(self) -> list[str]:
        """The names by which a CHECK or an index may refer to the new row id."""
        taken = {fold(column.name) for column in self.new.columns}
        return [] if self.new.without_rowid else [name for name in ROWID_NAMES if name not in taken]

    def _generated(self, sql: str) -> str:
        """Return the projection with its generated columns, in the order of their dependencies."""
        left = [column for column in self.new.columns if column.generated is not None]
        while left:
            names = {fold(column.name) for column in left}
            ready = [c for c in left if c.generated and not (names - {fold(c.name)}) & {*words(c.generated)}] or left
            computed = ", ".join(f"({self._expression(c)}) AS {_computed(c.name)}" for c in ready)
            values = ", ".join(
                f"{_collated(stored(_computed(c.name), c, self.new), c)} AS {quote(c.name)}" for c in ready
            )
            alias = quote(self.new.name)
            sql = f"(SELECT *, {values} FROM (SELECT *, {computed} FROM {sql} AS {alias}))"
            left = [column for column in left if column not in ready]
        return f"{sql} AS {quote(self.new.name)}"

    def _expression(self, column: Column) -> str:
        is_asked = column.generated is not None and fold(column.name) not in self.failing
        return column.generated.text if column.generated is not None and is_asked else "NULL"

    def _source(self, feed: ColumnSource, column: Column) -> str:
        if fold(column.name) in self.failing:
            return "NULL"
        if feed.origin is Origin.FILLED:
            return f"({feed.fill})"
        if feed.source is not None:
            return quote(feed.source)
        if column.name == self.new.rowid_column:
            return self._rowid
        return f"({column.default.text})" if column.default is not None else "NULL"

    def _value(self, feed: ColumnSource, column: Column) -> str:
        value = raw(column.name)
        if not feed.same:
            return _collated(stored(value, column, self.new), column)
        before = self.old.column(feed.source) if feed.source else None
        return value if before is not None and before.collation == column.collation else _collated(value, column)


def raw(column: str) -> str:
    """The alias of a value before the new column converts it."""
    return quote(f"_schemasync_raw_{column}")


def old_value(column: str) -> str:
    """The alias of the old value of a column that a fill computes again."""
    return quote(f"_schemasync_before_{column}")


def _computed(column: str) -> str:
    """The alias of the result of a generated column's expression, before the column converts it."""
    return quote(f"_schemasync_computed_{column}")


def _collated(sql: str, column: Column) -> str:
    """The SQL with the collation of the column: an expression that is not a column has none."""
    return f"({sql}) COLLATE {quote(column.collation or 'binary')}"


def _key_sql(table: Table) -> str:
    """Return SQL for a row's key as text that a person can search for."""
    key = table.primary_key
    names = [quote(column.column) for column in key.columns if column.column] if key else []
    if not names:
        return _rowid_or_null(table)
    return " || ', ' || ".join(f"quote({name})" for name in names) if len(names) > 1 else names[0]


def _rowid_or_null(table: Table) -> str:
    try:
        return rowid_name(table) or "NULL"
    except Refused:
        return "NULL"  # columns hide all names of the row id, which does not matter for a table that is only read
