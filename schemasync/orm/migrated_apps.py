"""Runs the migrations of MIGRATED_APPS on a new file."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from django.db import connections
from django.db.migrations import Migration
from django.db.migrations.executor import MigrationExecutor

from .. import conf
from ..errors import APPLICATION_ERRORS, Code, Failed
from . import migration_modules
from .already_there import already_there
from .data_migrations import may_act_outside
from .migrate_signals import MigrationPlan
from .pending_migrations import Goal, last_migrations

Progress = Callable[..., None]
"""Called like the callback of Django's MigrationExecutor: with an action, the migration, and whether it is faked."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A migration that failed, as `app.name`, and left no changes in the database."""

    name: str
    error: BaseException

    def as_error(self, ran: Sequence[str] = ()) -> Failed:
        """Return the error. `ran`: the migrations before it, if these are live."""
        message = f"the migration {self.name} failed: {type(self.error).__name__}: {self.error}"
        if not ran:
            hint = "The new file is removed, and the live one is unchanged. Correct the migration, and run again."
            return Failed.of(Code.HOOK_FAILED, message, hint, migration=self.name)
        return Failed.of(
            Code.HOOK_FAILED,
            f"{message}; what ran before it is live: {', '.join(ran)}",
            "One of these may have acted outside of the database, and so none of them runs again. Correct the one that "
            "failed, and run again; or go back: manage.py schemasync rollback",
            migration=self.name,
        )


@dataclass(frozen=True, slots=True)
class Migrated:
    """The migrations that ran, as `app.name`, and the one that stopped the others."""

    names: tuple[str, ...] = ()
    stopped: Stopped | None = None


def migrate_apps(alias: str, *, plan: MigrationPlan = (), progress: Progress | None = None) -> Migrated:
    """Run the pending migrations of MIGRATED_APPS, like `Migrations`."""
    return Migrations(alias, plan=plan, progress=progress).run() if conf.migrated_apps() else Migrated()


class Migrations:
    """The pending migrations of MIGRATED_APPS, in the order in which they run.

    Migrations of other apps that they depend on are recorded as run, because their tables exist. So are migrations
    whose tables exist in the file at `path`, because schema.json made them before the app kept its migrations. Raises
    Refused if one of the latter is a data migration that was never run and is not accepted, and Failed if no migration
    makes such tables.

    Operations that receivers of `pre_migrate` have added to those of the `plan`, as contenttypes does after the rename
    of a model, run, too. `progress`: called for each migration that runs. `goal`: the last migration to run.
    """

    def __init__(
        self,
        alias: str,
        path: Path | None = None,
        accepted: Collection[str] = (),
        plan: MigrationPlan = (),
        progress: Progress | None = None,
        goal: Goal | None = None,
    ) -> None:
        with migration_modules.suspended():
            self._executor = executor = _Executor(connections[alias], progress and _without_rendering(progress))
            self._is_fake = goal is not None and goal.is_fake
            executor.recorder.ensure_schema()
            self._targets = goal.targets(executor) if goal is not None else last_migrations(executor)
            wanted = {migration for migration, _ in executor.migration_plan(self._targets)}
            every = executor.migration_plan(executor.loader.graph.leaf_nodes(), clean_start=True)
            self._left = [migration for migration, _ in every if migration in wanted]
            operations = {(one.app_label, one.name): one.operations for one, _ in plan}
            for migration in self._left:
                if (found := operations.get((migration.app_label, migration.name))) is not None:
                    vars(migration)["operations"] = found
            self._state = executor.migrate(self._targets, plan=[])
            if path is not None:
                executor.there = already_there(alias, path, executor, self._targets, accepted)

    @property
    def is_done(self) -> bool:
        """True if no migration is left."""
        return not self._left

    @property
    def ran(self) -> tuple[str, ...]:
        """The migrations that ran, as `app.name`."""
        return tuple(self._executor.ran)

    def run_harmless(self) -> None:
        """Run the migrations before the first one that may act outside of the database. Raises Failed."""
        harmless = takewhile(lambda one: not (self._executor.runs(one) and may_act_outside(one)), self._left)
        stopped = self._run(list(harmless))
        if stopped is not None:
            raise stopped.as_error() from stopped.error
        if self._left:
            self._state.apps  # noqa: B018  rendered now, not while writers wait

    def run(self) -> Migrated:
        """Run the migrations that are left. Raises Failed if one fails; but after one that may have acted outside of
        the database, return the migrations that ran and the one that stopped them."""
        stopped = self._run(list(self._left))
        if stopped is not None and not self._executor.has_acted_outside:
            raise stopped.as_error() from stopped.error
        return Migrated(self.ran, stopped)

    def _run(self, migrations: Sequence[Migration]) -> Stopped | None:
        executor = self._executor
        try:
            with migration_modules.suspended():
                plan = [(migration, False) for migration in migrations]
                self._state = executor.migrate(self._targets, plan=plan, state=self._state, fake=self._is_fake)
        except APPLICATION_ERRORS as error:
            if executor.at_work is None:
                raise
            stopped = Stopped(".".join(executor.at_work.key), error)
            if not executor.at_work.is_whole:
                raise stopped.as_error() from error
            return stopped
        del self._left[: len(migrations)]
        return None


@dataclass(frozen=True, slots=True)
class _AtWork:
    """The running migration. `is_whole`: it runs in one transaction, so that it leaves no changes if it fails."""

    key: tuple[str, str]
    is_whole: bool


class _Executor(MigrationExecutor):
    """Runs migrations of other apps only on the state of the models, for later migrations, and not on tables. `there`:
    migrations of MIGRATED_APPS whose tables exist already. `ran`: the migrations that ran. `at_work`: the migration
    that runs or failed."""

    there: frozenset[tuple[str, str]] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ran: list[str] = []
        self.at_work: _AtWork | None = None
        self.has_acted_outside = False

    def runs(self, migration: Migration) -> bool:
        """False for a migration that is only recorded."""
        key = (migration.app_label, migration.name)
        return migration.app_label in conf.migrated_apps() and key not in self.there

    def apply_migration(self, state: Any, migration: Any, fake: bool = False, fake_initial: bool = False) -> Any:
        if self.runs(migration):
            key = (migration.app_label, migration.name)
            self.at_work = _AtWork(key, migration.atomic)
            after = super().apply_migration(state, migration, fake, fake_initial)
            self.at_work = None
            self.ran.append(".".join(key))
            self.has_acted_outside |= may_act_outside(migration) and not fake
            return after
        progress, self.progress_callback = self.progress_callback, None  # it does not run, so it is not reported
        super().apply_migration(state, migration, fake=True)
        self.progress_callback = progress
        return migration.mutate_state(state, preserve=False)


def _without_rendering(progress: Progress) -> Progress:
    def report(action: str, migration: Any = None, fake: bool = False) -> None:
        if not action.startswith("render"):
            progress(action, migration, fake)

    return report
