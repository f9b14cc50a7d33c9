"""Maps declared types of columns to Django fields, and SQL literals to Python values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from ..schema.affinity import Affinity, affinity
from ..schema.model import Column, Table
from .code import Call, Code, Literal
from .sql_expression import Unsupported


class PythonKind(Enum):
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

    kind: PythonKind
    name: str
    options: tuple[tuple[str, Code], ...] = field(default=())


BY_TYPE = {
    "BIGINT": FieldType(PythonKind.INTEGER, "BigIntegerField"),
    "SMALLINT": FieldType(PythonKind.INTEGER, "SmallIntegerField"),
    "DATE": FieldType(PythonKind.TIME, "DateField"),
    "TIME": FieldType(PythonKind.TIME, "TimeField"),
    "DATETIME": FieldType(PythonKind.MOMENT, "DateTimeField"),
    "TIMESTAMP": FieldType(PythonKind.MOMENT, "DateTimeField"),
    "BOOL": FieldType(PythonKind.BOOLEAN, "BooleanField"),
    "BOOLEAN": FieldType(PythonKind.BOOLEAN, "BooleanField"),
    "JSON": FieldType(PythonKind.JSON, "JSONField"),
}
POSITIVE = {
    "INTEGER UNSIGNED": "PositiveIntegerField",
    "BIGINT UNSIGNED": "PositiveBigIntegerField",
    "SMALLINT UNSIGNED": "PositiveSmallIntegerField",
}
"""Declared types of fields that have a CHECK (… >= 0) of their own."""

AUTO = ("AutoField", "BigAutoField")
NUMBERS = ("NUMERIC", "DEC", "NUMBER", "MONEY", "CURRENCY", "FIXED")
"""Beginnings of types for numbers. SQLite gives the affinity NUMERIC to every unknown type."""

TEXTS = ("STRING", "UUID", "GUID", "ENUM")
MOMENTS = ("DATETIME", "TIMESTAMP")

_SIZED = re.compile(r"(.*?)\((\d+)(?:,(\d+))?\)$")
UNSIZED = (38, 10)
"""Digits and places of a DecimalField where Django demands them and the type has none: more than SQLite's 15 digits."""


def field_type(column: Column, table: Table, *, unsized_decimal: bool) -> FieldType:
    """Return the field for a column, without regard to its CHECKs."""
    declared, digits, places = _split(column.type.canonical)
    if declared in BY_TYPE:
        return BY_TYPE[declared]
    if declared.startswith(MOMENTS):
        return BY_TYPE["DATETIME"]
    match affinity(column, table.strict):
        case Affinity.INTEGER:
            return BY_TYPE["BIGINT"] if declared.startswith("BIG") else FieldType(PythonKind.INTEGER, "IntegerField")
        case Affinity.TEXT if "CHAR" in declared:
            size = (("max_length", Literal(digits)),) if digits else ()
            return FieldType(PythonKind.TEXT, "CharField", size)
        case Affinity.TEXT:
            return FieldType(PythonKind.TEXT, "TextField")
        case Affinity.REAL:
            return FieldType(PythonKind.REAL, "FloatField")
        case Affinity.NUMERIC if any(word in declared for word in TEXTS):
            return FieldType(PythonKind.TEXT, "TextField")
        case Affinity.NUMERIC if declared.startswith(NUMBERS):
            return FieldType(
                PythonKind.DECIMAL, "DecimalField", _decimal(digits, places, unsized_decimal=unsized_decimal)
            )
        case _ if "BLOB" in declared:
            return FieldType(PythonKind.BYTES, "BinaryField")
        case _:
            return FieldType(PythonKind.ANY, "Field")


def _split(declared: str) -> tuple[str, int | None, int | None]:
    """Return (type without its size, first number, second number)."""
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


def python_value(kind: PythonKind, value: str | bytes | int | float | None) -> Code:
    """Return the literal of an SQL expression as the Python value of the field. Raises Unsupported if Django would
    convert it into another value."""
    match kind, value:
        case PythonKind.BOOLEAN, 0 | 1:
            return Literal(bool(value))
        case PythonKind.TEXT | PythonKind.TIME, str():
            return Literal(value)
        case PythonKind.INTEGER, int():
            return Literal(value)
        case PythonKind.REAL, int() | float():
            return Literal(value)
        case PythonKind.DECIMAL, int():
            return Literal(value)
        case PythonKind.DECIMAL, float():
            return Call("Decimal", (Literal(repr(value)),))
        case PythonKind.BYTES, bytes():
            return Literal(value)
        case _:
            raise Unsupported(str(value))
