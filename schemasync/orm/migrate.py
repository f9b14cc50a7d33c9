"""Runs a sync with the additional work of Django's `migrate`: signals, content types, migrations of MIGRATED_APPS."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connections, router
from django.db.migrations.executor import MigrationExecutor

from .. import conf
from ..files.layout import PathKind
from ..history.rows import Afterwards
from ..plan.model import Plan
from ..schema.document import Document
from ..schema.names import fold
from ..signals import before_swap
from ..sync import check, up_to_date
from ..sync.phases.decide import SyncOptions
from ..sync.phases.finish import note
from ..sync.phases.hooks import BeforeSwap, NewFile
from ..sync.run.report import Report
from ..sync.run.target import Target
from ..sync.runner import sync
from . import contenttypes, migration_modules
from .already_there import already_there
from .data_migrations import data_migrations
from .field_readers import readers
from .migrate_signals import Out, emit_post_migrate, emit_pre_migrate, import_management, lacking_line, unwritten
from .models import kept_tables, made_elsewhere, made_here
from .models_fingerprint import beside


def sync_as_migrate(
    alias: str,
    target: Target,
    document: Document,
    options: SyncOptions,
    stdout: Out,
    verbosity: int = 1,
    first: BeforeSwap | None = None,
) -> Report:
    """Run `sync` and the additional work of `migrate`. Raises a SchemasyncError; then the live file is unchanged.

    On the new file, before it goes live: `first`, content types of renamed models, migrations of MIGRATED_APPS, and
    receivers of `before_swap`. On the live one: `pre_migrate` before; `post_migrate` after, where tables exist.
    """
    import_management()
    options = informed(alias, options)
    emit_pre_migrate(alias, stdout, verbosity)
    connections[alias].close()

    def work(new: NewFile) -> bool:
        has_begun = first is not None and first(new)
        renamed = list(contenttypes.renames(new.models, document.models, _tables(new.plan)))
        if not (renamed or conf.migrated_apps() or before_swap.has_listeners(Report)):
            return has_begun
        with on_file(alias, new.path):
            contenttypes.rename(alias, renamed)
            migrate_apps(alias, new.path, options.accepted_migrations)
            before_swap.send(Report, using=alias, changes=new.plan.changes, apps=apps)
        return True

    again = bool(conf.migrated_apps()) and is_there(target) and bool(waiting(alias))
    new = check.newly_modelled(target, document) if is_there(target) else frozenset()
    report = sync(target, document, replace(options, again=again), work)
    if new:
        readers_of_new = {place: reads for place, reads in options.readers.items() if place[0] in new}
        report.notes.extend(hazard.message for hazard in check.unreadable(target, readers_of_new))
    if report.generation is not None and (live := target.layout.generation(report.generation)) is not None:
        note(target, live, Afterwards(document=up_to_date.digest(document.data, beside())))
    emit_post_migrate(alias, stdout, verbosity)
    report.notes.extend(lacking_line(unwritten(alias, document)))
    return report


def informed(alias: str, options: SyncOptions) -> SyncOptions:
    """The options with what the installed apps require of this database; unchanged if Django uses migrations."""
    if not conf.is_enabled():
        return options
    return replace(
        options,
        data_migrations=data_migrations(alias),
        elsewhere=made_elsewhere(alias),
        models=made_here(alias),
        readers=readers(alias),
    )


def _tables(plan: Plan) -> dict[str, str]:
    return {fold(step.new.name): step.old.name for step in plan.carried}


@contextmanager
def on_file(alias: str, path: Path) -> Iterator[None]:
    """Point the alias to another file within the block, because models and routers know only the alias."""
    connection = connections[alias]
    connection.close()
    name = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = str(path)
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


def migrate_apps(alias: str, path: Path | None = None, accepted: Collection[str] = ()) -> None:
    """Run the pending migrations of MIGRATED_APPS.

    Migrations of other apps that they depend on are recorded as run, because their tables exist. So are migrations
    whose tables exist in the file at `path`, where schema.json made them before the app kept its migrations. Raises
    Refused if one of these is a data migration that was never run and is not accepted, and Failed if no migration makes
    such tables.
    """
    if not conf.migrated_apps():
        return
    with migration_modules.suspended():
        executor = _Executor(connections[alias])
        executor.recorder.ensure_schema()
        targets = _targets(executor)
        if path is not None:
            executor.there = already_there(alias, path, executor, targets, accepted)
        executor.migrate(targets)


class _Executor(MigrationExecutor):
    """Runs migrations of other apps only on the state of the models that later ones see, not on tables. `there`:
    migrations of MIGRATED_APPS whose tables exist already."""

    there: frozenset[tuple[str, str]] = frozenset()

    def apply_migration(self, state: Any, migration: Any, fake: bool = False, fake_initial: bool = False) -> Any:
        is_there = (migration.app_label, migration.name) in self.there
        if migration.app_label in conf.migrated_apps() and not is_there:
            return super().apply_migration(state, migration, fake, fake_initial)
        super().apply_migration(state, migration, fake=True)
        return migration.mutate_state(state, preserve=False)


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
    """Read them from the live database."""
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
    """Migrations of MIGRATED_APPS that were not run on the live database."""
    found = pending(alias)
    connections[alias].close()
    return found


def pending(alias: str) -> list[str]:
    """The same with the open connection, which stays open."""
    with migration_modules.suspended():
        executor = MigrationExecutor(connections[alias])
        plan = executor.migration_plan(_targets(executor))
        return [f"{m.app_label}.{m.name}" for m, _ in plan if m.app_label in conf.migrated_apps()]


def is_there(target: Target) -> bool:
    """True if there is a live generation."""
    return target.layout.path_kind() is PathKind.GENERATION


def _targets(executor: MigrationExecutor) -> list[tuple[str, str]]:
    return [key for key in executor.loader.graph.leaf_nodes() if key[0] in conf.migrated_apps()]
