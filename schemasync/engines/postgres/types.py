"""PostgreSQL's types, as far as a column can get them, and the columns on PostgreSQL. Knows no database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

# `sql` of each type is its name as PostgreSQL's catalog spells it (format_type).


@dataclass(frozen=True, slots=True)
class Bigint:
    """64 bits, as SQLite's integers."""

    sql: ClassVar[str] = "bigint"


@dataclass(frozen=True, slots=True)
class Integer:
    """32 bits, if the model's field has them."""

    sql: ClassVar[str] = "integer"


@dataclass(frozen=True, slots=True)
class Smallint:
    """16 bits, if the model's field has them."""

    sql: ClassVar[str] = "smallint"


@dataclass(frozen=True, slots=True)
class Boolean:
    """A boolean; SQLite has 0 and 1."""

    sql: ClassVar[str] = "boolean"


@dataclass(frozen=True, slots=True)
class DoublePrecision:
    """A float of eight bytes, as SQLite's REAL."""

    sql: ClassVar[str] = "double precision"


@dataclass(frozen=True, slots=True)
class Text:
    """Text of any length."""

    sql: ClassVar[str] = "text"


@dataclass(frozen=True, slots=True)
class Citext:
    """Text that is compared without case. It folds all letters, SQLite's NOCASE those of ASCII."""

    sql: ClassVar[str] = "citext"


@dataclass(frozen=True, slots=True)
class Bytea:
    """Bytes."""

    sql: ClassVar[str] = "bytea"


@dataclass(frozen=True, slots=True)
class Date:
    """A day."""

    sql: ClassVar[str] = "date"


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day, without a zone."""

    sql: ClassVar[str] = "time without time zone"


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A day and a time, without a zone."""

    sql: ClassVar[str] = "timestamp without time zone"


@dataclass(frozen=True, slots=True)
class TimestampTz:
    """A moment; SQLite has its text in UTC."""

    sql: ClassVar[str] = "timestamp with time zone"


@dataclass(frozen=True, slots=True)
class Interval:
    """A duration; Django stores microseconds in SQLite."""

    sql: ClassVar[str] = "interval"


@dataclass(frozen=True, slots=True)
class Jsonb:
    """JSON; SQLite has its text."""

    sql: ClassVar[str] = "jsonb"


@dataclass(frozen=True, slots=True)
class Uuid:
    """16 bytes; Django stores 32 hexadecimal digits in SQLite."""

    sql: ClassVar[str] = "uuid"


@dataclass(frozen=True, slots=True)
class Inet:
    """The address of a host, as Django's GenericIPAddressField has it there."""

    sql: ClassVar[str] = "inet"


@dataclass(frozen=True, slots=True)
class Numeric:
    """Decimal digits, without a precision any number of them. PostgreSQL rounds to the scale silently."""

    precision: int | None = None
    scale: int | None = None

    @property
    def sql(self) -> str:
        if self.precision is None:
            return "numeric"
        return f"numeric({self.precision},{self.scale or 0})"


@dataclass(frozen=True, slots=True)
class Varchar:
    """Text of at most `length` characters, which SQLite does not check."""

    length: int

    @property
    def sql(self) -> str:
        return f"character varying({self.length})"


@dataclass(frozen=True, slots=True)
class ByHand:
    """A column whose whole definition is written in schema.json: the type, and everything after it."""

    sql: str


PgType = (
    Bigint
    | Integer
    | Smallint
    | Boolean
    | Numeric
    | DoublePrecision
    | Text
    | Varchar
    | Citext
    | Bytea
    | Date
    | Time
    | Timestamp
    | TimestampTz
    | Interval
    | Jsonb
    | Uuid
    | Inet
    | ByHand
)


@dataclass(frozen=True, slots=True)
class PgColumn:
    """A column on PostgreSQL. `collation`: `C` for text, None for types without one. `identity`: PostgreSQL assigns its
    numbers. `generated`: PostgreSQL computes it, so that no value is copied. `why`: what decided the type, in a phrase.
    `folds`: the collation of text in SQLite, if the type on PostgreSQL does not have it: `rtrim`, or `nocase` for a
    column without a declared type.

    For a column defined by hand, `not_null`, `identity` and `generated` are part of its definition and False here.
    """

    name: str
    type: PgType
    collation: str | None = None
    not_null: bool = False
    identity: bool = False
    generated: bool = False
    why: str = ""
    folds: str | None = None


@dataclass(frozen=True, slots=True)
class FieldKind:
    """The properties of a Django field that decide its type. `internal_type`: the field's own, or for a foreign key
    that of the field that it refers to. `use_tz`: the setting USE_TZ."""

    internal_type: str
    max_length: int | None = None
    max_digits: int | None = None
    decimal_places: int | None = None
    use_tz: bool = True
