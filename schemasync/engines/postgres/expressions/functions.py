"""The functions that are known to mean the same in both, some after a change. All other functions are refused by
name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from ....schema.names import string_literal
from . import compare
from .matching import escape, glob, like
from .values import (
    NULL,
    NUMBERS,
    UNKNOWN,
    Translating,
    Value,
    ValueKind,
    as_bigint,
    as_float,
    as_number,
    as_text,
    in_c,
    result_of,
    text_result,
    unified,
)

Rule = Callable[[Translating, Any], Value]


def _lower(to: Translating, node: exp.Lower | exp.Upper) -> Value:
    """Translate lower() and upper(). Under the collation C only the letters of ASCII have a case, as in SQLite."""
    name = "lower" if isinstance(node, exp.Lower) else "upper"
    value = to.text(node.this, f"{name}()")
    return text_result(f"{name}({in_c(value)})", value)


def _length(to: Translating, node: exp.Length) -> Value:
    value = to.value(node.this)
    if value.kind not in (ValueKind.TEXT, ValueKind.BYTES, ValueKind.UNKNOWN):
        return to.refused(f"length() of {value.kind.value}")
    return Value(f"length({as_text(value)})", ValueKind.INT, is_narrow=True)


def _substr(to: Translating, node: exp.Substring) -> Value:
    """Translate substr(), except with a start before the first character or a negative length, which mean something
    else."""
    value = to.text(node.this, "substr()")
    numbers = [to.value(one).literal for one in (node.args.get("start"), node.args.get("length")) if one is not None]
    if (
        not all(isinstance(one, int) for one in numbers)
        or not numbers
        or int(numbers[0] or 0) < 1
        or int(numbers[-1] or 0) < 0
    ):
        return to.refused("substr() with a start or a length that is no positive number")
    return text_result(f"substr({', '.join([as_text(value), *map(str, numbers)])})", value)


def _trim(to: Translating, node: exp.Trim) -> Value:
    name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(str(node.args.get("position") or ""), "btrim")
    value = to.text(node.this, "trim()")
    set_ = node.args.get("expression")
    members = "' '" if set_ is None else as_text(to.text(set_, "trim()"))
    return text_result(f"{name}({as_text(value)}, {members})", value)


def _replace(to: Translating, node: exp.Replace) -> Value:
    values = [to.text(one, "replace()") for one in (node.this, node.expression, node.args["replacement"])]
    return text_result(f"replace({', '.join(map(as_text, values))})", *values)


def _instr(to: Translating, node: exp.StrPosition) -> Value:
    values = [to.text(one, "instr()") for one in (node.this, node.args["substr"])]
    return Value(f"strpos({as_text(values[0])}, {as_text(values[1])})", ValueKind.INT, is_narrow=True)


def _coalesce(to: Translating, node: exp.Coalesce) -> Value:
    values = unified([to.value(one) for one in (node.this, *node.expressions)], to.refuse)
    return result_of(f"coalesce({', '.join(value.sql for value in values)})", values)


def _nullif(to: Translating, node: exp.Nullif) -> Value:
    left, right = to.value(node.this), to.value(node.expression)
    same = compare.compared(left, "=", right, to.refuse)
    return result_of(f"CASE WHEN {same} THEN NULL ELSE {as_text(left)} END", [left])


def _iif(to: Translating, node: exp.If) -> Value:
    default = node.args.get("false")
    values = [to.value(node.args["true"]), NULL if default is None else to.value(default)]
    values = unified(values, to.refuse)
    return result_of(f"CASE WHEN {to.condition(node.this)} THEN {values[0].sql} ELSE {values[1].sql} END", values)


def _greatest(to: Translating, node: exp.Greatest | exp.Least) -> Value:
    """Translate max() and min() of several values: the result is NULL if one value is; GREATEST ignores NULL."""
    values = unified([to.value(one) for one in (node.this, *node.expressions)], to.refuse)
    if {value.kind for value in values} - {ValueKind.INT, ValueKind.FLOAT, ValueKind.NULL, ValueKind.UNKNOWN}:
        return to.refused("max() or min() of several values that are no numbers")
    name = "greatest" if isinstance(node, exp.Greatest) else "least"
    nulls = " OR ".join(f"{value.sql} IS NULL" for value in values)
    inner = ", ".join(value.sql for value in values)
    return result_of(f"CASE WHEN {nulls} THEN NULL ELSE {name}({inner}) END", values)


def _abs(to: Translating, node: exp.Abs) -> Value:
    value = to.value(node.this)
    if value.kind not in NUMBERS:
        return UNKNOWN if value.kind is ValueKind.UNKNOWN else to.refused(f"abs() of {value.kind.value}")
    exact = f"abs({value.exact})" if value.exact else ""
    sql = as_bigint(value) if value.kind is ValueKind.INT else value.sql
    return Value(f"abs({sql})", value.kind, exact=exact, scale=value.scale)


def _round(to: Translating, node: exp.Round) -> Value:
    """Translate round() to the nearest integer. SQLite rounds halves away from 0; PostgreSQL's round() takes them to
    the even number. SQLite rounds to digits after the point by way of text, which is refused."""
    value = as_number(to.value(node.this))
    if node.args.get("decimals") is not None or value.kind not in NUMBERS:
        return (
            UNKNOWN if value.kind is ValueKind.UNKNOWN else to.refused("round() to a number of digits, or of no number")
        )
    sql = as_float(value)
    half = f"trunc({sql} + CASE WHEN {sql} < 0 THEN -0.5 ELSE 0.5 END)"
    return Value(f"CASE WHEN abs({sql}) > {_WHOLE} THEN {sql} ELSE {half} END", ValueKind.FLOAT)


_WHOLE = 2**52  # from this number on, every float is an integer


def _pi(to: Translating, node: exp.Pi) -> Value:
    return Value("pi()", ValueKind.FLOAT)


def _hex(to: Translating, node: exp.Hex) -> Value:
    value = to.value(node.this)
    if value.kind is not ValueKind.BYTES:
        return to.refused(f"hex() of {value.kind.value}")
    return Value(f"coalesce(upper(encode({value.sql}, 'hex')), '')", ValueKind.TEXT)


def _typeof(to: Translating, node: exp.Typeof) -> Value:
    value = to.value(node.this)
    names = {
        ValueKind.INT: "integer",
        ValueKind.BOOL: "integer",
        ValueKind.TEXT: "text",
        ValueKind.FLOAT: "real",
        ValueKind.BYTES: "blob",
    }
    names |= dict.fromkeys(
        (ValueKind.DATE, ValueKind.TIME, ValueKind.TIMESTAMP, ValueKind.MOMENT, ValueKind.UUID), "text"
    )
    if value.kind not in names:
        return UNKNOWN if value.kind is ValueKind.UNKNOWN else to.refused(f"typeof() of {value.kind.value}")
    return Value(f"CASE WHEN {value.sql} IS NULL THEN 'null' ELSE '{names[value.kind]}' END", ValueKind.TEXT)


def _json_valid(to: Translating, node: exp.Anonymous) -> Value:
    """Translate json_valid(): every value of jsonb is valid. Of NULL it is NULL, as in SQLite from 3.45 on; before it
    is 0."""
    value = to.value(node.expressions[0])
    if value.kind is not ValueKind.JSON:
        return to.refused(f"json_valid() of {value.kind.value}")
    return Value(f"({value.sql} IS NOT NULL OR NULL)", ValueKind.BOOL)


def _date_part(to: Translating, node: exp.Expr) -> Value:
    """Translate a date function of a day alone: SQLite rounds fractions of a second, so 23:59:59.9996 may be the next
    day."""
    value = to.value(node.this.this if isinstance(node.this, exp.TsOrDsToTimestamp) else node.this)
    pattern = to.value(node.args["format"]).literal if node.args.get("format") is not None else "%Y-%m-%d"
    if value.kind is not ValueKind.DATE or not isinstance(pattern, str) or node.args.get("zone") or node.expressions:
        return to.refused(
            f"date functions of {value.kind.value}" if value.kind is not ValueKind.UNKNOWN else "a date function"
        )
    pieces, rest = [], pattern
    while rest:
        name, rest = (rest[:2], rest[2:]) if rest[0] == "%" else (rest[0], rest[1:])
        if len(name) == 2 and name not in _PARTS:
            return to.refused(f"strftime() with {name}")
        pieces.append(_PARTS[name].format(value.sql) if name in _PARTS else string_literal(name))
    return Value(f"({' || '.join(pieces) or chr(39) * 2})", ValueKind.TEXT)


_PARTS = {
    "%Y": "lpad(extract(year FROM {})::int::text, 4, '0')",
    "%m": "lpad(extract(month FROM {})::int::text, 2, '0')",
    "%d": "lpad(extract(day FROM {})::int::text, 2, '0')",
    "%j": "lpad(extract(doy FROM {})::int::text, 3, '0')",
}

FUNCTIONS: dict[type[exp.Expr], Rule] = {
    exp.Lower: _lower,
    exp.Upper: _lower,
    exp.Length: _length,
    exp.Substring: _substr,
    exp.Trim: _trim,
    exp.Replace: _replace,
    exp.StrPosition: _instr,
    exp.Like: like,
    exp.Escape: escape,
    exp.Glob: glob,
    exp.Coalesce: _coalesce,
    exp.Nullif: _nullif,
    exp.If: _iif,
    exp.Greatest: _greatest,
    exp.Least: _greatest,
    exp.Abs: _abs,
    exp.Hex: _hex,
    exp.Round: _round,
    exp.Pi: _pi,
    exp.Typeof: _typeof,
    exp.TimeToStr: _date_part,
    exp.Date: _date_part,
}
NAMED: dict[str, Rule] = {"json_valid": _json_valid}
"""Functions that sqlglot has no node for."""
