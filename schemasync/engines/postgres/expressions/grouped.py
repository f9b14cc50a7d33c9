"""Expressions in a SELECT: those of tables, aggregates, and columns outside of these, which have to be grouped by."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from sqlglot import exp

from .aggregates import aggregate, is_aggregate
from .nodes import Translation
from .sources import Scope
from .values import UNKNOWN, Kind, Value


@dataclass(frozen=True)
class SelectValues(Translation):
    """Translates expressions in a SELECT. `grouped`: the expressions of its GROUP BY, None without groups: every column
    outside of aggregates has to be one of them, or of a table whose key is among them."""

    scope: Scope = field(default_factory=Scope)
    grouped: tuple[exp.Expr, ...] | None = None

    def value(self, node: exp.Expr) -> Value:
        if is_aggregate(node):
            return aggregate(replace(self, grouped=None), node)
        if isinstance(node, exp.Filter):
            where = replace(self, grouped=None).condition(node.expression.this)
            found = self.value(node.this)
            return replace(found, sql=f"{found.sql} FILTER (WHERE {where})") if is_aggregate(node.this) else UNKNOWN
        if isinstance(node, exp.In) and node.args.get("query") is not None:
            return self._in_query(node)
        if self.grouped is not None:
            if node in self.grouped:
                return replace(self, grouped=None).value(node)
            if isinstance(node, exp.Column) and not self._is_determined(node):
                return self.refused(f"{node.name}, which is not in GROUP BY")
        return super().value(node)

    def _is_determined(self, node: exp.Column) -> bool:
        """True if the key of its table is grouped by: PostgreSQL then knows one value of it, too."""
        source, found = self.scope.source_of(node.table, node.name), self.columns(node.table, node.name)
        named = [one for one in self.grouped or () if isinstance(one, exp.Column)]
        if found is not None and found in [self.columns(one.table, one.name) for one in named]:
            return True
        known = {one.name for one in named if self.scope.source_of(one.table, one.name) is source}
        return source is None or (bool(source.key) and source.key <= known)

    def _in_query(self, node: exp.In) -> Value:
        assert self.subquery is not None
        value, found = self.value(node.this), self.subquery(node.args["query"].this)
        is_alike = value.kind is found.kind and not (value.is_citext or found.is_citext or value.is_explicit)
        if not is_alike or value.kind in (Kind.JSON, Kind.OTHER):
            return self.refused("IN with a SELECT of other values")
        return Value(f"({value.sql} IN ({found.sql}))", Kind.BOOL)


def as_result(value: Value) -> Value:
    """A comparison gives 0 or 1 in SQLite; a column of booleans is one there."""
    if value.kind is Kind.BOOL and not value.is_column:
        return Value(f"({value.sql})::int", Kind.INT, is_narrow=True)
    return value


def has_aggregate(node: exp.Expr | None) -> bool:
    """True if it has one that is not in a subquery."""
    if node is None or isinstance(node, exp.Query):
        return False
    return is_aggregate(node) or any(map(has_aggregate, node.iter_expressions()))


def is_one_row(node: exp.Expr) -> bool:
    """True for a selected expression that is an aggregate, of which a SELECT without groups has one row."""
    inner = node.this if isinstance(node, exp.Alias) else node
    return is_aggregate(inner)
