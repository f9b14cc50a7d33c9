"""A translated expression: its SQL for PostgreSQL and the kind of its value, and conversions between kinds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Protocol, assert_never

from ....schema.names import quote
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
    PgColumn,
    Smallint,
    Text,
    Time,
    Timestamp,
    TimestampTz,
    Uuid,
    Varchar,
)

Refuse = Callable[[str], None]
"""Notes an untranslatable part, in a phrase."""


class ValueKind(Enum):
    """Kinds of values; the member's value is its name in messages. UNKNOWN: the expression was refused already."""

    INT = "an integer"
    FLOAT = "a float"
    DECIMAL = "a decimal"
    BOOL = "a boolean"
    TEXT = "text"
    DATE = "a date"
    TIME = "a time"
    TIMESTAMP = "a date with a time"
    MOMENT = "a moment"
    BYTES = "bytes"
    JSON = "JSON"
    UUID = "a UUID"
    OTHER = "a value of another kind"
    NULL = "NULL"
    UNKNOWN = "unknown"


NUMBERS = frozenset({ValueKind.INT, ValueKind.FLOAT, ValueKind.DECIMAL})


class Collation(Enum):
    BINARY = "binary"
    NOCASE = "nocase"
    RTRIM = "rtrim"


@dataclass(frozen=True, slots=True)
class Value:
    """A translated expression. `literal`: its value if it is a literal. `is_narrow`: an integer of fewer than 64 bits.
    `exact`, `scale`: SQL for the value in decimal digits, and the most digits after the point; empty if there are more.
    `is_citext`: the type is citext. `is_column`: a column of numbers; SQLite converts text that is compared with it to
    a number.

    Only for text: `collation`: the one by which SQLite compares it, if it has its own; `is_explicit`: from a COLLATE.
    `is_c`: PostgreSQL compares it by the collation C without a COLLATE.
    """

    sql: str
    kind: ValueKind
    literal: str | int | float | bytes | None = None
    is_narrow: bool = False
    exact: str = ""
    scale: int = 0
    collation: Collation | None = None
    is_explicit: bool = False
    is_c: bool = False
    is_citext: bool = False
    is_column: bool = False

    @property
    def is_folded(self) -> bool:
        """True for text of which several values are equal in SQLite."""
        return self.collation in (Collation.NOCASE, Collation.RTRIM)


class Translating(Protocol):
    """The translation of operands, as the rule for a node uses it."""

    @property
    def refuse(self) -> Refuse: ...

    def value(self, node: Any) -> Value: ...

    def condition(self, node: Any) -> str: ...

    def text(self, node: Any, what: str) -> Value:
        """Return the value of an operand that must be text."""

    def refused(self, what: str) -> Value: ...


UNKNOWN = Value("NULL", ValueKind.UNKNOWN)
NULL = Value("NULL", ValueKind.NULL)


def column_value(column: PgColumn, prefix: str = "") -> Value:
    """The value of a column."""
    name = prefix + quote(column.name)
    match column.type:
        case Text() | Varchar():
            return Value(
                name, ValueKind.TEXT, collation=Collation(column.folds or "binary"), is_c=column.collation == "C"
            )
        case Citext():
            return Value(name, ValueKind.TEXT, collation=Collation.NOCASE, is_citext=True)
        case Integer() | Smallint():
            return Value(name, ValueKind.INT, is_narrow=True, exact=name, is_column=True)
        case Bigint():
            return Value(name, ValueKind.INT, exact=name, is_column=True)
        case Numeric(scale=scale):
            return Value(
                name, ValueKind.DECIMAL, exact=name if scale is not None else "", scale=scale or 0, is_column=True
            )
        case other:
            kind = _kind(other)
            return Value(name, kind, is_column=kind in (ValueKind.FLOAT, ValueKind.BOOL))


def _kind(
    one: Boolean
    | DoublePrecision
    | Bytea
    | Date
    | Time
    | Timestamp
    | TimestampTz
    | Interval
    | Jsonb
    | Uuid
    | Inet
    | ByHand,
) -> ValueKind:
    match one:
        case Boolean():
            return ValueKind.BOOL
        case DoublePrecision():
            return ValueKind.FLOAT
        case Bytea():
            return ValueKind.BYTES
        case Date():
            return ValueKind.DATE
        case Time():
            return ValueKind.TIME
        case Timestamp():
            return ValueKind.TIMESTAMP
        case TimestampTz():
            return ValueKind.MOMENT
        case Jsonb():
            return ValueKind.JSON
        case Uuid():
            return ValueKind.UUID
        case Interval() | Inet() | ByHand():
            return ValueKind.OTHER
        case _:
            assert_never(one)


