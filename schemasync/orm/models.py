"""Reads the installed models as a schema: the tables that Django itself would create, read back from SQLite."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Field, Model, UniqueConstraint

from .. import conf, databases
from ..engines.sqlite.connection import Connection, Opener
from ..engines.sqlite.inspect import inspect
from ..engines.sqlite.script import run
from ..schema.model import Schema
from ..schema.names import fold

Label = str
"""`app.Model`, as in `_model`."""


@dataclass(frozen=True, slots=True)
class Modelled:
    """The tables of the models of one database. `labels`: the model of each table, by folded name.

    `fields`: the field of each column, by folded (table, column). `notes`: constraints that Django leaves out on
    SQLite. `elsewhere`: folded names of tables of installed models that schema.json does not make, because the models
    are unmanaged, swapped out, in another database, or of an app that keeps its migrations. `kept`: only those of apps
    that keep their migrations. `apps`: labels of the installed apps; None if all apps count as installed.
    """

    schema: Schema
    labels: Mapping[str, Label]
    fields: Mapping[tuple[str, str], Field[Any, Any]]
    notes: tuple[str, ...] = ()
    elsewhere: frozenset[str] = frozenset()
    kept: frozenset[str] = frozenset()
    apps: frozenset[str] | None = None


def modelled(alias: str) -> Modelled:
    """Build the tables of all models that `migrate` would create in this database with Django, and read them from
    SQLite. Opens no database of the project. Raises Refused for tables that cannot be read, UsageError for a database
    of another engine."""
    databases.refuse_other_engines(alias)
    found = list(models_of(alias))
    connection = scratch(alias)
    try:
        with connection.schema_editor(collect_sql=True, atomic=False) as editor:
            for model in found:
                editor.create_model(model)
        statements = editor.collected_sql
    finally:
        connection.close()
    with closing(databases.opener(alias).memory()) as memory:
        schema = _read(memory, statements)
    labels = dict(_labels(found))
    kept = frozenset(kept_tables())
    return Modelled(
        schema, labels, dict(_fields(found)), tuple(_left_out(found)), _elsewhere(labels), kept, _installed()
    )


def _installed() -> frozenset[str]:
    return frozenset(config.label for config in apps.get_app_configs())


def made_here(alias: str) -> dict[str, Label]:
    """Map the folded name of each table that schema.json makes in this database to its model."""
    return dict(_labels(list(models_of(alias))))


def made_elsewhere(alias: str) -> frozenset[str]:
    """Return the folded names of tables of installed models that schema.json does not make in this database, and of the
    table of migrations if an app keeps them. Empty without the setting ENABLED: then migrations make all tables."""
    if not conf.is_enabled():
        return frozenset()
    record = {MigrationRecorder.Migration._meta.db_table} if conf.migrated_apps() else set()
    return _elsewhere(made_here(alias)) | record


def kept_tables() -> dict[str, type[Model]]:
    """Map the folded table names of the apps that keep their migrations to their models."""
    installed = apps.get_models(include_auto_created=True)
    return {
        fold(table_of(model)): model
        for model in installed
        if model._meta.app_label in conf.migrated_apps() and model._meta.managed and not model._meta.proxy
    }


def _read(connection: Connection, statements: list[str]) -> Schema:
    run(connection, statements)
    return inspect(connection).schema


def models_of(alias: str) -> Iterator[type[Model]]:
    """Yield the models of this database, in the order of `migrate --run-syncdb`, without automatic through models."""
    connection = connections[alias]
    for config in apps.get_app_configs():
        if config.models_module is None or config.label in conf.migrated_apps():
            continue
        for model in router.get_migratable_models(config, alias, include_auto_created=False):
            if model._meta.can_migrate(connection):
                yield model


def through_of(model: type[Model]) -> Iterator[type[Model]]:
    """Yield the through models that Django makes for the model's many-to-many fields."""
    for field in model._meta.local_many_to_many:
        through: Any = field.remote_field.through
        if through._meta.auto_created:
            yield through


def _labels(models: list[type[Model]]) -> Iterator[tuple[str, Label]]:
    for model in models:
        for one in (model, *through_of(model)):
            yield fold(table_of(one)), one._meta.label


def _elsewhere(here: Collection[str]) -> frozenset[str]:
    installed = apps.get_models(include_auto_created=True, include_swapped=True)
    return frozenset(fold(table_of(model)) for model in installed).difference(here)


def table_of(model: type[Model]) -> str:
    """Return the name of the model's table in SQLite: Django's may be quoted."""
    name = model._meta.db_table
    return name[1:-1] if name.startswith('"') and name.endswith('"') else name


def scratch(alias: str) -> BaseDatabaseWrapper:
    """Return a connection in memory with the class and alias of the database: routers may refuse an invented alias."""
    wrapper = connections[alias]
    settings = {**wrapper.settings_dict, "NAME": ":memory:", "OPTIONS": {}}
    connection = wrapper.__class__(settings, alias=alias)
    # Opened here: Django would send connection_created, whose receivers may need tables
    connection.connection, connection.autocommit = Opener().memory(), True
    # Django keeps these in a set, so that SQL over JSON would differ between processes
    operations: Any = connection.ops
    operations.jsonfield_datatype_values = tuple(sorted(operations.jsonfield_datatype_values))
    return connection


def _fields(models: list[type[Model]]) -> Iterator[tuple[tuple[str, str], Field[Any, Any]]]:
    for model in models:
        for field in model._meta.local_concrete_fields:
            yield (fold(table_of(model)), fold(str(field.column))), field


def _left_out(models: list[type[Model]]) -> Iterator[str]:
    for model in models:
        for constraint in model._meta.constraints:
            if isinstance(constraint, UniqueConstraint) and (what := _beyond_sqlite(constraint)):
                yield (
                    f"{model._meta.label}: the constraint {constraint.name} {what}, which SQLite does not support: "
                    "it is left out, as in Django"
                )


def _beyond_sqlite(constraint: Any) -> str | None:
    """Return the reason why Django leaves out a UNIQUE constraint on SQLite; None if it does not."""
    if constraint.deferrable is not None:
        return "is deferrable"
    if constraint.nulls_distinct is not None:
        return "says whether nulls are distinct"
    return "includes columns beside its own" if constraint.include else None
