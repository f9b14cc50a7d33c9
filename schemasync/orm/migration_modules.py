"""With the flag on, hides the migrations of all apps but MIGRATED_APPS from Django."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.apps import apps
from django.conf import settings

from .. import conf


class MigrationModules(dict[str, Any]):
    """`MIGRATION_MODULES` by policy: None, which means none, for every app that is not in MIGRATED_APPS.

    Django reads it lazily, so the registry of apps is asked when it does. `original` is what the project said.
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
    """True where Django sees only the migrations that the policy leaves."""
    return isinstance(settings.MIGRATION_MODULES, MigrationModules)


def is_suspended() -> bool:
    """True within a block in which migrations are where the project says, and Django's commands are Django's own."""
    return isinstance(settings.MIGRATION_MODULES, _Original)


class _Original(dict[str, Any]):
    """What the project said, while the policy is suspended."""


@contextmanager
def suspended() -> Iterator[None]:
    """Within the block migrations are where the project says."""
    policy = settings.MIGRATION_MODULES
    if isinstance(policy, MigrationModules):
        settings.MIGRATION_MODULES = _Original(policy.original)
    try:
        yield
    finally:
        settings.MIGRATION_MODULES = policy


def module_of(label: str) -> str | None:
    """Where the migrations of an app are, as the project says; None where it has none."""
    found = settings.MIGRATION_MODULES
    said = found.original if isinstance(found, MigrationModules) else found
    if label in said:
        return str(said[label]) if said[label] is not None else None
    return f"{apps.get_app_config(label).name}.migrations"
