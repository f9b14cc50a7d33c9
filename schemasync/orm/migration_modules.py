"""Hides the migrations of all apps except MIGRATED_APPS from Django, with the setting ENABLED."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from asgiref.local import Local
from django.apps import apps
from django.conf import settings

from .. import conf

_state = Local()  # of the thread, or of the asynchronous task


class MigrationModules(dict[str, Any]):
    """A policy for `MIGRATION_MODULES`: None (no migrations) for every app that is not in MIGRATED_APPS.

    Django reads it lazily, so the app registry is read at that time. `original`: the project's own setting, a mapping
    or an object with only `in` and `[]`, as some projects use to leave out migrations in tests. Within `suspended()`
    the policy is that setting, only for the thread in the block: pages of a server that run at the same time read it,
    too.
    """

    def __init__(self, original: Any) -> None:
        super().__init__(original if isinstance(original, Mapping) else {})
        self.original: Any = dict(original) if isinstance(original, Mapping) else original

    def __contains__(self, label: object) -> bool:
        return label in self.original or not (_is_suspended() or label in conf.migrated_apps())

    def __getitem__(self, label: str) -> Any:
        if _is_suspended() or label in conf.migrated_apps():
            return self.original[label]
        return None

    def get(self, label: str, default: Any = None) -> Any:
        try:
            return self[label]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        if _is_suspended() and isinstance(self.original, dict):
            return iter(self.original)
        return iter([config.label for config in apps.get_app_configs() if config.label in self])


def install() -> None:
    """Put the policy into the settings, once."""
    if not _is_installed():
        settings.MIGRATION_MODULES = MigrationModules(settings.MIGRATION_MODULES)


def is_in_force() -> bool:
    """True if the policy is installed and not suspended."""
    return _is_installed() and not _is_suspended()


def _is_installed() -> bool:
    return isinstance(settings.MIGRATION_MODULES, MigrationModules)


def _is_suspended() -> bool:
    return bool(getattr(_state, "is_suspended", False))


def is_suspended() -> bool:
    """True within a block that uses the project's own setting, so that Django's own commands run."""
    return _is_installed() and _is_suspended()


@contextmanager
def suspended() -> Iterator[None]:
    """Use the project's own setting within the block."""
    before, _state.is_suspended = _is_suspended(), True
    try:
        yield
    finally:
        _state.is_suspended = before


def module_of(label: str) -> str | None:
    """Return the migration module of an app by the project's own setting; None if it has none."""
    found = settings.MIGRATION_MODULES
    said = found.original if isinstance(found, MigrationModules) else found
    if label in said:
        return str(said[label]) if said[label] is not None else None
    return f"{apps.get_app_config(label).name}.migrations"
