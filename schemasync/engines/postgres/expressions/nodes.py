"""Rules for each kind of node in a syntax tree: its translation, and when its meaning would change."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlglot import exp

from ....schema.names import string_literal
from . import compare
from .arithmetic import calculated, divided, negated, on_bits, truncated
from .functions import FUNCTIONS, NAMED
from .literals import as_number_literal
from .values import (
    NULL,
    UNKNOWN,
    Refuse,
    Value,
    ValueKind,
    as_condition,
    as_float,
    as_number,
    as_text,
    collated,
    result_of,
    text_result,
    unified,
)

Columns = Callable[[str, str], Value | None]
"""The value of a column, by the folded names of its table ('' if none is given) and of itself."""

INTEGERS = range(-(2**63), 2**63)

COMPARISONS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
}
ARITHMETIC: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*"}
BITS: dict[type[exp.Expr], str] = {exp.BitwiseAnd: "&", exp.BitwiseOr: "|"}


@dataclass(frozen=True, slots=True)
class Translation:
    """Translates the nodes of one expression. `columns` finds the value of a column; `refuse` notes each part that is
    not translated, so that all are reported at once; `subquery` translates a SELECT inside the expression."""

    columns: Columns
    refuse: Refuse
    subquery: Callable[[exp.Query], Value] | None = None

    def condition(self, node: exp.Expr) -> str:
        return as_condition(self.value(node), self.refuse)

    def text(self, node: exp.Expr, what: str) -> Value:
        """Return the value of an operand that must be text; refuses any other kind."""
        value = self.value(node)
        if value.kind in (ValueKind.TEXT, ValueKind.UNKNOWN):
            return value
        return self.refused(f"{what} of {value.kind.value}")

    def refused(self, what: str) -> Value:
        self.refuse(what)
        return UNKNOWN

    def value(self, node: exp.Expr) -> Value:  # one case for each kind of node
        match node:
            case exp.Column():
                return self._column(node)
            case exp.Paren():
                inner = self.value(node.this)
                return inner if inner.literal is not None else replace(inner, sql=f"({inner.sql})")
            case exp.Literal():
                return self._literal(node)
            case exp.Null():
                return NULL
            case exp.Boolean():
                return Value("true" if node.this else "false", ValueKind.BOOL, int(node.this))
            case exp.HexString():
                return Value(f"'\\x{node.this}'::bytea", ValueKind.BYTES, bytes.fromhex(node.this))
            case exp.Neg():
                return negated(self, self.value(node.this))
            case exp.And() | exp.Or():
                word = "AND" if isinstance(node, exp.And) else "OR"
                return _bool(f"({self.condition(node.this)} {word} {self.condition(node.expression)})")
            case exp.Not():
                return _bool(f"(NOT {self.condition(node.this)})")
            case exp.Is():
                return self._is(node)
            case exp.Between():
                return self._between(node)
            case exp.In():
                return self._in(node)
            case exp.Collate():
                return collated(self.value(node.this), node.expression.name.lower(), self.refuse)
            case exp.DPipe():
                return self._joined(node)
            case exp.Div() | exp.Mod():
                return divided(self, node)
            case exp.Case():
                return self._case(node)
            case exp.Cast():
                return self._cast(node)
            case exp.Subquery() | exp.Exists() if self.subquery is not None:
                return self._subquery(node)
            case _:
                return self._by_table(node)

    def _by_table(self, node: exp.Expr) -> Value:
        if (operator := COMPARISONS.get(type(node))) is not None:
            left, right = self.value(node.this), self.value(node.expression)
            return _bool(compare.compared(left, operator, right, self.refuse))
        if (operator := ARITHMETIC.get(type(node))) is not None:
            return calculated(self, self.value(node.this), operator, self.value(node.expression))
        if (operator := BITS.get(type(node))) is not None:
            return on_bits(self, self.value(node.this), operator, self.value(node.expression))
        named = NAMED.get(node.name.lower()) if isinstance(node, exp.Anonymous) else None
        if (function := named or FUNCTIONS.get(type(node))) is not None:
            return function(self, node)
        return self.refused(_named(node))

    def _column(self, node: exp.Column) -> Value:
        found = self.columns(node.table, node.name)
        return found if found is not None else self.refused(f"the name {node.name}")

    def _literal(self, node: exp.Literal) -> Value:
        text = str(node.this)
        if node.is_string:
            return Value(string_literal(text), ValueKind.TEXT, text)
        if text.isdigit():
            number = int(text)
            return (
                Value(text, ValueKind.INT, number, exact=text)
                if number in INTEGERS
                else self.refused(f"the number {text}")
            )
        if not math.isfinite(float(text)):
            return self.refused(f"the number {text}")
        scale = len(text.partition(".")[2]) if text.replace(".", "").isdigit() else 0
        return Value(text, ValueKind.FLOAT, float(text), exact=text if "." in text and scale else "", scale=scale)

    def _is(self, node: exp.Is) -> Value:
        right = node.expression
        if isinstance(right, exp.Null):
            return _bool(f"({self.value(node.this).sql} IS NULL)")
        if isinstance(right, exp.Boolean):
            return _bool(f"({self.condition(node.this)} IS {'TRUE' if right.this else 'FALSE'})")
        left = self.value(node.this)
        return _bool(compare.compared(left, "IS NOT DISTINCT FROM", self.value(right), self.refuse))

    def _between(self, node: exp.Between) -> Value:
        value = self.value(node.this)
        low = compare.compared(value, ">=", self.value(node.args["low"]), self.refuse)
        high = compare.compared(value, "<=", self.value(node.args["high"]), self.refuse)
        return _bool(f"({low} AND {high})")

    def _in(self, node: exp.In) -> Value:
        if node.args.get("query") is not None or not node.expressions:
            return self.refused("IN with a SELECT or an empty list")
        value = self.value(node.this)
        items = [  # the left side alone decides about collation and conversion
            replace(self.value(one), collation=None, is_explicit=False, is_column=False) for one in node.expressions
        ]
        found = [compare.compared(value, "=", one, self.refuse) for one in items]
        return _bool(f"({' OR '.join(found)})")

    def _joined(self, node: exp.DPipe) -> Value:
        both = [self.value(node.this), self.value(node.expression)]
        return text_result(f"({' || '.join(map(self._as_text, both))})", *both)

    def _as_text(self, value: Value) -> str:
        value = as_number(value)
        match value.kind:
            case ValueKind.TEXT:
                return as_text(value)
            case ValueKind.INT:
                return f"({value.sql})::text"
            case ValueKind.NULL | ValueKind.UNKNOWN:
                return "NULL::text"
            case _:
                self.refuse(f"{value.kind.value} as text")
                return "NULL::text"

    def _case(self, node: exp.Case) -> Value:
        subject = None if node.this is None else self.value(node.this)
        tests = [
            self.condition(one.this)
            if subject is None
            else compare.compared(subject, "=", self.value(one.this), self.refuse)
            for one in node.args["ifs"]
        ]
        default = node.args.get("default")
        results = [self.value(one.args["true"]) for one in node.args["ifs"]]
        results = unified([*results, NULL if default is None else self.value(default)], self.refuse)
        whens = " ".join(f"WHEN {test} THEN {result.sql}" for test, result in zip(tests, results, strict=False))
        return result_of(f"CASE {whens} ELSE {results[-1].sql} END", results)

    def _cast(self, node: exp.Cast) -> Value:
        value, to = as_number(self.value(node.this)), node.to
        is_integer, is_float = to.is_type(*exp.DataType.INTEGER_TYPES), to.is_type(*exp.DataType.FLOAT_TYPES)
        is_text = to.is_type(*exp.DataType.TEXT_TYPES)
        match value.kind:
            case ValueKind.NULL | ValueKind.UNKNOWN:
                return value
            case ValueKind.INT if is_integer:
                return value
            case ValueKind.FLOAT | ValueKind.DECIMAL if is_integer:
                return Value(truncated(as_float(value)), ValueKind.INT)
            case ValueKind.INT | ValueKind.FLOAT | ValueKind.DECIMAL if is_float:
                return Value(as_float(value), ValueKind.FLOAT)
            case ValueKind.INT | ValueKind.TEXT if is_text:
                return text_result(self._as_text(value), value)
            case ValueKind.TEXT if (
                to.is_type(exp.DType.DECIMAL) and (number := as_number_literal(value.literal)) is not None
            ):
                return number
            case ValueKind.INT | ValueKind.DECIMAL if not is_text and to.is_type(exp.DType.DECIMAL):
                return value
            case ValueKind.FLOAT if value.exact and to.is_type(exp.DType.DECIMAL):
                return value
            case _:
                return self.refused(f"CAST of {value.kind.value} AS {to.sql()}")

    def _subquery(self, node: exp.Subquery | exp.Exists) -> Value:
        assert self.subquery is not None
        inner = node.this
        if not isinstance(inner, exp.Query):
            return self.refused(_named(node))
        found = self.subquery(inner)
        if isinstance(node, exp.Exists):
            return _bool(f"EXISTS ({found.sql})")
        return replace(found, sql=f"({found.sql})", literal=None, exact="", is_narrow=True)


def _bool(sql: str) -> Value:
    return Value(sql, ValueKind.BOOL)


def _named(node: exp.Expr) -> str:
    """Return the name of an untranslated node for a message: `the function …()`, or its SQL, cut after 60
    characters."""
    if isinstance(node, exp.Func):
        name = node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        return f"the function {name.lower()}()"
    return node.sql(dialect="sqlite")[:60]
