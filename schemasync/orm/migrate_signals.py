"""The signals of `migrate`, for the apps whose tables exist.

Django sends `post_migrate` when the tables of all installed apps exist. A schema.json may lack some of them; a receiver
of such an app would fail on a database that is live already.
https://docs.djangoproject.com/en/stable/ref/signals/#post-migrate
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any, TextIO

from django.apps import AppConfig, apps
from django.core.management.base import OutputWrapper
from django.core.management.sql import emit_post_migrate_signal, emit_pre_migrate_signal
from django.db import connections
from django.db.models.signals import post_migrate
from django.utils.module_loading import module_has_submodule

from ..diff.changes import shortened
from ..schema.document import Document
from ..schema.names import fold
from ..schema.text import count
from .models import made_here

Out = OutputWrapper | TextIO


def import_management() -> None:
    """Receivers of the signals are in each app's `management` module, and Django imports it for that reason."""
    for config in apps.get_app_configs():
        if config.module is not None and module_has_submodule(config.module, "management"):
            import_module(".management", config.name)


def emit_pre_migrate(alias: str, stdout: Out, verbosity: int) -> None:
    """Send `pre_migrate` for every app, as Django does before tables exist."""
    emit_pre_migrate_signal(verbosity, False, alias, stdout=stdout, apps=apps, plan=[])


def emit_post_migrate(alias: str, stdout: Out, verbosity: int) -> None:
    """Send `post_migrate` for each app whose tables exist in the database; for none if a receiver that is called for
    every app belongs to an app whose tables do not exist."""
    missing = _apps_of(_lacking(alias, _tables(alias)))
    if not missing:
        emit_post_migrate_signal(verbosity, False, alias, stdout=stdout, apps=apps, plan=[])
    elif missing.isdisjoint(_apps_with_receivers_for_all()):
        for config in apps.get_app_configs():
            if config.models_module is not None and config.label not in missing:
                _send(config, alias, stdout, verbosity)


def unwritten(alias: str, document: Document) -> list[str]:
    """The installed models, as `app.Model`, that schema.json has no table for, without automatic through models."""
    tables = frozenset(fold(table.name) for table in document.schema.tables) | document.elsewhere
    return sorted(label for label in _lacking(alias, tables).values() if not apps.get_model(label)._meta.auto_created)


def lacking_line(missing: list[str]) -> Iterator[str]:
    """One line about models that have no table, with the command that adds them."""
    if missing:
        models = shortened(missing)
        what = "an installed model" if len(missing) == 1 else count(len(missing), "installed model")
        yield f"schema.json lacks the tables of {what} ({models}); to add them: manage.py schemasync --export"


def _lacking(alias: str, tables: frozenset[str]) -> dict[str, str]:
    return {table: label for table, label in made_here(alias).items() if table not in tables}


def _send(config: AppConfig, alias: str, stdout: Out, verbosity: int) -> None:
    about: dict[str, Any] = {"app_config": config, "verbosity": verbosity, "interactive": False, "using": alias}
    post_migrate.send(sender=config, **about, stdout=stdout, apps=apps, plan=[])


def _tables(alias: str) -> frozenset[str]:
    return frozenset(map(fold, connections[alias].introspection.table_names()))


def _apps_of(missing: dict[str, str]) -> frozenset[str]:
    return frozenset(label.partition(".")[0] for label in missing.values())


def _apps_with_receivers_for_all() -> Iterator[str]:
    """Labels of apps with a receiver that was connected without a sender, as those of contenttypes and auth are."""
    for receivers in post_migrate._live_receivers(None):
        for receiver in receivers:
            if (config := apps.get_containing_app_config(receiver.__module__)) is not None:
                yield config.label
