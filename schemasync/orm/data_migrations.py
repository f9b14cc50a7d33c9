"""Finds data migrations: they run Python or SQL of their own, which no schema can express."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from django.apps import apps
from django.db import router
from django.db.migrations import Migration, RunPython, RunSQL, SeparateDatabaseAndState
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation

from .. import conf
from ..history.data_migrations import DataMigration
from . import migration_modules

Seen = Mapping[str, Iterable[str]]
"""Maps the label of an app to names of its migrations."""


def carrying() -> dict[str, list[str]]:
    """Return the data migrations of installed apps, by app label, except those of MIGRATED_APPS."""
    found: dict[str, list[str]] = {}
    for (label, name), migration in sorted(_on_disk().items()):
        if label not in conf.migrated_apps() and carries(migration):
            found.setdefault(label, []).append(name)
    return found


def data_migrations(alias: str) -> tuple[DataMigration, ...] | None:
    """Return the data migrations that routers allow on one database, except those of MIGRATED_APPS, each with the
    migrations that it replaces. None without the setting ENABLED."""
    if not conf.is_enabled():
        return None
    there = _on_disk()
    return tuple(
        _data_migration(key, there)
        for key, migration in sorted(there.items())
        if key[0] not in conf.migrated_apps()
        and any(_carries(one) and _is_run(alias, key[0], one) for one in migration.operations)
    )


def _on_disk() -> Mapping[tuple[str, str], Migration]:
    with migration_modules.suspended():
        return MigrationLoader(None, ignore_no_migrations=True).disk_migrations


def _data_migration(key: tuple[str, str], there: Mapping[tuple[str, str], Migration]) -> DataMigration:
    replaces = there[key].replaces if key in there else ()
    return DataMigration(".".join(key), tuple(_data_migration((app, name), there) for app, name in replaces))


def _is_run(alias: str, label: str, operation: Operation) -> bool:
    return bool(router.allow_migrate(alias, label, **getattr(operation, "hints", {})))


def carries(migration: Migration) -> bool:
    """True if the migration runs Python or SQL of its own."""
    return any(map(_carries, migration.operations))


def may_act_outside(migration: Migration) -> bool:
    """True if the migration runs Python that is not Django's, as a function or an operation: it may act outside of the
    database, such as send mail or write a file."""
    return any(map(_may_act_outside, migration.operations))


def _may_act_outside(operation: Operation) -> bool:
    match operation:
        case RunPython():
            return not _is_of_django(type(operation)) or not _is_of_django(operation.code)
        case SeparateDatabaseAndState():
            return any(map(_may_act_outside, operation.database_operations))
        case _:
            return not _is_of_django(type(operation))


def _is_of_django(one: object) -> bool:
    return str(getattr(one, "__module__", "")).startswith("django.")


def unseen(found: Seen, seen: Seen) -> Iterator[str]:
    """Yield `app.0002_name` for each migration that was not seen yet."""
    for label, names in found.items():
        yield from (f"{label}.{name}" for name in names if name not in set(seen.get(label, ())))


def is_packaged(path: Path) -> bool:
    """True for a file or folder of an installed package."""
    return not {"site-packages", "dist-packages"}.isdisjoint(path.parts)


def is_of_others(name: str) -> bool:
    """True for a migration of an installed package, which belongs to neither Django nor the project."""
    config = apps.get_app_config(name.partition(".")[0])
    return is_packaged(Path(config.path)) and not config.name.startswith("django.")


def is_own(name: str) -> bool:
    """True for a migration of an app of the project that is installed."""
    installed = {config.label for config in apps.get_app_configs()}
    return name.partition(".")[0] in installed and not is_of_others(name) and not is_of_django(name)


def is_of_django(name: str) -> bool:
    """True for a migration of one of Django's own apps, whose rows `post_migrate` makes."""
    return apps.get_app_config(name.partition(".")[0]).name.startswith("django.")


def _carries(operation: Operation) -> bool:
    match operation:
        case RunPython():
            return operation.code is not RunPython.noop
        case RunSQL():
            return bool(operation.sql)
        case SeparateDatabaseAndState():
            return any(map(_carries, operation.database_operations))
        case _:  # an operation of the project may do anything
            return not type(operation).database_forwards.__module__.startswith("django.")
