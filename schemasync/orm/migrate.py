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
    """Run `sync` and the additional work of `migrate`. Raises a SchemasyncError; then the live file is unchanged.

    On the new file, before it goes live: `first`, content types of renamed models, migrations of MIGRATED_APPS, the
    functions of DATA_MIGRATIONS and SEED, and receivers of `before_swap`. On the live one: `pre_migrate` before;
    `post_migrate` after, where tables exist.

    If a migration fails after another one that may have acted outside of the database, what ran before it goes live, so
    that nothing runs twice, and Failed is raised then.

    `progress` is called as by Django's MigrationExecutor for each migration that runs. `goal`: up to which migration,
    instead of the last ones. Raises UsageError if that would undo one. `goes_live`: False for a copy of a backup, which
    is removed if it fails.
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
    """Within the block no other process sends `post_migrate` for this database, as long as it does not take longer than
    the target waits: receivers look for rows that are missing and insert them, and servers may start at once."""
    with ExitStack() as stack:
        with suppress(OSError):  # there is no such folder, or this user may not write to it
            stack.enter_context(held_alone(target.layout.signals_lock, target.wait))
        yield


def rehearse_as_migrate(
    alias: str, target: Target, document: Document, options: SyncOptions, queries: str = ""
) -> Rehearsal:
    """Rehearse a sync with the additional work of `migrate` on the new file. No signal of `migrate` is sent, as the
    live file stays as it is. Raises what a sync would raise."""
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
    """The additional work on the new file, which `sync` calls, and what became of it.

    `due`: the data migrations whose functions the live database still needs. `is_seed_due`: it is still to be filled.
    `are_migrations_due`: some of MIGRATED_APPS are pending; `prepare`: prepares them on a new file, the one at a path;
    `migrations`: these, once they are prepared.
    `ran`: the migrations that ran, and the data migrations whose functions did; `ran_ahead`: how many of them, while
    writers went on. `stopped`: the one that failed after them. `seed`: the function that filled a new database.
    `undone`: what is left to the next run.
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
        """True if migrations are due, and nothing comes before them."""
        return self.are_migrations_due and self.first is None and not self._renamed(new)

    def do_ahead(self, new: NewFile) -> TableAccess:
        """Run the first migrations, as long as they act on nothing but the file, and prepare the others."""
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
            access.is_denied |= connection.connection is not raw  # nothing has recorded another connection
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
        """True if there is work that has to wait for the write lock."""
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
        """What the history is to record; `digest`: of the schema.json, None if something is left to do."""
        return self.undone.left_for_later(Afterwards(document=digest, migrations=self.ran, seed=self.seed))

    def notes(self) -> Iterator[str]:
        """What ran, for the report."""
        if self.ran:
            which = f": {', '.join(self.ran)}" if len(self.ran) <= FEW else f", from {self.ran[0]} to {self.ran[-1]}"
            waited = len(self.ran) - self.ran_ahead
            pause = f"; writers waited for {waited or 'none'} of them" if self.ran_ahead else ""
            yield f"{count(len(self.ran), 'migration')} run on the new file{which}{pause}"
        if self.seed is not None:
            yield f"{self.seed} has filled the new database"


def informed(alias: str, options: SyncOptions) -> SyncOptions:
    """The options with what the installed apps require of this database; unchanged if Django uses migrations."""
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
    """What the application would do on the new file of a plan, in phrases; the mappings are those of tables to
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
