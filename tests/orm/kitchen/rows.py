"""A few objects of every model, written as an application writes them."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db import connections, models

COUNT = 3  # objects of each model

ASKED = {
    "Checks": {
        "number": lambda n: 10 * n + 3,
        "other": lambda n: 10 * n + 20,
        "text": lambda n: "abc"[n],
        "maybe": lambda n: None,
        "day": lambda n: datetime.date(2020, n + 1, 1),
        "data": lambda n: {"b": n},
    },
    "CustomTypes": {"percent": lambda n: n * 5},
    "Keywords": {"order": lambda n: n + 1},
    "BooleanConditions": {"gone": lambda n: True},
}
"""Values that the constraints of a model require: by model and field, a function of the number of the object."""

Objects = dict[type[models.Model], list[models.Model]]


def write(alias: str) -> Iterator[models.Model]:
    """Save objects of all models of the kitchen that have a table, and yield them; required objects come first."""
    there: Objects = {}
    for model in apps.get_app_config("kitchen").get_models():
        if model._meta.can_migrate(connections[alias]):
            yield from _write(model, alias, there)


def _write(model: Any, alias: str, there: Objects) -> Iterator[models.Model]:
    if model in there:
        return
    there[model] = []
    given = [field for field in model._meta.concrete_fields if _is_given(field)]
    for field in given:
        if field.remote_field is not None:
            yield from _write(field.related_model, alias, there)
    for number in range(COUNT):
        one = model(**{field.name: _value(model, field, number, there) for field in given})
        one.save(using=alias, force_insert=True)
        there[model].append(one)
        yield one
    for field in model._meta.many_to_many:
        if field.remote_field.through._meta.auto_created:
            yield from _write(field.related_model, alias, there)
            getattr(there[model][0], field.name).set(there[field.related_model])


def _is_given(field: Any) -> bool:
    """Return False for values that Django or the database generates, and for relations that may be absent."""
    by_itself = field.generated or field.has_db_default() or isinstance(field, models.AutoField)
    return not by_itself and not (field.remote_field is not None and (field.null or field.remote_field.parent_link))


def _value(model: Any, field: Any, number: int, there: Objects) -> object:
    asked = ASKED.get(model.__name__, {})
    if field.name in asked:
        return asked[field.name](number)
    if field.remote_field is not None:
        return there[field.related_model][number]
    return _of_type(field.get_internal_type(), number)


def _of_type(kind: str, number: int) -> object:
    match kind:
        case "DateField":
            return datetime.date(2020, 2, 27 + number)
        case "DateTimeField":
            return datetime.datetime(2020, 2, 29, 12, number, 0, 250_000, tzinfo=datetime.UTC)
        case "TimeField":
            return datetime.time(12, number)
        case "DurationField":
            return datetime.timedelta(days=number, microseconds=1)
        case "UUIDField":
            return uuid.UUID(int=number)
        case "BinaryField":
            return bytes([0, number, 255])
        case "JSONField":
            return {"a": {"b": number}, "ü": [None, "it's", 1.5]}
        case "BooleanField":
            return bool(number % 2)
        case "GenericIPAddressField":
            return f"10.0.0.{number}"
        case "FloatField" | "DecimalField":
            return number + 0.5
        case "CharField" | "TextField" | "SlugField" | "URLField" | "EmailField" | "FileField" | "FilePathField":
            return f"it's {number} ü"
        case _:
            return number
