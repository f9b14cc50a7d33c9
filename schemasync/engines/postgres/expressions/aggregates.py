"""Aggregate functions that are known to mean the same. Sums of floats may differ in their last digits, as between two
versions of SQLite."""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from .values import NUMBERS, UNKNOWN, Translating, Value, ValueKind, as_float, as_number

AGGREGATES = (exp.Count, exp.Sum, exp.Avg, exp.Min, exp.Max)
_ORDERED = NUMBERS | {ValueKind.TEXT, ValueKind.DATE, ValueKind.TIME, ValueKind.TIMESTAMP, ValueKind.MOMENT}


def is_aggregate(node: exp.Expr) -> bool:
    return isinstance(node, AGGREGATES) or (isinstance(node, exp.Anonymous) and node.name.lower() == "total")


def aggregate(to: Translating, node: Any) -> Value:
    """The value of an aggregate, whose operands `to` translates."""
    if isinstance(node, exp.Count):
        return _count(to, node)
    operand = node.expressions[0] if isinstance(node, exp.Anonymous) else node.this
    if isinstance(operand, exp.Distinct) or (node.expressions and not isinstance(node, exp.Anonymous)):
        return to.refused("an aggregate with DISTINCT")
    value = as_number(to.value(operand))
    match node:
        case exp.Min() | exp.Max():
            return _extreme(to, value, "min" if isinstance(node, exp.Min) else "max")
        case _ if value.kind not in NUMBERS:
            return UNKNOWN if value.kind is ValueKind.UNKNOWN else to.refused(f"a sum of {value.kind.value}")
        case exp.Avg():
            return Value(f"avg({as_float(value)})", ValueKind.FLOAT)
        case exp.Anonymous():
            return Value(f"coalesce(sum({as_float(value)}), 0)", ValueKind.FLOAT)
        case _:
            cast = "::bigint" if value.kind is ValueKind.INT else ""
            return Value(f"sum({value.sql}){cast}", value.kind)


def _count(to: Translating, node: exp.Count) -> Value:
    if node.this is None or isinstance(node.this, exp.Star):
        return Value("count(*)", ValueKind.INT)
    distinct = isinstance(node.this, exp.Distinct)
    operands = node.this.expressions if distinct else [node.this]
    values = [to.value(one) for one in operands]
    if len(values) != 1 or (distinct and (values[0].is_folded or values[0].kind in (ValueKind.JSON, ValueKind.OTHER))):
        return to.refused("count() of these values")
    return Value(f"count({'DISTINCT ' if distinct else ''}{values[0].sql})", ValueKind.INT)


def _extreme(to: Translating, value: Value, name: str) -> Value:
    if value.kind not in _ORDERED or value.is_folded:
        return UNKNOWN if value.kind is ValueKind.UNKNOWN else to.refused(f"{name}() of {value.kind.value}")
    return Value(f"{name}({value.sql})", value.kind, is_c=value.is_c)
