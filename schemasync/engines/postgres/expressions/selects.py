"""Translates SELECTs of views: joins, subqueries, groups, unions and common tables, as far as both engines read them
alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from ....schema.names import fold, quote
from .compare import as_key
from .grouped import SelectValues, as_result, determined_keys, has_aggregate, is_one_row
from .sources import Row, Scope, Source, result_row
from .values import UNKNOWN, Refuse, Value, ValueKind

_SELECT = {"kind", "expressions", "limit", "from_", "joins", "where", "group", "having", "order", "offset", "distinct"}
_JOIN = {"this", "side", "kind", "on"}
_UNIONS: dict[type[exp.Expr], str] = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}


@dataclass(frozen=True, slots=True)
class Selected:
    """A SELECT for PostgreSQL, and its result columns."""

    sql: str
    names: tuple[str, ...]
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view under its name on PostgreSQL."""

    name: str
    row: Row
    key: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Selects:
    """Translates SELECTs over `relations`, which are found by their folded names."""

    relations: Mapping[str, Relation]
    refuse: Refuse

    def query(self, node: exp.Query, outer: Scope | None = None) -> Selected:
        """Translate a SELECT or a compound SELECT, with its WITH."""
        common = node.args.get("with_")
        if common is None:
            return self._bare(node, outer)
        if common.args.get("recursive"):
            self.refuse("WITH RECURSIVE")
        known, clauses = dict(self.relations), []
        for table in common.expressions:
            found = replace(self, relations=known).query(table.this, outer)
            names = [one.name for one in table.args["alias"].columns] or found.names
            known[fold(table.alias)] = Relation(table.alias, result_row(names, found.values))
            clauses.append(f"{quote(table.alias)} ({', '.join(map(quote, names))}) AS ({found.sql})")
        inner = replace(self, relations=known)._bare(node, outer)
        return replace(inner, sql=f"WITH {', '.join(clauses)} {inner.sql}")

    def _bare(self, node: exp.Query, outer: Scope | None) -> Selected:
        match node:
            case exp.Select():
                return _One(self, node, outer).selected()
            case exp.Union() | exp.Except() | exp.Intersect():
                return self._compound(node, outer)
            case exp.Subquery():
                return self.query(node.this, outer)
            case _:
                self.refuse(node.sql(dialect="sqlite")[:60])
                return Selected("SELECT NULL", ("x",), (UNKNOWN,))

    def _compound(self, node: exp.SetOperation, outer: Scope | None) -> Selected:
        left, right = self.query(node.this, outer), self.query(node.expression, outer)
        is_distinct = bool(node.args.get("distinct"))
        for one, other in zip(left.values, right.values, strict=False):
            kinds = {one.kind, other.kind} - {ValueKind.UNKNOWN, ValueKind.NULL}
            if len(kinds) > 1 or (is_distinct and (one.is_folded or other.is_folded or kinds & {ValueKind.JSON})):
                self.refuse(f"{_UNIONS[type(node)]} of " + " and ".join(sorted(kind.value for kind in kinds)))
        if node.args.get("order") or node.args.get("limit") or node.args.get("offset"):
            self.refuse(f"ORDER BY or LIMIT of a {_UNIONS[type(node)]}")
        word = _UNIONS[type(node)] + ("" if is_distinct else " ALL")
        return replace(left, sql=f"({left.sql}) {word} ({right.sql})")


