"""Converts a default or a generated value to the type of its column."""

from __future__ import annotations

from sqlglot import exp

from ....schema.names import string_literal
from ..types import (
    Bigint,
    Boolean,
    ByHand,
    Bytea,
    Citext,
    Date,
    DoublePrecision,
    Inet,
    Integer,
    Interval,
    Jsonb,
    Numeric,
    PgType,
    Smallint,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)
from .literals import as_literal_of, is_json
from .values import Value, ValueKind, as_float, as_number, as_text

NOW = "statement_timestamp()"
IN_UTC = f"{NOW} AT TIME ZONE 'UTC'"
_MOMENT, _DAY, _TIME = "YYYY-MM-DD HH24:MI:SS", "YYYY-MM-DD", "HH24:MI:SS"
_MOMENTS = {_MOMENT: "second", f"{_MOMENT}.MS": "milliseconds", f'{_MOMENT}.MS"000"': "milliseconds"}
_BY_TEXT = {
    Date: ValueKind.DATE,
    Time: ValueKind.TIME,
    Timestamp: ValueKind.TIMESTAMP,
    TimestampTz: ValueKind.MOMENT,
    Uuid: ValueKind.UUID,
}


def stored_as(value: Value, type_: PgType) -> str | None:
    """Return the value as that type, as SQLite's affinity would store it; None if it is not of that type, or may
    change."""
    if value.kind in (ValueKind.NULL, ValueKind.UNKNOWN):
        return "NULL"
    match type_:
        case Bigint() | Integer() | Smallint():
            return _integer(value)
        case Boolean():
            return _boolean(value)
        case Numeric(scale=scale):
            return _decimal(value, scale)
        case DoublePrecision():
            number = as_number(value)
            return as_float(number) if number.kind in (ValueKind.INT, ValueKind.FLOAT) else None
        case Text() | Varchar() | Citext():
            return _text(value)
        case Date() | Time() | Timestamp() | TimestampTz() | Uuid():
            kind = _BY_TEXT[type(type_)]
            return value.sql if value.kind is kind else as_literal_of(kind, value)
        case Jsonb():
            is_valid = isinstance(value.literal, str) and is_json(value.literal)
            return f"{value.sql}::jsonb" if is_valid else value.sql if value.kind is ValueKind.JSON else None
        case Bytea():
            return value.sql if value.kind is ValueKind.BYTES else None
        case Interval():
            return f"'{value.literal} microseconds'::interval" if isinstance(value.literal, int) else None
        case Inet() | ByHand():
            return None


def _integer(value: Value) -> str | None:
    """Return the SQL of an integer; None if it is none. A literal such as '0' is a number in an integer column of
    SQLite."""
    number = as_number(value)
    if number.kind is ValueKind.INT:
        return number.sql
    if isinstance(value.literal, str) and value.literal == str(_as_int(value.literal)):
        return value.literal
    if isinstance(value.literal, float) and value.literal.is_integer():
        return str(int(value.literal))
    return None


def _as_int(text: str) -> int | None:
    return int(text) if text.isascii() and text.lstrip("-").isdigit() else None


def _boolean(value: Value) -> str | None:
    if value.kind is ValueKind.BOOL:
        return value.sql
    number = _integer(value) if value.literal is not None else None
    return {"0": "false", "1": "true"}.get(number or "")


def _decimal(value: Value, scale: int | None) -> str | None:
    """Return the SQL of a decimal; None if it may change. PostgreSQL keeps the exact digits of a result, so no product
    or sum may have more of them than the column."""
    number = as_number(value)
    if isinstance(value.literal, str):
        return value.literal if value.literal == str(_as_int(value.literal)) else None
    if number.exact and scale is not None and number.scale <= scale:
        return number.exact
    is_plain = number.kind is ValueKind.INT or (number.kind is ValueKind.DECIMAL and scale is None)
    return number.sql if is_plain else None


def _text(value: Value) -> str | None:
    if value.kind is ValueKind.TEXT:
        return as_text(value)
    if value.kind is ValueKind.INT and value.literal is not None:
        return string_literal(str(value.literal))
    return None


def now_as(node: exp.Expr, type_: PgType) -> str | None:
    """Return a default that is the time of the INSERT, as a value of that type: in UTC and whole seconds, as in SQLite;
    None for any other expression."""
    form = _now_form(node)
    if form is None:
        return None
    match type_:
        case TimestampTz() | Timestamp() if form in _MOMENTS:
            return f"date_trunc('{_MOMENTS[form]}', {NOW if isinstance(type_, TimestampTz) else IN_UTC})"
        case Date():
            return f"({IN_UTC})::date" if form == _DAY else None
        case Time():
            return f"date_trunc('second', {IN_UTC})::time" if form == _TIME else None
        case Text() | Varchar() | Citext():
            return f"to_char({IN_UTC}, {string_literal(form)})"
        case _:
            return None


def _now_form(node: exp.Expr) -> str | None:
    """Return the format with which to_char() writes the current time as that expression does; None for any other
    expression."""
    match node:
        case exp.Paren():
            return _now_form(node.this)
        case exp.DPipe() if isinstance(node.expression, exp.Literal) and (form := _now_form(node.this)) is not None:
            return form + _quoted(str(node.expression.this))
        case exp.CurrentTimestamp():
            return _MOMENT
        case exp.CurrentDate():
            return _DAY
        case exp.CurrentTime():
            return _TIME
        case exp.Anonymous() if node.name.lower() in ("datetime", "time") and _is_now(*node.expressions):
            return _MOMENT if node.name.lower() == "datetime" else _TIME
        case exp.Date() if _is_now(node.this) and not node.args.get("zone") and not node.expressions:
            return _DAY
        case exp.TimeToStr() if isinstance(node.this, exp.TsOrDsToTimestamp) and _is_now(node.this.this):
            return _strftime(node.args["format"])
        case _:
            return None


def _is_now(*arguments: exp.Expr) -> bool:
    return not arguments or (
        len(arguments) == 1 and isinstance(arguments[0], exp.Literal) and str(arguments[0].this).lower() == "now"
    )


_PARTS = {"%Y": "YYYY", "%m": "MM", "%d": "DD", "%H": "HH24", "%M": "MI", "%S": "SS", "%f": "SS.MS"}


def _strftime(form: exp.Expr) -> str | None:
    """Convert the format of strftime() to one of to_char(); None if to_char() has no counterpart."""
    rest, pieces = str(form.this) if isinstance(form, exp.Literal) else "", []
    while rest:
        name, rest = (rest[:2], rest[2:]) if rest[0] == "%" else (rest[0], rest[1:])
        if len(name) == 2 and name not in _PARTS:
            return None
        pieces.append(_PARTS.get(name) or _quoted(name))
    return "".join(pieces) or None


def _quoted(text: str) -> str:
    """Quote text that to_char() is to repeat as it is."""
    return text if text in ("-", " ", ":", ".") else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
