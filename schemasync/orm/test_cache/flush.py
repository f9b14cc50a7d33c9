"""Empties a test database after a TransactionTestCase, with the result of `flush` and less work.

Django's command deletes the rows of all tables, and then lets the receivers of `post_migrate` write every content type
and every permission again, with several queries and two transactions for each app. This module empties only tables with
rows, and inserts the rows of Django's own receivers at once, as recorded the first time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from typing import Any

from django.apps import AppConfig, apps
from django.core.management import call_command, get_commands
from django.core.management.color import no_style
from django.core.management.sql import emit_post_migrate_signal
from django.db import Error, connections, router
from django.db.backends.sqlite3.creation import DatabaseCreation
from django.db.models.signals import post_migrate
from django.db.transaction import atomic
from django.test import TransactionTestCase

from ...engines.sqlite.flushed import Permissions, add_permissions, filled, has_triggers, last_ids, permissions_after
from ..migrate_signals import import_management

Receiver = Callable[..., Any]
Call = tuple[AppConfig, Receiver]
COLUMNS = {
    "contenttypes.ContentType": {"id", "app_label", "model"},
    "auth.Permission": {"id", "content_type_id", "codename", "name"},
}


@dataclass(frozen=True, slots=True)
class Written:
    """The rows that receivers wrote, and the content types that they left in the cache of ContentType.objects."""

    rows: Permissions
    cached: tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Recorded:
    """The rows that Django's own receivers wrote in one alias, by the number of the group of calls. They are valid
    while `of` is unchanged: the input of these receivers besides the database."""

    of: tuple[Any, ...] = ()
    written: dict[int, Written] = field(default_factory=dict)


_recorded: dict[str, Recorded] = {}
_stock = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]


def install() -> None:
    """Let TransactionTestCase empty databases with flush() of this module."""
    case: Any = TransactionTestCase
    case._fixture_teardown = _fixture_teardown


def _fixture_teardown(self: Any) -> None:
    """Like _fixture_teardown() of TransactionTestCase, but with flush() of this module if it applies."""
    names = self._databases_names(include_mirrors=False)
    if self.available_apps is not None or not all(map(_is_ours, names)):
        _stock(self)
        return
    for alias in names:
        is_serialized = self.serialized_rollback and hasattr(connections[alias], "_test_serialized_contents")
        flush(alias, emits=not is_serialized)


def _is_ours(alias: str) -> bool:
    return isinstance(connections[alias].creation, DatabaseCreation) and get_commands()["flush"] == "django.core"


def flush(alias: str, *, emits: bool) -> None:
    """Empty a database like the command `flush` between tests. `emits`: send `post_migrate`."""
    connection = connections[alias]
    connection.ensure_connection()
    if not has_triggers(connection.connection) and (tables := _emptied(connection)):
        if emits:
            _emit(alias, tables)
        return
    call_command(
        "flush",
        verbosity=0,
        interactive=False,
        database=alias,
        reset_sequences=False,
        allow_cascade=False,
        inhibit_post_migrate=not emits,
    )


def _emptied(connection: Any) -> list[str]:
    """Delete the rows of all tables of models, and return the names of these tables. Return an empty list on failure:
    Django's own command then reports the error."""
    _import_management(tuple(apps.get_app_configs()))
    tables: list[str] = connection.introspection.django_table_names(only_existing=True, include_views=False)
    try:
        rows = filled(connection.connection, tables)
        connection.ops.execute_sql_flush(connection.ops.sql_flush(no_style(), rows))
    except (Error, sqlite3.Error):
        return []
    return tables


@lru_cache(maxsize=4)  # modify_settings may change the apps
def _import_management(_installed: tuple[AppConfig, ...]) -> None:
    import_management()


def _emit(alias: str, tables: list[str]) -> None:
    """Send `post_migrate` for each app."""
    calls, own = _calls(), _own_receivers(alias, tables)
    if calls is None or not own:
        emit_post_migrate_signal(0, False, alias)
        return
    recorded = _recorded.setdefault(alias, Recorded())
    if recorded.of != (of := _read_by_receivers(alias, calls)):
        recorded.of, recorded.written = of, {}
    for number, (is_own, group) in enumerate(groupby(calls, key=lambda call: call[1] in own)):
        if not is_own:
            _send(alias, group)
        elif number not in recorded.written or not _replayed(alias, recorded.written[number]):
            recorded.written[number] = _record(alias, group)


def _calls() -> list[Call] | None:
    """Return all receivers that `post_migrate` calls, in order; None if one is asynchronous."""
    found: list[Call] = []
    for config in apps.get_app_configs():
        if config.models_module is not None:
            plain, asynchronous = post_migrate._live_receivers(config)
            if asynchronous:
                return None
            found += [(config, one) for one in plain]
    return found


def _own_receivers(alias: str, tables: list[str]) -> tuple[Receiver, ...]:
    """Return Django's receivers that write content types and permissions; empty if the project has changed these
    models, or has them in another database."""
    if not all(apps.is_installed(f"django.contrib.{app}") for app in ("auth", "contenttypes")):
        return ()
    from django.contrib.auth import management
    from django.contrib.contenttypes.management import create_contenttypes

    for label, columns in COLUMNS.items():
        meta: Any = apps.get_model(label)._meta
        if meta.db_table not in tables or {one.column for one in meta.local_concrete_fields} != columns:
            return ()
    found = (management.create_permissions, create_contenttypes)
    renames = getattr(management, "rename_permissions_after_model_rename", None)  # Django 6.1: nothing without a plan
    return found if renames is None else (*found, renames)


def _read_by_receivers(alias: str, calls: list[Call]) -> tuple[Any, ...]:
    models = [model for config in apps.get_app_configs() for model in config.get_models()]
    return (calls, models, list(router.routers))


def _send(alias: str, calls: Iterable[Call]) -> None:
    """Call the receivers like `emit_post_migrate_signal` for `flush`."""
    for config, receiver in calls:
        about = {"app_config": config, "verbosity": 0, "interactive": False, "using": alias}
        receiver(signal=post_migrate, sender=config, **about)


def _record(alias: str, calls: Iterable[Call]) -> Written:
    """Call the receivers, and return the rows that they wrote."""
    connection = connections[alias]
    before = last_ids(connection.connection)
    _send(alias, calls)
    return Written(permissions_after(connection.connection, before), _cached(alias))


def _cached(alias: str) -> tuple[tuple[str, str], ...]:
    types: Any = apps.get_model("contenttypes.ContentType")
    return tuple(key for key in types.objects._cache.get(alias, ()) if isinstance(key, tuple))


def _replayed(alias: str, written: Written) -> bool:
    """Write the recorded rows, and return True. Return False, with nothing written, if they conflict with rows of the
    database."""
    try:
        with atomic(using=alias):
            add_permissions(connections[alias].connection, written.rows)
    except sqlite3.IntegrityError:
        return False
    types: Any = apps.get_model("contenttypes.ContentType")
    types.objects.clear_cache()
    for key in written.cached:
        types.objects.db_manager(alias).get_by_natural_key(*key)
    return True
