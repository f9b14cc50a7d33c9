"""Expressions in a SELECT: those of tables, aggregates, and columns outside of these, which have to be grouped by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from ....schema.names import fold
from .aggregates import aggregate, is_aggregate
from .nodes import Translation
from .sources import Scope, Source
from .values import UNKNOWN, Value, ValueKind


@dataclass(frozen=True)
class SelectValues(Translation):
    """Translates expressions in a SELECT. `grouped`: the expressions of its GROUP BY, None without groups. With groups,
    each column outside of aggregates must be one of them, or belong to a table whose key is among them."""

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
        """Return True if the GROUP BY has the key of the column's table: then PostgreSQL, too, knows one value of the
        column."""
        source, found = self.scope.source_of(node.table, node.name), self.columns(node.table, node.name)
        named = [one for one in self.grouped or () if isinstance(one, exp.Column)]
        if found is not None and found in [self.columns(one.table, one.name) for one in named]:
            return True
        known = {one.name for one in named if self.scope.source_of(one.table, one.name) is source}
        return source is None or (bool(source.key) and source.key <= known)

    def _in_query(self, node: exp.In) -> Value:
        assert self.subquery is not None
        value, found = self.value(node.this), self.subquery(node.args["query"].this)
        is_alike = value.kind is found.kind and not (value.is_folded or found.is_folded or value.is_explicit)
        if not is_alike or value.kind in (ValueKind.JSON, ValueKind.OTHER):
            return self.refused("IN with a SELECT of other values")
        return Value(f"({value.sql} IN ({found.sql}))", ValueKind.BOOL)


def as_result(value: Value) -> Value:
    """Return a value as a result column: a comparison gives 0 or 1 in SQLite; a boolean column stays one."""
    if value.kind is ValueKind.BOOL and not value.is_column:
        return Value(f"({value.sql})::int", ValueKind.INT, is_narrow=True)
    return value


def has_aggregate(node: exp.Expr | None) -> bool:
    """Return True if the expression has an aggregate outside of subqueries."""
    if node is None or isinstance(node, exp.Query):
        return False
    return is_aggregate(node) or any(map(has_aggregate, node.iter_expressions()))


def is_one_row(node: exp.Expr) -> bool:
    """Return True for a selected expression that is an aggregate: a SELECT of such expressions without groups has one
    row."""
    inner = node.this if isinstance(node, exp.Alias) else node
    return is_aggregate(inner)


def determined_keys(node: exp.Select, scope: Scope, grouped: Sequence[exp.Expr]) -> Iterator[exp.Column]:
    """Yield the keys to add to GROUP BY, which changes no group: those of tables that are joined, by their key, to a
    column with one value in each group. PostgreSQL infers this only for the tables in GROUP BY."""
    joins = node.args.get("joins") or ()
    if any(join.side in ("RIGHT", "FULL") for join in joins):
        return
    columns = [one for one in grouped if isinstance(one, exp.Column)]
    known = [source for source in scope.sources if _has_key(scope, source, columns)]
    for join in joins:
        source = next((one for one in scope.sources if fold(one.name) == fold(join.this.alias_or_name)), None)
        if source is None or not source.key or source in known or join.args.get("on") is None:
            continue
        equal = dict(_equalities(join.args["on"], scope, source))
        if equal.keys() >= source.key and all(equal[key] in known for key in source.key):
            known.append(source)
            yield from (exp.column(key, table=fold(source.name)) for key in sorted(source.key))


def _has_key(scope: Scope, source: Source, columns: Sequence[exp.Column]) -> bool:
    named = {one.name for one in columns if scope.source_of(one.table, one.name) is source}
    return bool(source.key) and source.key <= named


def _equalities(on: exp.Expr, scope: Scope, source: Source) -> Iterator[tuple[str, Source | None]]:
    """Yield (column of the source, other source) for each column that a join condition equates with a column of another
    source."""
    for part in on.flatten() if isinstance(on, exp.And) else [on]:
        if isinstance(part, exp.EQ) and isinstance(part.this, exp.Column) and isinstance(part.expression, exp.Column):
            for one, other in ((part.this, part.expression), (part.expression, part.this)):
                if scope.source_of(one.table, one.name) is source:
                    yield one.name, scope.source_of(other.table, other.name)
