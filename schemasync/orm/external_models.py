"""Finds the installed models that generated models refer to, and the names that are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import router
from django.db.models import DO_NOTHING, Model

from ..codegen.request import External
from ..schema.names import fold
from .models import table_of


def installed(alias: str) -> Iterator[type[Model]]:
    """Yield every installed model that has, or may have, a table in this database."""
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy and router.allow_migrate_model(alias, model):
            yield model


def class_names(app_label: str, ignored: Callable[[Any], bool]) -> frozenset[str]:
    """Return the names of the models that an app has besides the generated ones, in lower case."""
    models = apps.get_models(include_auto_created=True, include_swapped=True)
    return frozenset(
        str(model._meta.model_name) for model in models if model._meta.app_label == app_label and not ignored(model)
    )


def external_models(
    alias: str, owned: Iterable[str], elsewhere: Iterable[str], is_kept: Callable[[type[Model]], bool]
) -> dict[str, type[Model]]:
    """Map folded tables to their installed models, for the tables that models own, those of `_elsewhere`, and those of
    models that `is_kept` accepts."""
    wanted = {*map(fold, owned), *elsewhere}
    return {
        fold(table_of(model)): model for model in installed(alias) if fold(table_of(model)) in wanted or is_kept(model)
    }


def by_label(found: Mapping[str, type[Model]]) -> dict[str, type[Model]]:
    """Map the lower-case labels of these models to the models."""
    return {model._meta.label_lower: model for model in found.values()}


def described(
    found: Mapping[str, type[Model]], owners: Mapping[str, str], ignored: Callable[[Any], bool]
) -> dict[str, External]:
    """Return the input of the description for each model, also for tables whose model is not installed. `owners`: the
    label of the model that owns each table. `ignored`: True for models whose relations will be generated again."""
    known = {table: _external(model, ignored) for table, model in found.items()}
    for table, label in owners.items():
        known.setdefault(fold(table), External(label, "", {}))
    return known


def _external(model: type[Model], ignored: Callable[[Any], bool]) -> External:
    meta = model._meta
    rules = [_rule(field) for field in meta.local_fields if field.remote_field is not None]
    return External(
        meta.label,
        fold(str(meta.pk.column or "")) if meta.pk is not None else "",
        {fold(str(field.column)): field.name for field in meta.local_concrete_fields if field.unique},
        frozenset(_names(model, ignored)),
        is_user=meta.label == settings.AUTH_USER_MODEL,
        has_python_rules=any(rule is not DO_NOTHING and not _is_of_database(rule) for rule in rules),
        has_db_rules=any(map(_is_of_database, rules)),
    )


def _rule(field: Any) -> Any:
    return getattr(field.remote_field, "on_delete", DO_NOTHING)


def _is_of_database(rule: Any) -> bool:
    """True for DB_CASCADE and similar rules (Django 6.1)."""
    return str(getattr(rule, "__name__", "")).startswith("DB_")


def _names(model: type[Model], ignored: Callable[[Any], bool]) -> Iterator[str]:
    for field in model._meta.get_fields(include_hidden=True):
        found: Any = field
        if field.auto_created and not field.concrete:
            if not ignored(found.related_model) and (name := found.get_accessor_name()):
                yield from (name, found.name)
        else:
            yield from (field.name, str(getattr(field, "attname", field.name)))
