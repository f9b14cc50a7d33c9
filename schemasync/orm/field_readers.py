"""Checks whether model fields can read stored values, with the converters that a query uses.

Django reads a value in three steps: the converter that its SQLite backend registers for the declared type of the
column, the backend's converters for the field (connection.ops), and those of the field itself (from_db_value).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Field, FloatField, IntegerField, Model

from ..schema.names import fold
from .models import models_of, table_of, through_of

Convert = Callable[[Any, Any, Any], Any]

NUMBERS = (IntegerField, FloatField, BooleanField)
"""Fields whose values Django does not convert on SQLite, where a column of integers may hold text."""

FROM_TEXT = ("DATE", "DATETIME", "TIME", "TIMESTAMP")
"""Declared types that Django lets sqlite3 parse: an invalid value is read as None."""


@dataclass(frozen=True, slots=True)
class FieldReader:
    """The converters of one field, in order. `declared`: the converter for the type of the column. `is_number`: the
    field can save only numbers, and Django reads a value of any type."""

    field: Field[Any, Any]
    expression: Any
    connection: BaseDatabaseWrapper
    declared: Callable[[bytes], Any] | None
    converters: Sequence[Convert]
    is_number: bool = False

    def __call__(self, value: Any) -> bool:
        """True if a query can read a value that is not NULL as something that is not None."""
        try:
            found = value if self.declared is None else self.declared(_as_bytes(value))
            if found is None:
                return False
            for convert in self.converters:
                found = convert(found, self.expression, self.connection)
            if self.is_number and not isinstance(found, int | float):
                return False
        except Exception:  # noqa: BLE001  a converter of an application may raise anything: then the value is unreadable
            return False
        return found is not None or self._means_none()

    def _means_none(self) -> bool:
        """True if None is a valid result: JSON has its own null, and a nullable field may be read as None."""
        return self.field.null or self.field.get_internal_type() == "JSONField"


def readers(alias: str) -> dict[tuple[str, str], FieldReader]:
    """Map folded (table, column) to the reader of each model field in this database that converts or restricts
    values."""
    connection = connections[alias]
    return {
        (fold(table_of(model)), fold(str(field.column))): reader
        for model in _all(alias)
        for field in model._meta.local_concrete_fields
        if (reader := _reader(connection, model, field)) is not None
    }


def _all(alias: str) -> Iterator[type[Model]]:
    for model in models_of(alias):
        yield from (model, *through_of(model))


def _reader(connection: BaseDatabaseWrapper, model: type[Model], field: Any) -> FieldReader | None:
    expression = field.get_col(model._meta.db_table)
    converters = [*connection.ops.get_db_converters(expression), *expression.get_db_converters(connection)]
    words = (field.db_type(connection) or "").upper().replace("(", " ").split()
    declared = sqlite3.converters.get(words[0]) if words and words[0] in FROM_TEXT else None
    is_number = isinstance(field, NUMBERS) and not hasattr(field, "from_db_value")
    if declared is None and not converters and not is_number:
        return None
    return FieldReader(field, expression, connection, declared, converters, is_number)


def _as_bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()
