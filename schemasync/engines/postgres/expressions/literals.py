"""Literals of SQLite's text as values of PostgreSQL's types: only in the one form that orders alike in both."""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time
from typing import Any

from ....schema.names import string_literal
from .values import Value, ValueKind

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d{6})?")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})?")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{32}")


def as_literal_of(kind: ValueKind, value: Value) -> str | None:
    """Return the SQL of a literal as a value of that kind; None if it has another form, in which the comparison may
    give another result."""
    if not isinstance(value.literal, str):
        return None
    text = string_literal(value.literal)
    match kind:
        case ValueKind.DATE if _is_valid(_DATE, value.literal, date.fromisoformat):
            return f"{text}::date"
        case ValueKind.TIME if _is_valid(_TIME, value.literal, time.fromisoformat):
            return f"{text}::time"
        case ValueKind.TIMESTAMP if _is_valid(_MOMENT, value.literal, datetime.fromisoformat):
            return f"{text}::timestamp"
        case ValueKind.MOMENT if _is_valid(_MOMENT, value.literal, datetime.fromisoformat):
            return f"{string_literal(value.literal + '+00')}::timestamptz"
        case ValueKind.UUID if _UUID.fullmatch(value.literal):
            return f"{text}::uuid"
        case _:
            return None


def as_number_beside(value: Value, other: Value) -> Value:
    """Return a text such as '10.5', compared with a column of numbers, as the number that SQLite takes it for; any
    other value unchanged. Django writes decimals so."""
    return (as_number_literal(value.literal) if other.is_column else None) or value


def as_number_literal(text: str | int | float | bytes | None) -> Value | None:
    """Return the number that a text in plain form means; None for any other text."""
    if not isinstance(text, str) or not _NUMBER.fullmatch(text) or abs(float(text)) >= 2**53:
        return None
    sql, scale = f"({text})" if text.startswith("-") else text, len(text.partition(".")[2])
    if "." in text:
        return Value(sql, ValueKind.FLOAT, float(text), exact=sql, scale=scale)
    return Value(sql, ValueKind.INT, int(text), exact=sql)


def _is_valid(form: re.Pattern[str], text: str, parse: Any) -> bool:
    if not form.fullmatch(text) or text.startswith("0000"):
        return False
    try:
        parse(text)
    except ValueError:
        return False
    return True


def is_json(text: str) -> bool:
    """Return True for JSON that jsonb accepts and keeps: no NUL, no half of a surrogate pair, no repeated key, no
    number beyond a float."""
    try:
        kept = json.dumps(json.loads(text, object_pairs_hook=_once, parse_constant=_refuse), ensure_ascii=False)
        kept.encode()
    except ValueError:
        return False
    return "\\u0000" not in kept and "Infinity" not in kept


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(name: str) -> None:
    raise ValueError(name)
