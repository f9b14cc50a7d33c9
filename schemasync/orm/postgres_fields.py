"""Reads the facts of model fields that decide the types of columns on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db.models import Field

from ..engines.postgres.types import FieldKind
from ..schema.names import fold


def field_kinds(models: Mapping[str, str]) -> dict[str, dict[str, FieldKind]]:
    """Return the fields of the models that own tables, by folded table and column. `models` maps tables to labels. A
    model that is not installed has no fields."""
    return {fold(table): dict(_of_model(label)) for table, label in models.items()}


def _of_model(label: str) -> Iterator[tuple[str, FieldKind]]:
    try:
        model = apps.get_model(label)
    except LookupError:
        return
    for field in model._meta.local_concrete_fields:
        if field.column is not None:
            yield fold(str(field.column)), _kind(field)


def _kind(field: Field[Any, Any]) -> FieldKind:
    """Return the kind of a field: for a foreign key that of the column that it references, for a generated field that
    of its result."""
    there: Any = field
    while there.remote_field is not None:
        there = there.target_field
    there = getattr(there, "output_field", there)
    return FieldKind(
        there.get_internal_type(),
        getattr(there, "max_length", None),
        getattr(there, "max_digits", None),
        getattr(there, "decimal_places", None),
        settings.USE_TZ,
    )
