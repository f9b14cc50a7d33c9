"""Migrations that carry data or SQL of their own: what no schema can say, and so must not be passed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from django.apps import apps
from django.db.migrations import RunPython, RunSQL, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from .. import conf
from . import policy

Seen = Mapping[str, Iterable[str]]
"""Names of migrations by label of their app."""


def carrying() -> dict[str, list[str]]:
    """The migrations of installed apps that run Python or SQL of their own, but for MIGRATED_APPS."""
    with policy.suspended():
        loader = MigrationLoader(None, ignore_no_migrations=True)
    found: dict[str, list[str]] = {}
    for (label, name), migration in sorted(loader.disk_migrations.items()):
        if label not in conf.migrated_apps() and any(map(_carries, migration.operations)):
            found.setdefault(label, []).append(name)
    return found


def unseen(found: Seen, seen: Seen) -> Iterator[str]:
    """`app.0002_name` of each that was not seen yet."""
    for label, names in found.items():
        yield from (f"{label}.{name}" for name in names if name not in set(seen.get(label, ())))


def is_of_others(name: str) -> bool:
    """True for a migration of neither Django nor the project: of a package that was installed."""
    config = apps.get_app_config(name.partition(".")[0])
    return "site-packages" in config.path and not config.name.startswith("django.")


def _carries(operation: Operation) -> bool:
    match operation:
        case RunPython():
            return operation.code is not RunPython.noop
        case RunSQL():
            return bool(operation.sql)
        case SeparateDatabaseAndState():
            return any(map(_carries, operation.database_operations))
        case _:
            return False
