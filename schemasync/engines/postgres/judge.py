"""Judges a value of SQLite for a column on PostgreSQL: whether it fits, its fault if not, and the value that a policy
makes of it.

A value fits only in the exact form that both sides read alike, because COPY refuses too little: 'today' becomes a date,
23:59:59.9999999 the next day, 9.999 becomes 10.00. Knows no database. The same rules in SQL are in
engines/sqlite/for_postgres/accepted.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from ...schema.on_postgres import OnMove
from . import decimals, json_values
from .cleaning import clean
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
    PgColumn,
    PgType,
    Smallint,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)
from .value_forms import BITS, LARGEST_EXACT, Value, address, is_date, is_time, is_timestamp, is_unicode, is_uuid


class Fault(StrEnum):
    """The faults of a value that does not fit. The names are stable, for scripts."""

    NULL = "null"
    NUL_BYTE = "nul-byte"
    INVALID_UTF8 = "invalid-utf8"
    NOT_TEXT = "not-text"
    NOT_BYTES = "not-bytes"
    EMPTY = "empty-text"
    NOT_A_NUMBER = "not-a-number"
    NOT_WHOLE = "not-whole"
    OUT_OF_RANGE = "out-of-range"
    TOO_MANY_DIGITS = "too-many-digits"
    ROUNDS = "rounds"
    DIGITS_LOST = "digits-lost-already"
    INFINITE = "infinite"
    NOT_BOOLEAN = "not-boolean"
    NOT_A_DATE = "not-a-date"
    NOT_JSON = "not-json"
    JSON_NUL = "json-nul"
    JSON_REPEATED_KEYS = "json-repeated-keys"
    JSON_NUMBERS = "json-numbers"
    NOT_A_UUID = "not-a-uuid"
    NOT_AN_ADDRESS = "not-an-address"
    TOO_LONG = "too-long"
    # faults of several rows together
    UNIQUE_CLASH = "unique-clash"
    DANGLING = "dangling-reference"


AS_THEY_ARE = frozenset({Fault.JSON_NUMBERS})
"""Faults that are reported and stop nothing: the value means the same, and Python reads another type of number."""

OF_DECIMALS = frozenset({Fault.ROUNDS, Fault.DIGITS_LOST})
"""Faults of the number that SQLite stores, not of the number that people see."""


def fault(value: Value, type_: PgType) -> Fault | None:
    """Return the fault of a value for this type; None if it fits. NULL fits every type."""
    match type_:
        case _ if value is None:
            return None
        case Bigint() | Integer() | Smallint() | Interval():
            return _of_integer(value, BITS[type(type_)])
        case Boolean():
            return None if isinstance(value, int) and value in (0, 1) else _empty(value) or Fault.NOT_BOOLEAN
        case DoublePrecision():
            return _of_float(value)
        case Numeric():
            return _of_decimal(value, type_)
        case Text() | Citext():
            return _of_text(value)
        case Varchar(length):
            too_long = isinstance(value, str) and len(value) > length
            return _of_text(value) or (Fault.TOO_LONG if too_long else None)
        case Bytea():
            return None if isinstance(value, bytes) else Fault.NOT_BYTES
        case Date() | Time() | Timestamp() | TimestampTz():
            return _of_form(value, _IS_MOMENT[type(type_)](value), Fault.NOT_A_DATE)
        case Jsonb():
            return _of_json(value)
        case Uuid():
            return _of_form(value, is_uuid(value), Fault.NOT_A_UUID)
        case Inet():
            return _of_form(value, isinstance(value, str) and "" != value == address(value), Fault.NOT_AN_ADDRESS)
        case ByHand():
            return _of_text(value) if isinstance(value, str) else None
        case _:
            assert_never(type_)


_IS_MOMENT = {Date: is_date, Time: is_time, Timestamp: is_timestamp, TimestampTz: is_timestamp}


def _empty(value: Value) -> Fault | None:
    return Fault.EMPTY if value == "" else None


def _of_form(value: Value, has_form: bool, otherwise: Fault) -> Fault | None:
    return None if has_form else _empty(value) or otherwise


def _of_integer(value: Value, bits: int) -> Fault | None:
    match value:
        case int():
            return None if -(1 << bits - 1) <= value < 1 << bits - 1 else Fault.OUT_OF_RANGE
        case float():
            return Fault.OUT_OF_RANGE if abs(value) >= 1 << 63 else Fault.NOT_WHOLE
        case _:
            return _empty(value) or Fault.NOT_A_NUMBER


def _of_float(value: Value) -> Fault | None:
    match value:
        case int():  # a larger one is not exact as a float
            return None if abs(value) <= LARGEST_EXACT else Fault.OUT_OF_RANGE
        case float():
            return None
        case _:
            return _empty(value) or Fault.NOT_A_NUMBER


def _of_decimal(value: Value, type_: Numeric) -> Fault | None:
    if not isinstance(value, int | float):
        return _empty(value) or Fault.NOT_A_NUMBER
    if value in (float("inf"), float("-inf")):
        return Fault.INFINITE
    if not decimals.has_room(value, type_):
        return Fault.TOO_MANY_DIGITS
    if isinstance(value, float) and decimals.has_lost_digits(value, type_):
        return Fault.DIGITS_LOST
    return Fault.ROUNDS if isinstance(value, float) and decimals.rounds(value, type_) else None


def _of_text(value: Value) -> Fault | None:
    if not isinstance(value, str):
        return Fault.NOT_TEXT
    if "\0" in value:
        return Fault.NUL_BYTE
    return None if is_unicode(value) else Fault.INVALID_UTF8


def _of_json(value: Value) -> Fault | None:
    """Judge a value as JSON. A lone number is valid, because a column of the type JSON stores it as a number."""
    if isinstance(value, int) or (isinstance(value, float) and abs(value) != float("inf")):
        return None
    if not isinstance(value, str) or value == "":
        return _empty(value) or Fault.NOT_JSON
    if (why := _of_text(value)) is not None:
        return why
    match json_values.verdict(value):
        case json_values.Verdict.FITS:
            return None
        case json_values.Verdict.NUL:
            return Fault.JSON_NUL
        case json_values.Verdict.REPEATED_KEYS:
            return Fault.JSON_REPEATED_KEYS
        case json_values.Verdict.OTHER_NUMBERS:
            return Fault.JSON_NUMBERS
        case json_values.Verdict.INVALID:
            return Fault.NOT_JSON


@dataclass(frozen=True, slots=True)
class Kept:
    """The value fits."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A policy replaces the value by another one, which fits."""

    fault: Fault
    value: Value


