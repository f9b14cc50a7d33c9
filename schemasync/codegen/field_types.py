"""Which Django field a column gets, by its declared type, and which Python value its literals become."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from ..schema.affinity import Affinity, affinity
from ..schema.model import Column, Table
from .code import Call, Code, Literal
from .sql_expression import Unsupported


class Kind(Enum):
    """The kind of values that a field has in Python."""

    TEXT = "text"
    INTEGER = "integer"
    DECIMAL = "decimal"
    REAL = "real"
    BOOLEAN = "boolean"
    TIME = "date or time"
    MOMENT = "date and time"
    BYTES = "bytes"
    JSON = "json"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class FieldType:
    """`name`: the class in django.db.models."""

    kind: Kind
    name: str
    options: tuple[tuple[str, Code], ...] = field(default=())


BY_TYPE = {
    "BIGINT": FieldType(Kind.INTEGER, "BigIntegerField"),
    "SMALLINT": FieldType(Kind.INTEGER, "SmallIntegerField"),
    "DATE": FieldType(Kind.TIME, "DateField"),
    "TIME": FieldType(Kind.TIME, "TimeField"),
    "DATETIME": FieldType(Kind.MOMENT, "DateTimeField"),
    "TIMESTAMP": FieldType(Kind.MOMENT, "DateTimeField"),
    "BOOL": FieldType(Kind.BOOLEAN, "BooleanField"),
    "BOOLEAN": FieldType(Kind.BOOLEAN, "BooleanField"),
    "JSON": FieldType(Kind.JSON, "JSONField"),
}
POSITIVE = {
    "INTEGER UNSIGNED": "PositiveIntegerField",
    "BIGINT UNSIGNED": "PositiveBigIntegerField",
    "SMALLINT UNSIGNED": "PositiveSmallIntegerField",
}
"""Declared types of fields that have a CHECK (… >= 0) of their own."""

AUTO = ("AutoField", "BigAutoField")
NUMBERS = ("NUMERIC", "DEC", "NUMBER", "MONEY", "CURRENCY", "FIXED")
"""How types begin that are meant for numbers. SQLite gives the affinity NUMERIC to every type that it does not know."""

TEXTS = ("STRING", "UUID", "GUID", "ENUM")
MOMENTS = ("DATETIME", "TIMESTAMP")

_SIZED = re.compile(r"(.*?)\((\d+)(?:,(\d+))?\)$")
UNSIZED = (38, 10)
"""Digits and places of a DecimalField where Django demands them and the type has none: more than SQLite's 15 digits."""


def field_type(column: Column, table: Table, *, unsized_decimal: bool) -> FieldType:
    """The field for a column, without regard to its CHECKs."""
    declared, digits, places = _split(column.type.canonical)
    if declared in BY_TYPE:
        return BY_TYPE[declared]
    if declared.startswith(MOMENTS):
        return BY_TYPE["DATETIME"]
    match affinity(column, table.strict):
        case Affinity.INTEGER:
            return BY_TYPE["BIGINT"] if declared.startswith("BIG") else FieldType(Kind.INTEGER, "IntegerField")
        case Affinity.TEXT if "CHAR" in declared:
            size = (("max_length", Literal(digits)),) if digits else ()
            return FieldType(Kind.TEXT, "CharField", size)
        case Affinity.TEXT:
            return FieldType(Kind.TEXT, "TextField")
        case Affinity.REAL:
            return FieldType(Kind.REAL, "FloatField")
        case Affinity.NUMERIC if any(word in declared for word in TEXTS):
            return FieldType(Kind.TEXT, "TextField")
        case Affinity.NUMERIC if declared.startswith(NUMBERS):
            return FieldType(Kind.DECIMAL, "DecimalField", _decimal(digits, places, unsized_decimal=unsized_decimal))
        case _ if "BLOB" in declared:
            return FieldType(Kind.BYTES, "BinaryField")
        case _:
            return FieldType(Kind.ANY, "Field")


def _split(declared: str) -> tuple[str, int | None, int | None]:
    """(type without its size, first number, second number)."""
    found = _SIZED.match(declared)
    if found is None:
        return declared, None, None
    return found[1].strip(), int(found[2]), int(found[3]) if found[3] else None


def _decimal(digits: int | None, places: int | None, *, unsized_decimal: bool) -> tuple[tuple[str, Code], ...]:
    if not digits:
        if unsized_decimal:
            return ()
        digits, places = UNSIZED
    places = min(places or 0, digits)
    return ("max_digits", Literal(digits)), ("decimal_places", Literal(places))


def python_value(kind: Kind, value: str | bytes | int | float | None) -> Code:
    """The literal of an SQL expression as the Python value of the field. Raises Unsupported where Django would convert
    it into another value."""
    match kind, value:
        case Kind.BOOLEAN, 0 | 1:
            return Literal(bool(value))
        case Kind.TEXT | Kind.TIME, str():
            return Literal(value)
        case Kind.INTEGER, int():
            return Literal(value)
        case Kind.REAL, int() | float():
            return Literal(value)
        case Kind.DECIMAL, int():
            return Literal(value)
        case Kind.DECIMAL, float():
            return Call("Decimal", (Literal(repr(value)),))
        case Kind.BYTES, bytes():
            return Literal(value)
        case _:
            raise Unsupported(str(value))
