"""The exact form of a value, in which both sides are compared: equal if and only if the values mean the same.

No text of a float is the same in SQLite, PostgreSQL and Python, so that a float is its eight bytes. A number of JSON is
compared by value, as jsonb keeps 1.50 and writes 1e16 with all digits.
"""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any, assert_never

from .. import decimals, json_values
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
from ..value_forms import address

Exact = None | int | str | bytes

MICROSECONDS = (
    "((extract(year FROM {0})::bigint * 12 + extract(month FROM {0})::bigint) * 30 * 86400000000"
    " + extract(day FROM {0})::bigint * 86400000000 + extract(hour FROM {0})::bigint * 3600000000"
    " + extract(minute FROM {0})::bigint * 60000000 + extract(microseconds FROM {0})::bigint)"
)
"""The microseconds of an interval, exactly: PostgreSQL computes the product of an interval and a number as a float."""

HOST = "CASE WHEN masklen({0}) = CASE family({0}) WHEN 4 THEN 32 ELSE 128 END THEN host({0}) ELSE {0}::text END"


def there(type_: PgType, value: str) -> str:
    """Return PostgreSQL's SQL for a value, to be read by `of_there`. `value`: SQL for the value."""
    match type_:
        case Bigint() | Integer() | Smallint():
            return f"{value}::bigint"
        case Boolean():
            return f"{value}::integer"
        case DoublePrecision():
            return f"encode(float8send({value} + 0), 'hex')"  # -0.0 + 0 is 0.0
        case Numeric() | Text() | Varchar() | Citext() | Date() | Time() | Timestamp() | Jsonb() | ByHand():
            return f"{value}::text"
        case Bytea():
            return value
        case TimestampTz():
            return f"timezone('UTC', {value})::text"
        case Interval():
            return MICROSECONDS.format(value)
        case Uuid():
            return f"encode(uuid_send({value}), 'hex')"
        case Inet():
            return HOST.format(value)
        case _:
            assert_never(type_)


def of_there(type_: PgType, value: Any) -> Exact:
    """Return the exact form of a value that PostgreSQL returned for the SQL of `there`."""
    match type_:
        case _ if value is None:
            return None
        case Numeric():
            return decimals.normal(Decimal(value))
        case Jsonb():
            return json_values.canonical(value)
        case Inet():
            return address(value) or str(value)
        case _:
            found: Exact = value
            return found


def of_here(type_: PgType, value: Any) -> Exact:
    """Return the exact form of a value as SQLite sends it, with text as str."""
    match type_:
        case _ if value is None:
            return None
        case DoublePrecision():
            return struct.pack(">d", float(value) + 0.0).hex()
        case Numeric():
            is_rounded = isinstance(value, float) and type_.precision is not None
            return decimals.normal(decimals.shown(value, type_) if is_rounded else Decimal(str(value)))
        case Jsonb():
            return json_values.canonical(value if isinstance(value, str) else repr(value))
        case Inet():
            return address(value) or str(value)
        case Time() | Timestamp() | TimestampTz():
            return trimmed(value) if isinstance(value, str) else str(value)
        case ByHand():
            return "\\x" + value.hex() if isinstance(value, bytes) else str(value)
        case (
            Bigint()
            | Integer()
            | Smallint()
            | Boolean()
            | Interval()
            | Text()
            | Varchar()
            | Citext()
            | Bytea()
            | Date()
            | Uuid()
        ):
            found: Exact = value
            return found
        case _:
            assert_never(type_)


def trimmed(value: str) -> str:
    """Return a time without zeros at the end of its fraction, as PostgreSQL writes it."""
    return value.rstrip("0").rstrip(".") if "." in value else value
