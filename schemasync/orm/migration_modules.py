"""With the flag on, hides the migrations of all apps except MIGRATED_APPS from Django."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.conf import settings

from .. import conf


class MigrationModules(dict[str, Any]):
    """A policy for `MIGRATION_MODULES`: None (no migrations) for every app that is not in MIGRATED_APPS.

    Django reads it lazily, so the app registry is read at that time. `original` is the project's own setting.
    """

    def __init__(self, original: Mapping[str, Any]) -> None:
        super().__init__(original)
        self.original = dict(original)

    def __contains__(self, label: object) -> bool:
        return label in self.original or label not in conf.migrated_apps()

    def __getitem__(self, label: str) -> Any:
        if label in conf.migrated_apps():
            return self.original[label]
        return None

    def get(self, label: str, default: Any = None) -> Any:
        try:
            return self[label]
        except KeyError:
            return default

    def __iter__(self) -> Iterator[str]:
        return iter([config.label for config in apps.get_app_configs() if config.label in self])


def install() -> None:
    """Put the policy into the settings, once."""
    if not is_in_force():
        settings.MIGRATION_MODULES = MigrationModules(settings.MIGRATION_MODULES)


def is_in_force() -> bool:
    """True if Django sees only the migrations that the policy leaves."""
    return isinstance(settings.MIGRATION_MODULES, MigrationModules)


def is_suspended() -> bool:
    """True within a block that uses the project's own setting, so that Django's own commands run."""
    return isinstance(settings.MIGRATION_MODULES, _Original)


class _Original(dict[str, Any]):
    """The project's own setting, while the policy is suspended."""


@contextmanager
def suspended() -> Iterator[None]:
    """Use the project's own setting within the block."""
    policy = settings.MIGRATION_MODULES
    if isinstance(policy, MigrationModules):
        settings.MIGRATION_MODULES = _Original(policy.original)
    try:
        yield
    finally:
        settings.MIGRATION_MODULES = policy


def module_of(label: str) -> str | None:
    """The migration module of an app by the project's own setting; None if it has none."""
    found = settings.MIGRATION_MODULES
    said = found.original if isinstance(found, MigrationModules) else found
    if label in said:
        return str(said[label]) if said[label] is not None else None
    return f"{apps.get_app_config(label).name}.migrations"
