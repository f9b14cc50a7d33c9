"""Convert values as `on_move: "clean"` does: into the form that fits, where their meaning is beyond doubt."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, time
from decimal import Decimal
from typing import assert_never

from . import json_values
from .types import (
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
from .value_forms import Value, address, moment

_WHOLE = re.compile(r"[+-]?[0-9]{1,30}(?:\.0*)?")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_WORDS = {"true": 1, "t": 1, "yes": 1, "on": 1, "1": 1, "false": 0, "f": 0, "no": 0, "off": 0, "0": 0}


def clean(value: Value, type_: PgType) -> Value:
    """Return the value in the form that fits; None if its meaning is in doubt, or no form fits."""
    match type_:
        case Bigint() | Integer() | Smallint() | Interval():
            return _whole(value)
        case Boolean():
            return int(value != 0) if isinstance(value, int | float) else _WORDS.get(_stripped(value).lower())
        case DoublePrecision() | Numeric():
            return _number(_stripped(value))
        case Text() | Citext() | ByHand():
            return _text(value)
        case Varchar(length):
            return _cut(_text(value), length)
        case Bytea():
            return _bytes(value) if isinstance(value, str) else None
        case Date() | Time() | Timestamp() | TimestampTz():
            return _moment(_stripped(value), type_)
        case Jsonb():
            return json_values.cleaned(_text(value) or "")
        case Uuid():
            return _uuid(value)
        case Inet():
            return address(_stripped(value)) or None
        case _:
            assert_never(type_)


def _stripped(value: Value) -> str:
    return value.strip(" \t\r\n") if isinstance(value, str) else ""


def _whole(value: Value) -> int | None:
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    text = _stripped(value)
    return int(text.partition(".")[0]) if _WHOLE.fullmatch(text) else None


def _number(text: str) -> float | None:
    """Return the number as a float; None if the text is not a number, or a float does not hold all of its digits."""
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if Decimal(repr(number)) == Decimal(text) else None


def _cut(text: str | None, length: int) -> str | None:
    """Cut blanks beyond the length, as PostgreSQL does silently."""
    return None if text is None else text[:length] + text[length:].rstrip(" ")


def _text(value: Value) -> str | None:
    match value:
        case str():
            return _unicode(value.replace("\0", ""))
        case int() | float():
            return repr(value)
        case _:
            return None


def _unicode(text: str) -> str:
    """Return the text with U+FFFD in place of everything that is not a character."""
    try:
        return text.encode(errors="surrogateescape").decode(errors="replace")
    except UnicodeEncodeError:  # half of a pair, in a database of UTF-16
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _bytes(text: str) -> bytes | None:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return None


def _moment(text: str, type_: Date | Time | Timestamp | TimestampTz) -> str | None:
    """Return a date or time in the form that PostgreSQL reads; None if that is in doubt. A moment with a zone becomes
    UTC; in a column of dates, only midnight becomes a date."""
    if isinstance(type_, Time):
        try:
            found = time.fromisoformat(text)
        except ValueError:
            return None
        return None if found.tzinfo is not None else str(found)
    read = moment(text)
    if read is None or (read.tzinfo is not None and not isinstance(type_, TimestampTz)):
        return None
    if read.tzinfo is not None:
        try:
            read = read.astimezone(UTC).replace(tzinfo=None)
        except OverflowError:
            return None
    if isinstance(type_, Date):
        return str(read.date()) if read.time() == time() else None
    return str(read)


def _uuid(value: Value) -> str | None:
    try:
        return uuid.UUID(bytes=value).hex if isinstance(value, bytes) else uuid.UUID(_stripped(value)).hex
    except ValueError:
        return None
