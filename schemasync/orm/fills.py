"""Finds the SQL that fills a new field's column for existing rows: the default of the field.

schema.json is committed, and one file serves many databases. So a default that is a function is never called for it:
its value would be the same for every row of every database. If SQLite has an equivalent expression for each row, that
is the fill; otherwise the author decides.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field
from django.utils import timezone

from .models import scratch

UUID4 = (
    "lower(hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2) || substr('89ab', 1 + (random() & 3), 1)"
    " || substr(hex(randomblob(8)), 2))"
)
UUID4_TEXT = (
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-'"
    " || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
)
UUID_LENGTH = 36  # of a UUID as text, with its hyphens

CONSTRUCTORS: tuple[object, ...] = (
    *(dict, list, tuple, set, frozenset, str, int, float, bool, bytes),
    *(decimal.Decimal, datetime.timedelta),
)
"""Functions that return the same value at each call."""


@dataclass(frozen=True, slots=True)
class NeedsFill:
    """The default is a function without an equivalent in SQLite; `function` is its name."""

    function: str


def fill_of(alias: str, field: Field[Any, Any]) -> str | NeedsFill | None:
    """Return the SQL of the value that Django gives to rows that existed before this field; None if there is none.

    A nullable field has one if it has a default. No function of the application is called: NeedsFill stands for a
    function without an equivalent in SQLite.
    """
    if field.generated or field.primary_key or field.has_db_default():
        return None
    function = _function(field)
    if function is None:
        return _constant(alias, field)
    return _expression(connections[alias], field, function) or NeedsFill(_name(function))


def _function(field: Field[Any, Any]) -> Callable[[], Any] | None:
    """Return the default function whose value differs at each call; None if there is none."""
    if field.has_default():
        default = field.default
        return default if callable(default) and not any(default is one for one in CONSTRUCTORS) else None
    is_now = getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False)
    if not is_now:
        return None
    return timezone.now if field.get_internal_type() == "DateTimeField" else datetime.datetime.now


def _expression(connection: BaseDatabaseWrapper, field: Field[Any, Any], function: Callable[[], Any]) -> str | None:
    """Return SQL that gives each row a value like the function's, in Django's format on SQLite; None if there is
    none."""
    if not type(field).__module__.startswith("django.db.models."):
        return None
    match field.get_internal_type():
        case "UUIDField" if function is uuid.uuid4:
            return UUID4
        case "CharField" | "TextField" if function is uuid.uuid4 and (field.max_length or UUID_LENGTH) >= UUID_LENGTH:
            return UUID4_TEXT
        case "DateTimeField" if function in (timezone.now, datetime.datetime.now):
            return _now(connection)
        case "DateField" if function in (timezone.now, datetime.datetime.now, timezone.localdate, datetime.date.today):
            return "date('now', 'localtime')"  # Django sets the time zone of the process to TIME_ZONE
        case "TimeField" if function == datetime.datetime.now:
            return "strftime('%H:%M:%f000', 'now', 'localtime')"
        case _:
            return None


def _now(connection: BaseDatabaseWrapper) -> str | None:
    """Return SQL for the present time as Django stores it: with microseconds, in the time zone of the connection, or
    without USE_TZ in that of the process. None for a time zone other than UTC."""
    if not settings.USE_TZ:
        return "strftime('%Y-%m-%d %H:%M:%f000', 'now', 'localtime')"
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')" if connection.timezone_name == "UTC" else None


def _constant(alias: str, field: Field[Any, Any]) -> str | None:
    connection = scratch(alias)
    try:
        editor = connection.schema_editor(collect_sql=True)
        value = editor.effective_default(field)
        return None if value is None else str(editor.quote_value(value))
    except ValueError:  # a value without an SQL literal
        return None
    finally:
        connection.close()


def _name(function: Callable[[], Any]) -> str:
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}"