class _One:
    """Translates one SELECT."""

    def __init__(self, selects: Selects, node: exp.Select, outer: Scope | None) -> None:
        self.selects, self.node, self.refuse = selects, node, selects.refuse
        self.scope = Scope(outer=outer)
        self.plain = SelectValues(self.scope.value, self.refuse, self._inner, self.scope)
        for key, value in node.args.items():
            if value and key not in _SELECT | {"with_"}:
                self.refuse(f"{key.strip('_').upper()} in a SELECT")

    def selected(self) -> Selected:
        from_ = self._from()
        where = self.node.args.get("where")
        pieces = [f" WHERE {self.plain.condition(where.this)}"] if where is not None else []
        group, to = self._group()
        items = [item for one in self.node.expressions for item in self._item(one, to)]
        pieces.append(group)
        if (having := self.node.args.get("having")) is not None:
            pieces.append(f" HAVING {to.condition(having.this)}")
        pieces += [self._order(to, items), *self._limits()]
        shown = ", ".join(f"{value.sql} AS {quote(name)}" for name, value in items)
        distinct = self._distinct([value for _, value in items])
        names, values = tuple(name for name, _ in items), tuple(value for _, value in items)
        return Selected(f"SELECT {distinct}{shown}{from_}{''.join(pieces)}", names, values)

    # --- FROM -----------------------------------------------------------------------------------------------------

    def _from(self) -> str:
        from_ = self.node.args.get("from_")
        if from_ is None:
            return ""
        pieces = [f" FROM {self._source(from_.this)}"]
        for join in self.node.args.get("joins") or ():
            for key, value in join.args.items():
                if value and key not in _JOIN:
                    self.refuse(f"a JOIN with {key.strip('_').upper()}")
            side, on = str(join.args.get("side") or ""), join.args.get("on")
            there = self._source(join.this)
            if on is None and not side:
                pieces.append(f" CROSS JOIN {there}")
            else:
                condition = "true" if on is None else self.plain.condition(on)
                pieces.append(f" {side + ' ' if side else ''}JOIN {there} ON {condition}")
        return "".join(pieces)

    def _source(self, node: exp.Expr) -> str:
        if (
            isinstance(node, exp.Table)
            and isinstance(node.this, exp.Identifier)
            and set(node.args) <= {"this", "alias"}
        ):
            relation = self.selects.relations.get(fold(node.name))
            if relation is not None:
                alias = node.alias or relation.name
                self.scope.sources.append(Source(alias, relation.row, relation.key))
                return f"{quote(relation.name)} AS {quote(alias)}"
        if isinstance(node, exp.Subquery) and isinstance(node.this, exp.Query):
            found = self.selects.query(node.this)
            alias = node.alias or f"subquery_{len(self.scope.sources)}"
            self.scope.sources.append(Source(alias, result_row(found.names, found.values)))
            return f"({found.sql}) AS {quote(alias)}"
        self.refuse(f"FROM {node.sql(dialect='sqlite')[:60]}")
        return "nothing"

    def _inner(self, node: exp.Query) -> Value:
        """Translate a SELECT inside an expression. SQLite takes the first of several rows; PostgreSQL refuses more than
        one."""
        found = self.selects.query(node, self.scope)
        limit = node.args.get("limit")
        is_single = (limit is not None and limit.expression == exp.Literal.number(1)) or (
            isinstance(node, exp.Select) and node.args.get("group") is None and all(map(is_one_row, node.expressions))
        )
        is_in = isinstance(node.parent, exp.Exists) or isinstance(node.parent and node.parent.parent, exp.In)
        if not is_single and not is_in:
            self.refuse("a subquery that may have several rows")
        return replace(found.values[0], sql=found.sql)

    # --- what is selected -----------------------------------------------------------------------------------------

    def _item(self, node: exp.Expr, to: SelectValues) -> list[tuple[str, Value]]:
        if isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star)):
            table = node.table if isinstance(node, exp.Column) else ""
            if to.grouped is not None:
                self.refuse("* with GROUP BY")
            return [
                item for one in self.scope.sources if not table or fold(one.name) == fold(table) for item in one.all()
            ]
        inner = node.this if isinstance(node, exp.Alias) else node
        value = to.value(inner)
        name = node.alias_or_name or f"column{len(self.node.expressions)}_{self.node.expressions.index(node)}"
        return [(name, as_result(value))]

    def _group(self) -> tuple[str, SelectValues]:
        group = self.node.args.get("group")
        is_grouped = any(map(has_aggregate, [*self.node.expressions, self.node.args.get("having")]))
        if group is None:
            return "", replace(self.plain, grouped=()) if is_grouped else self.plain
        nodes = tuple(map(self._meant, group.expressions))
        nodes += tuple(determined_keys(self.node, self.scope, nodes))
        values = [self.plain.value(one) for one in nodes]
        for value in values:
            if value.is_folded or value.is_explicit or value.kind in (ValueKind.JSON, ValueKind.OTHER):
                self.refuse(f"GROUP BY of {'text with NOCASE or RTRIM' if value.is_folded else value.kind.value}")
        return f" GROUP BY {', '.join(value.sql for value in values)}", replace(self.plain, grouped=nodes)

    def _meant(self, node: exp.Expr) -> exp.Expr:
        """Return the selected expression that a position or an alias in GROUP BY or ORDER BY stands for; any other node
        unchanged."""
        selected: Sequence[exp.Expr] = self.node.expressions
        if isinstance(node, exp.Literal) and node.is_int and 0 < int(node.this) <= len(selected):
            one = selected[int(node.this) - 1]
            return one.unalias()
        if isinstance(node, exp.Column) and not node.table:
            for one in selected:
                if isinstance(one, exp.Alias) and fold(one.alias) == fold(node.name):
                    return one.unalias()
        return node

    def _distinct(self, values: Sequence[Value]) -> str:
        if not self.node.args.get("distinct"):
            return ""
        if any(value.is_folded or value.kind in (ValueKind.JSON, ValueKind.OTHER) for value in values):
            self.refuse("DISTINCT of text with NOCASE or RTRIM, or of JSON")
        return "DISTINCT "

    def _order(self, to: SelectValues, items: Sequence[tuple[str, Value]]) -> str:
        """Return the ORDER BY. NULL sorts before everything else in SQLite, and after it in PostgreSQL."""
        order = self.node.args.get("order")
        if order is None:
            return ""
        terms = []
        for one in order.expressions:
            value = to.value(self._meant(one.this))
            key = as_key(value) if value.kind is ValueKind.TEXT else value.sql
            direction = "DESC" if one.args.get("desc") else "ASC"
            terms.append(f"{key} {direction} NULLS {'FIRST' if one.args.get('nulls_first') else 'LAST'}")
            if self.node.args.get("distinct") and key not in [one.sql for _, one in items]:
                self.refuse("ORDER BY of what DISTINCT does not select")
        return f" ORDER BY {', '.join(terms)}"

    def _limits(self) -> list[str]:
        found = []
        for word in ("limit", "offset"):
            node = self.node.args.get(word)
            if node is not None:
                number = node.expression
                if not (isinstance(number, exp.Literal) and number.is_int):
                    self.refuse(f"{word.upper()} with a number that is not written out")
                found.append(f" {word.upper()} {number.sql()}")
        return found
