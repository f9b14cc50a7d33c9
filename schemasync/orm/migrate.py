"""Runs a sync with the additional work of Django's `migrate`: signals, content types, migrations of MIGRATED_APPS."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from django.apps import apps
from django.db import connections

from .. import conf
from ..engines.sqlite.capture.table_access import TableAccess, recorded
from ..errors import APPLICATION_ERRORS
from ..files.layout import PathKind
from ..files.lock import held_alone
from ..history.rows import Afterwards
from ..plan.model import Plan
from ..schema.document import Document
from ..schema.names import fold
from ..schema.text import count
from ..signals import before_swap
from ..sync import check, up_to_date
from ..sync.phases.decide import SyncOptions
from ..sync.phases.finish import note
from ..sync.phases.hooks import BeforeSwap, NewFile
from ..sync.rehearsal import Rehearsal, rehearse
from ..sync.run.report import Report
from ..sync.run.target import Target
from ..sync.runner import sync
from . import contenttypes, own_work
from .data_migrations import data_migrations
from .field_readers import readers
from .migrate_signals import Out, Signals, import_management, lacking_line, unwritten
from .migrated_apps import Migrations, Progress, Stopped
from .models import made_elsewhere, made_here
from .models_fingerprint import models_stamp
from .new_file import on_file
from .pending_migrations import Goal, planned, waiting

FEW = 8  # migrations that are named in one line


def sync_as_migrate(
    alias: str,
    target: Target,
    document: Document,
    options: SyncOptions,
    stdout: Out,
    verbosity: int = 1,
    first: BeforeSwap | None = None,
    progress: Progress | None = None,
    goal: Goal | None = None,
    *,
    goes_live: bool = True,
) -> Report:
    """Run `sync` and the additional work of `migrate`. Raises a SchemasyncError.

    On the new file, before it goes live: `first`, content types of renamed models, migrations of MIGRATED_APPS, the
    functions of DATA_MIGRATIONS and SEED, and receivers of `before_swap`. On the live file: `pre_migrate` before the
    run, and `post_migrate` after it, for apps whose tables exist.

    After an error the live file is unchanged, with one exception: if a migration fails after another one that may have
    acted outside of the database, the work before it goes live, so that nothing runs twice, and Failed is raised then.

    `progress` is called for each migration that runs, as by Django's MigrationExecutor. `goal`: the last migration to
    run. Raises UsageError if that would undo a migration. `goes_live`: False for a copy of a backup, which is removed
    on failure.
    """
    import_management()
    options = informed(alias, options)
    was_there = is_there(target)
    signals = Signals(alias, stdout, verbosity, planned(alias, goal, is_new=not was_there))
    signals.before(is_new=not was_there)
    connections[alias].close()
    due = own_work.due(target, options.data_migrations) if was_there else ()
    is_seed_due = was_there and own_work.is_seed_due(target)
    are_due = not was_there or signals.plan or (goal is None and waiting(alias))
    are_migrations_due = bool(conf.migrated_apps() and are_due)
    again = was_there and bool(due or is_seed_due or are_migrations_due)
    new = check.newly_modelled(target, document) if was_there else frozenset()

    def prepare(path: Path) -> Migrations:
        return Migrations(alias, path, options.accepted_migrations, signals.plan, progress, goal)

    work = _Work(alias, document, options, first, due, is_seed_due, are_migrations_due, prepare)
    report = sync(target, document, replace(options, again=again), work, work)
    if new:
        readers_of_new = {place: reads for place, reads in options.readers.items() if place[0] in new}
        report.notes.extend(hazard.message for hazard in check.unreadable(target, readers_of_new))
    report.ran = work.ran
    if report.generation is not None and (live := target.layout.generation(report.generation)) is not None:
        is_complete = work.stopped is None and goal is None
        note(target, live, work.recorded(up_to_date.digest(document.data, models_stamp()) if is_complete else None))
    if work.stopped is not None:
        raise work.stopped.as_error(work.ran if goes_live else ()) from work.stopped.error
    report.notes.extend(work.notes())
    with _alone(target):
        signals.after()
    report.notes.extend(lacking_line(unwritten(alias, document)))
    return report


@contextmanager
def _alone(target: Target) -> Iterator[None]:
    """Let no other process send `post_migrate` for this database within the block, for at most as long as the target
    waits: receivers insert missing rows, and several servers may start at once."""
    with ExitStack() as stack:
        with suppress(OSError):  # there is no such folder, or this user may not write to it
            stack.enter_context(held_alone(target.layout.signals_lock, target.wait))
        yield


def rehearse_as_migrate(
    alias: str, target: Target, document: Document, options: SyncOptions, queries: str = ""
) -> Rehearsal:
    """Rehearse a sync with the additional work of `migrate` on the new file. Send no signal of `migrate`, as the live
    file stays unchanged. Raises the errors of a sync."""
    import_management()
    options = informed(alias, options)
    was_there = is_there(target)
    plan = planned(alias, is_new=not was_there)
    connections[alias].close()
    due = own_work.due(target, options.data_migrations) if was_there else ()
    is_seed_due = was_there and own_work.is_seed_due(target)
    are_migrations_due = bool(conf.migrated_apps() and (plan or waiting(alias)))

    def prepare(path: Path) -> Migrations:
        return Migrations(alias, path, options.accepted_migrations, plan)

    work = _Work(alias, document, options, None, due, is_seed_due, are_migrations_due, prepare)
    again = bool(due or is_seed_due or are_migrations_due)
    found = rehearse(target, document, replace(options, again=again), queries, work, work)
    if work.stopped is not None:
        raise work.stopped.as_error() from work.stopped.error
    return replace(found, notes=(*found.notes, *work.notes()))


@dataclass(slots=True)
class _Work:
    """The additional work on the new file, which `sync` calls, and its results.

    `due`: the data migrations whose functions the live database still needs. `is_seed_due`: the live database still
    needs its seed. `are_migrations_due`: migrations of MIGRATED_APPS are pending. `prepare`: prepares them on the new
    file at a path. `migrations`: the prepared migrations.
    `ran`: the migrations that ran, and the data migrations whose functions ran. `ran_ahead`: how many of them ran while
    writers continued. `stopped`: the migration that failed after them. `seed`: the function that filled a new database.
    `undone`: the work that is left to the next run.
    """

    alias: str
    document: Document
    options: SyncOptions
    first: BeforeSwap | None
    due: tuple[str, ...]
    is_seed_due: bool
    are_migrations_due: bool
    prepare: Callable[[Path], Migrations]
    ran: tuple[str, ...] = ()
    ran_ahead: int = 0
    stopped: Stopped | None = None
    seed: str | None = None
    undone: own_work.Undone = field(default_factory=own_work.Undone)
    migrations: Migrations | None = field(init=False, default=None)

    def is_due(self, new: NewFile) -> bool:
        """True if migrations are due, and no other work comes before them."""
        return self.are_migrations_due and self.first is None and not self._renamed(new)

    def do_ahead(self, new: NewFile) -> TableAccess:
        """Prepare the migrations, and run the first ones that act only on the file. Return the tables that they
        access."""
        connection = connections[self.alias]
        with on_file(self.alias, new.path):
            connection.ensure_connection()
            raw = connection.connection
            with recorded(raw) as access:
                try:
                    self.migrations = self.prepare(new.path)
                    self.migrations.run_harmless()
                except APPLICATION_ERRORS:
                    if not access.is_denied:
                        raise
            access.is_denied |= connection.connection is not raw  # another connection was not recorded
        return access

    def __call__(self, new: NewFile) -> bool:
        """Do the work, and return whether there was any."""
        has_begun = self.first is not None and self.first(new)
        is_new = self._fills_new(new)
        ahead = self.migrations if new.is_ahead else None
        self.ran = ahead.ran if ahead is not None else ()
        self.ran_ahead = len(self.ran)
        if not self._is_any(new):
            return has_begun
        with on_file(self.alias, new.path):
            contenttypes.rename(self.alias, self._renamed(new))
            if self._are_migrations_left(new):
                done = (ahead or self.prepare(new.path)).run()
                self.ran, self.stopped = done.names, done.stopped
            if self.stopped is None:
                own_work.do(self.alias, self.due)
                self.ran += self.due
                self.seed = own_work.seed(self.alias) if is_new else None
            else:
                self.undone = own_work.Undone(self.due, new.plan.never_run, is_new)
            before_swap.send(Report, using=self.alias, changes=new.plan.changes, apps=apps)
        return True

    def is_left(self, new: NewFile) -> bool:
        """True if there is work that has to run under the write lock."""
        return self.first is not None or self._is_any(new)

    def _is_any(self, new: NewFile) -> bool:
        own = self.due or (self._fills_new(new) and conf.seed())
        return bool(self._renamed(new) or own or self._are_migrations_left(new) or before_swap.has_listeners(Report))

    def _fills_new(self, new: NewFile) -> bool:
        return new.plan.base_version is None or self.is_seed_due

    def _are_migrations_left(self, new: NewFile) -> bool:
        ahead = self.migrations if new.is_ahead else None
        return self.are_migrations_due and not (ahead is not None and ahead.is_done)

    def _renamed(self, new: NewFile) -> list[tuple[str, str]]:
        return list(contenttypes.renames(new.models, self.document.models, _tables(new.plan)))

    def recorded(self, digest: str | None) -> Afterwards:
        """Return the facts for the history. `digest`: of the schema.json, None if some work is left."""
        return self.undone.left_for_later(Afterwards(document=digest, migrations=self.ran, seed=self.seed))

    def notes(self) -> Iterator[str]:
        """Yield notes for the report about the work that ran."""
        if self.ran:
            which = f": {', '.join(self.ran)}" if len(self.ran) <= FEW else f", from {self.ran[0]} to {self.ran[-1]}"
            waited = len(self.ran) - self.ran_ahead
            pause = f"; writers waited for {waited or 'none'} of them" if self.ran_ahead else ""
            yield f"{count(len(self.ran), 'migration')} run on the new file{which}{pause}"
        if self.seed is not None:
            yield f"{self.seed} has filled the new database"


def informed(alias: str, options: SyncOptions) -> SyncOptions:
    """Return the options with the requirements of the installed apps for this database; unchanged without the setting
    ENABLED."""
    if not conf.is_enabled():
        return options
    return replace(
        options,
        data_migrations=data_migrations(alias),
        accepted_migrations=options.accepted_migrations | frozenset(conf.data_migrations()),
        elsewhere=made_elsewhere(alias),
        models=made_here(alias),
        readers=readers(alias),
        needs_new_file=partial(work_on_new_file, alias),
    )


def work_on_new_file(alias: str, plan: Plan, before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return phrases for the work of the application on the new file of a plan. `before` and `after` map tables to
    models."""
    found = [f"the content type of {old} is renamed" for old, _ in contenttypes.renames(before, after, _tables(plan))]
    if conf.migrated_apps() and (late := waiting(alias)):
        found.append(f"{count(len(late), 'migration')} of MIGRATED_APPS would run on a new file, first {late[0]}")
    if before_swap.has_listeners(Report):
        found.append("a receiver of before_swap acts on a new file")
    return found


def _tables(plan: Plan) -> dict[str, str]:
    return {fold(step.new.name): step.old.name for step in plan.carried}


def is_there(target: Target) -> bool:
    """True if there is a live generation."""
    return target.layout.path_kind() is PathKind.GENERATION
