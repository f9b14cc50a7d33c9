"""Arithmetic: with 64 bits, in floats of eight bytes, and with NULL for a division by 0, as in SQLite."""

from __future__ import annotations

from sqlglot import exp

from .values import NUMBERS, UNKNOWN, Translating, Value, ValueKind, as_bigint, as_float, as_number


def negated(to: Translating, value: Value) -> Value:
    value = as_number(value)
    match value.kind, value.literal:
        case ValueKind.INT | ValueKind.FLOAT, int() | float() as number:
            exact = f"(-{value.exact})" if value.exact else ""
            return Value(f"(-{value.sql})", value.kind, -number, exact=exact, scale=value.scale)
        case ValueKind.INT | ValueKind.FLOAT | ValueKind.DECIMAL, _:
            exact = f"(-{value.exact})" if value.exact else ""
            sql = as_bigint(value) if value.kind is ValueKind.INT else value.sql
            return Value(f"(-{sql})", value.kind, exact=exact, scale=value.scale)
        case ValueKind.NULL | ValueKind.UNKNOWN, _:
            return value
        case _:
            return to.refused(f"- before {value.kind.value}")


def calculated(to: Translating, left: Value, operator: str, right: Value) -> Value:
    left, right = as_number(left), as_number(right)
    kinds = {left.kind, right.kind}
    if ValueKind.UNKNOWN in kinds:
        return UNKNOWN
    if not kinds <= NUMBERS:
        return to.refused(f"{operator} with {' and '.join(sorted(kind.value for kind in kinds - NUMBERS))}")
    exact = f"({left.exact} {operator} {right.exact})" if left.exact and right.exact else ""
    scale = left.scale + right.scale if operator == "*" else max(left.scale, right.scale)
    if kinds == {ValueKind.INT}:
        return Value(f"({as_bigint(left)} {operator} {as_bigint(right)})", ValueKind.INT, exact=exact)
    return Value(f"({as_float(left)} {operator} {as_float(right)})", ValueKind.FLOAT, exact=exact, scale=scale)


def divided(to: Translating, node: exp.Div | exp.Mod) -> Value:
    """Translate a division or remainder, which is NULL in SQLite if the divisor is 0."""
    operator = "/" if isinstance(node, exp.Div) else "%"
    left, right = as_number(to.value(node.this)), as_number(to.value(node.expression))
    kinds = {left.kind, right.kind}
    if ValueKind.UNKNOWN in kinds:
        return UNKNOWN
    if kinds == {ValueKind.INT}:
        return Value(f"({as_bigint(left)} {operator} nullif({as_bigint(right)}, 0))", ValueKind.INT)
    if operator == "/" and kinds <= {ValueKind.INT, ValueKind.FLOAT}:
        return Value(f"({as_float(left)} / nullif({as_float(right)}, 0))", ValueKind.FLOAT)
    return to.refused(f"{operator} with {' and '.join(sorted(kind.value for kind in kinds))}")


def on_bits(to: Translating, left: Value, operator: str, right: Value) -> Value:
    left, right = as_number(left), as_number(right)
    if {left.kind, right.kind} != {ValueKind.INT}:
        return UNKNOWN if ValueKind.UNKNOWN in (left.kind, right.kind) else to.refused(f"{operator} with no integers")
    return Value(f"({as_bigint(left)} {operator} {as_bigint(right)})", ValueKind.INT)


def truncated(sql: str) -> str:
    """Return SQL for a float as an integer: a number outside of 64 bits becomes the greatest or the smallest
    integer."""
    least, most = -(2**63), 2**63 - 1
    return (
        f"CASE WHEN {sql} >= {most + 1} THEN {most} WHEN {sql} < {least} THEN ({least}) ELSE trunc({sql})::bigint END"
    )