@dataclass(frozen=True, slots=True)
class Refusal:
    """No policy decides about the value, or the policy does not help."""

    fault: Fault


Judgement = Kept | Changed | Refusal


def judge(value: Value, column: PgColumn, policy: OnMove | None) -> Judgement:
    """Return whether a value is kept, changed or refused. `policy`: the column's `on_move`; without one, decimals
    become what Django shows."""
    if value is None:
        return Refusal(Fault.NULL) if column.not_null and not column.generated else Kept()
    found = fault(value, column.type)
    if found is None:
        return Kept()
    if found in AS_THEY_ARE:
        return Changed(found, value)
    is_shown = found in OF_DECIMALS and policy is not OnMove.REFUSE
    acting: tuple[OnMove | None, ...] = (policy, OnMove.AS_SHOWN) if is_shown else (policy,)
    if policy is OnMove.TEXT and not isinstance(column.type, Text):
        acting = acting[1:]  # the type is not the one of `as_text`
    for one in acting:
        if one is not None and one in applicable(value, found, column):
            return Changed(found, _made(value, column.type, one))
    return Refusal(found)


def applicable(value: Value, found: Fault, column: PgColumn) -> tuple[OnMove, ...]:
    """Return the policies that help with the fault of a value. With `text` the column is text (`as_text`), and a number
    becomes its text."""
    if found in OF_DECIMALS:
        return (OnMove.AS_SHOWN, OnMove.AS_STORED)
    if found in AS_THEY_ARE:
        return ()
    cleaned = clean(value, column.type)
    helps = cleaned is not None and fault(cleaned, column.type) in (None, *OF_DECIMALS, *AS_THEY_ARE)
    return (
        *(() if column.not_null else (OnMove.NULL,)),
        *((OnMove.CLEAN,) if helps else ()),
        *((OnMove.TEXT,) if _fits_text(value, column.type) else ()),
    )


def _fits_text(value: Value, type_: PgType) -> bool:
    if isinstance(type_, Text):
        return isinstance(value, int | float)
    return not isinstance(type_, Citext | Bytea | ByHand) and not isinstance(value, bytes) and not _of_text(str(value))


def _made(value: Value, type_: PgType, policy: OnMove) -> Value:
    if policy is OnMove.NULL:
        return None
    made = value if policy in (OnMove.AS_SHOWN, OnMove.AS_STORED) else clean(value, type_)
    if isinstance(made, float) and isinstance(type_, Numeric) and fault(made, type_) in OF_DECIMALS:
        decimal = decimals.stored if policy is OnMove.AS_STORED else decimals.shown
        return f"{decimal(made, type_):f}"
    return made