def as_condition(value: Value, refuse: Refuse) -> str:
    """Return the SQL of the value as a condition, for WHERE, CHECK, AND, OR and NOT. In SQLite every number except 0 is
    true."""
    match value.kind:
        case ValueKind.BOOL:
            return value.sql
        case ValueKind.INT if value.literal in (0, 1):
            return "true" if value.literal else "false"
        case ValueKind.INT | ValueKind.FLOAT | ValueKind.DECIMAL:
            return f"({value.sql} <> 0)"
        case ValueKind.NULL | ValueKind.UNKNOWN:
            return "NULL::boolean"
        case _:
            refuse(f"{value.kind.value} as a condition")
            return "NULL::boolean"


def as_number(value: Value) -> Value:
    """Return a boolean as the integer 0 or 1, as SQLite has it; every other value unchanged."""
    if value.kind is not ValueKind.BOOL:
        return value
    if value.literal is not None:
        return Value(str(int(value.literal)), ValueKind.INT, int(value.literal))
    return Value(f"({value.sql})::int", ValueKind.INT, is_narrow=True, exact=f"({value.sql})::int")


def as_float(value: Value) -> str:
    """Return SQL for a number as a float of eight bytes. The digits of a decimal give the same float as in SQLite."""
    is_column = value.kind is ValueKind.FLOAT and value.literal is None
    return value.sql if is_column else f"{value.sql}::float8"


def as_bigint(value: Value) -> str:
    """Return SQL for an integer of 64 bits, so that arithmetic overflows where SQLite's does."""
    return f"{value.sql}::bigint" if value.is_narrow or value.literal is not None else value.sql


def as_text(value: Value) -> str:
    """Return SQL for text that PostgreSQL does not treat as citext."""
    return f'({value.sql}::text COLLATE "C")' if value.is_citext else value.sql


def in_c(value: Value) -> str:
    """Return SQL for text in which only ASCII letters have a case, as in SQLite: the collation C has no others."""
    return as_text(value) if value.is_citext or value.is_c else f'({value.sql} COLLATE "C")'


def text_result(sql: str, *of: Value) -> Value:
    """Return the value of a text that is computed from `of`. It has no collation in SQLite."""
    return Value(sql, ValueKind.TEXT, is_c=any(one.is_c or one.is_citext for one in of))


def unified(values: list[Value], refuse: Refuse) -> list[Value]:
    """Return the results of CASE or coalesce() as values of one kind."""
    kinds = {value.kind for value in values} - {ValueKind.NULL, ValueKind.UNKNOWN}
    if kinds == {ValueKind.BOOL, ValueKind.INT}:
        return [as_number(value) for value in values]
    if len(kinds) > 1 and kinds <= NUMBERS:
        return [
            v if v.kind in (ValueKind.NULL, ValueKind.UNKNOWN) else Value(as_float(v), ValueKind.FLOAT) for v in values
        ]
    if len(kinds) > 1:
        refuse("a result that is " + " or ".join(sorted(kind.value for kind in kinds)))
        return [UNKNOWN for _ in values]
    if kinds == {ValueKind.TEXT}:
        return [text_result(as_text(v), v) if v.kind is ValueKind.TEXT else v for v in values]
    return values


def result_of(sql: str, of: Sequence[Value]) -> Value:
    """Return the value of an expression whose result is one of these. It has no collation of its own in SQLite."""
    known = [value for value in of if value.kind is not ValueKind.NULL]
    if not known:
        return replace(NULL, sql=sql)
    kind = ValueKind.UNKNOWN if any(value.kind is ValueKind.UNKNOWN for value in known) else known[0].kind
    return Value(sql, kind, is_narrow=kind is ValueKind.INT, is_c=any(value.is_c or value.is_citext for value in known))


def collated(value: Value, name: str, refuse: Refuse) -> Value:
    """Return text with a COLLATE; refuses a value that is not text, and an unknown collation."""
    if value.kind is ValueKind.UNKNOWN:
        return value
    if value.kind is not ValueKind.TEXT or name not in {one.value for one in Collation}:
        refuse(f"COLLATE {name} of {value.kind.value}")
        return UNKNOWN
    return replace(value, collation=Collation(name), is_explicit=True)
