"""Finds migrations of MIGRATED_APPS whose tables exist already, made from schema.json before the setting was added.

Django's own solution is --fake-initial, which works only for initial migrations and compares names. Here the columns of
the database are compared with the models after each migration.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from .. import conf, databases
from ..engines.sqlite.inspect import inspect
from ..errors import Code, Failed, Problem, Refused
from ..schema.model import Column, Table
from ..schema.names import fold
from .data_migrations import carries

Key = tuple[str, str]
"""The label of an app, and the name of its migration."""

Shape = Mapping[str, Mapping[str, tuple[str, bool]]]
"""Maps folded table names to columns, and folded column names to (type, whether NULL is refused), False for a key."""


def already_there(
    alias: str,
    path: Path,
    executor: MigrationExecutor,
    targets: Sequence[tuple[str, str | None]],
    accepted: Collection[str],
) -> frozenset[Key]:
    """Return migrations that were not run, but whose tables exist. `accepted`: data migrations that may be skipped.
    Raises Refused and Failed."""
    plan = [migration for migration, _ in executor.migration_plan(targets)]
    labels = {migration.app_label for migration in plan} & set(conf.migrated_apps())
    if not labels:
        return frozenset()
    found, states = _found(alias, path), list(_states(executor, plan))
    there: set[Key] = set()
    problems: list[Problem] = []
    for label in sorted(labels):
        done = list(_done(alias, label, plan, states, found))
        there |= {(label, migration.name) for migration in done}
        names = [f"{label}.{migration.name}" for migration in done if carries(migration)]
        problems += [_never_ran(name) for name in names if name not in accepted]
    if problems:
        raise Refused(problems)
    return frozenset(there)


def _states(executor: MigrationExecutor, plan: list[Migration]) -> Iterator[ProjectState]:
    """Yield the models before the plan, and after each of its migrations."""
    loader = executor.loader
    state = ProjectState(real_apps=loader.unmigrated_apps)
    for migration, _ in executor.migration_plan(loader.graph.leaf_nodes(), clean_start=True):
        if (migration.app_label, migration.name) in loader.applied_migrations:
            state = migration.mutate_state(state, preserve=False)
    yield state
    for migration in plan:
        state = migration.mutate_state(state, preserve=True)
        yield state


def _done(
    alias: str, label: str, plan: list[Migration], states: list[ProjectState], found: Shape
) -> Iterator[Migration]:
    """Yield the migrations of one app up to the first one whose result matches the tables in the database. Raises
    Failed if none of them matches and the app has no earlier tables."""
    known = _known(label, states)
    now = {
        table: {name: found[table][name] for name in found[table] if names is None or name in names}
        for table, names in known.items()
        if table in found
    }
    if not now or _shape(alias, label, states[0]) == now:  # decided without building further models
        return
    numbers = [n for n, migration in enumerate(plan) if migration.app_label == label]
    last = next((n for n in numbers if _shape(alias, label, states[n + 1]) == now), None)
    if last is None and not _known(label, states[:1]):
        raise _unknown(label, sorted(now))
    yield from (plan[n] for n in numbers if last is not None and n <= last)


def _known(label: str, states: list[ProjectState]) -> dict[str, set[str] | None]:
    """Map the folded names of all tables that the app's models have in any state to their columns; None means all
    columns."""
    known: dict[str, set[str] | None] = {}
    for state in states:
        for (app, name), model in state.models.items():
            if app != label or not model.options.get("managed", True) or model.options.get("proxy"):
                continue
            table = fold(str(model.options.get("db_table") or f"{label}_{name}").strip('"'))
            columns = known.setdefault(table, set())
            for field, said in model.fields.items():
                if said.many_to_many:
                    if _has_own_table(said):
                        known[fold(said.db_table or f"{table}_{field}")] = None
                elif columns is not None:
                    columns |= {fold(said.db_column or field), fold(said.db_column or f"{field}_id")}
    return known


def _has_own_table(field: Any) -> bool:
    """False if a model is the intermediate table, as with `through` and the tags of django-taggit."""
    return getattr(field.remote_field, "through", None) is None


def _found(alias: str, path: Path) -> Shape:
    with closing(databases.opener(alias).read(path)) as connection:
        tables = inspect(connection).schema.tables
    return {
        fold(table.name): {
            fold(column.name): (column.type.canonical, column.not_null is not None and not _is_key(table, column))
            for column in table.columns
        }
        for table in tables
    }


def _is_key(table: Table, column: Column) -> bool:
    key = table.primary_key
    return key is not None and any(fold(part.column or "") == fold(column.name) for part in key.columns)


def _shape(alias: str, label: str, state: ProjectState) -> Shape:
    """Return the tables of an app's models, as Django would create them."""
    connection = connections[alias]
    shape: dict[str, dict[str, tuple[str, bool]]] = {}
    for model in state.apps.get_models(include_auto_created=True):
        meta: Any = model._meta
        if meta.app_label == label and meta.managed and not meta.proxy:
            shape[fold(meta.db_table.strip('"'))] = {
                fold(field.column): (_type(field.db_type(connection)), _refuses_null(field))
                for field in meta.local_concrete_fields
            }
    return shape


def _refuses_null(field: Any) -> bool:
    return not (field.null or field.primary_key or field.generated)


def _type(text: str) -> str:
    return text.upper().replace(", ", ",")


def _never_ran(name: str) -> Problem:
    return Problem(
        Code.DATA_MIGRATION,
        f"this database never ran the migration {name}, which runs Python or SQL of its own, and the tables of its "
        "app already have later changes: it cannot run any more",
        f"If the rows of this database do not need it: manage.py schemasync --accept-data-migration {name}\n"
        "If they do, do the same work in a receiver of schemasync.signals.before_swap.",
        {"migration": name},
    )


def _unknown(label: str, tables: list[str]) -> Failed:
    return Failed.of(
        Code.HOOK_FAILED,
        f"the tables of {label} exist ({', '.join(tables)}), but match none of its migrations: these can be "
        "neither run nor skipped",
        f"Remove {label} from MIGRATED_APPS, or change its tables to the result of one of its migrations.",
        tables=tables,
    )
