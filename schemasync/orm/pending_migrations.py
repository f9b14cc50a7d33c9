"""Finds the migrations of MIGRATED_APPS that the live database lacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connections, router
from django.db.migrations.exceptions import AmbiguityError
from django.db.migrations.executor import MigrationExecutor

from .. import conf
from ..errors import Code, UsageError
from ..schema.names import fold
from . import migration_modules
from .migrate_signals import MigrationPlan
from .models import kept_tables


@dataclass(frozen=True, slots=True)
class Goal:
    """The goal of `migrate LABEL NAME` or `--fake`: the migrations of the app `label` (None: of all apps) up to `name`
    (None: the last one). `is_fake`: they are recorded, and not run."""

    label: str | None = None
    name: str | None = None
    is_fake: bool = False

    def targets(self, executor: MigrationExecutor) -> Sequence[tuple[str, str | None]]:
        """Return the last migrations to run, as (label, name); a None name means the state before the first one. Raises
        UsageError for a name that the app does not have."""
        every = last_migrations(executor)
        if self.label is None:
            return every
        if self.name == "zero":
            return [(self.label, None)]
        if self.name is None:
            return [key for key in every if key[0] == self.label]
        try:
            found = executor.loader.get_migration_by_prefix(self.label, self.name)
        except (AmbiguityError, KeyError) as error:
            what = "several migrations match" if isinstance(error, AmbiguityError) else "there is no migration"
            hint = f"They are listed by: manage.py showmigrations {self.label}"
            raise UsageError.of(Code.BAD_OPTION, f"{what} {self.label}.{self.name}", hint) from error
        return [(self.label, found.name)]


def planned(alias: str, goal: Goal | None = None, *, is_new: bool = False) -> MigrationPlan:
    """Return the pending migrations of MIGRATED_APPS on the live database, in order. Raises UsageError if the goal
    would undo a migration. `is_new`: there is no database yet."""
    if not conf.migrated_apps():
        return ()
    with migration_modules.suspended():
        executor = MigrationExecutor(None if is_new else connections[alias])
        plan = executor.migration_plan(goal.targets(executor) if goal is not None else last_migrations(executor))
    if undone := [f"{one.app_label}.{one.name}" for one, is_backwards in plan if is_backwards]:
        raise UsageError.of(
            Code.BAD_OPTION,
            f"that would undo {', '.join(undone)}; a migration is not undone on a live database",
            "To go back to the file from before, with its rows: manage.py schemasync history, then rollback. "
            "To undo it with today's rows, write a migration that does so.",
        )
    return [(one, False) for one, _ in plan if one.app_label in conf.migrated_apps()]


@dataclass(frozen=True, slots=True)
class KeptApps:
    """Problems of apps that keep their migrations. `waiting`: migrations that were not run on the live database.
    `missing`: tables that are missing although all migrations of their app were run."""

    waiting: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.waiting or self.missing)


NONE_KEPT = KeptApps()


def kept_apps(alias: str) -> KeptApps:
    """Return the problems of the live database."""
    late = waiting(alias)
    connection = connections[alias]
    there = {fold(name) for name in connection.introspection.table_names()}
    apps_late = {name.partition(".")[0] for name in late}
    gone = [
        f"{table} of {model._meta.label}"
        for table, model in sorted(kept_tables().items())
        if table not in there
        and model._meta.app_label not in apps_late
        and model._meta.can_migrate(connection)
        and router.allow_migrate_model(alias, model)
    ]
    connection.close()
    return KeptApps(tuple(late), tuple(gone))


def waiting(alias: str) -> list[str]:
    """Return the migrations of MIGRATED_APPS that were not run on the live database, and close the connection."""
    found = pending(alias)
    connections[alias].close()
    return found


def pending(alias: str) -> list[str]:
    """Like waiting(), but leave the connection open."""
    with migration_modules.suspended():
        executor = MigrationExecutor(connections[alias])
        plan = executor.migration_plan(last_migrations(executor))
        late = [f"{m.app_label}.{m.name}" for m, _ in plan if m.app_label in conf.migrated_apps()]
        return [*late, *_unrecorded_squashes(executor)]


def _unrecorded_squashes(executor: MigrationExecutor) -> list[str]:
    """Return squashed migrations whose parts were all run: Django's migrate records them, before a later release has
    only them."""
    applied = executor.recorder.applied_migrations()  # that of the loader has them already
    return [
        ".".join(key)
        for key, squashed in executor.loader.replacements.items()
        if key[0] in conf.migrated_apps() and key not in applied and all(part in applied for part in squashed.replaces)
    ]


def last_migrations(executor: MigrationExecutor) -> list[tuple[str, str]]:
    """Return the last migrations of MIGRATED_APPS, as (label, name)."""
    return [key for key in executor.loader.graph.leaf_nodes() if key[0] in conf.migrated_apps()]
