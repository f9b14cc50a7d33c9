"""Runs a sync with the additional work of Django's `migrate`: signals, content types, migrations of MIGRATED_APPS."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import Any

from django.apps import apps
from django.db import connections, router
from django.db.migrations import Migration
from django.db.migrations.exceptions import AmbiguityError
from django.db.migrations.executor import MigrationExecutor

from .. import conf
from ..engines.sqlite.capture.table_access import TableAccess, recorded
from ..errors import Code, Failed, UsageError
from ..files.layout import PathKind
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
from ..sync.run.report import Report
from ..sync.run.target import Target
from ..sync.runner import sync
from . import contenttypes, migration_modules, own_work
from .already_there import already_there
from .data_migrations import data_migrations, may_act_outside
from .field_readers import readers
from .migrate_signals import MigrationPlan, Out, Signals, import_management, lacking_line, unwritten
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
    progress: Progress | None = None,
    goal: Goal | None = None,
) -> Report:
    """Run `sync` and the additional work of `migrate`. Raises a SchemasyncError; then the live file is unchanged.

    On the new file, before it goes live: `first`, content types of renamed models, migrations of MIGRATED_APPS, the
    functions of DATA_MIGRATIONS and SEED, and receivers of `before_swap`. On the live one: `pre_migrate` before;
    `post_migrate` after, where tables exist.

    If a migration fails after another one that may have acted outside of the database, what ran before it goes live, so
    that nothing runs twice, and Failed is raised then.

    `progress` is called as by Django's MigrationExecutor for each migration that runs. `goal`: up to which migration,
    instead of the last ones. Raises UsageError if that would undo one.
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
        note(target, live, work.recorded(up_to_date.digest(document.data, beside()) if is_complete else None))
    if work.stopped is not None:
        raise work.stopped.as_error(work.ran) from work.stopped.error
    report.notes.extend(work.notes())
    signals.after()
    report.notes.extend(lacking_line(unwritten(alias, document)))
    return report


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
                except Exception:
                    if not access.is_denied:
                        raise
            access.is_denied |= connection.connection is not raw  # nothing has recorded another connection
        return access

    def __call__(self, new: NewFile) -> bool:
        """Do the work, and return whether there was any."""
        has_begun = self.first is not None and self.first(new)
        renamed = self._renamed(new)
        is_new = new.plan.base_version is None or self.is_seed_due
        own = self.due or (is_new and conf.seed())
        ahead = self.migrations if new.is_ahead else None
        self.ran = ahead.ran if ahead is not None else ()
        self.ran_ahead = len(self.ran)
        are_due = self.are_migrations_due and not (ahead is not None and ahead.is_done)
        if not (renamed or own or are_due or before_swap.has_listeners(Report)):
            return has_begun
        with on_file(self.alias, new.path):
            contenttypes.rename(self.alias, renamed)
            if are_due:
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


FEW = 8  # migrations that are named in one line


@dataclass(frozen=True, slots=True)
class Stopped:
    """A migration that failed, as `app.name`, and left no trace in the database."""

    name: str
    error: Exception

    def as_error(self, ran: Sequence[str] = ()) -> Failed:
        """The error for people; `ran`: the migrations before it, if these are live."""
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
    """Run the pending migrations of MIGRATED_APPS, as `Migrations` does."""
    return Migrations(alias, plan=plan, progress=progress).run() if conf.migrated_apps() else Migrated()


Progress = Callable[..., None]
"""Called as the callback of Django's MigrationExecutor is: with an action, the migration, and whether it is faked."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What `migrate LABEL NAME` or `--fake` asks for: the migrations of the app `label` (of all apps, if it is None) up
    to `name` (to the last one, if it is None). `is_fake`: they are recorded, and not run."""

    label: str | None = None
    name: str | None = None
    is_fake: bool = False

    def targets(self, executor: MigrationExecutor) -> Sequence[tuple[str, str | None]]:
        """The last migrations to run; None is the state before the first one. Raises UsageError for a name that the app
        does not have."""
        every = _targets(executor)
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
    """The pending migrations of MIGRATED_APPS on the live database, in order. Raises UsageError if the goal lies behind
    the database. `is_new`: there is no database yet."""
    if not conf.migrated_apps():
        return ()
    with migration_modules.suspended():
        executor = MigrationExecutor(None if is_new else connections[alias])
        plan = executor.migration_plan(goal.targets(executor) if goal is not None else _targets(executor))
    if undone := [f"{one.app_label}.{one.name}" for one, is_backwards in plan if is_backwards]:
        raise UsageError.of(
            Code.BAD_OPTION,
            f"that would undo {', '.join(undone)}; a migration is not undone on a live database",
            "To go back to the file from before, with its rows: manage.py schemasync history, then rollback. "
            "To undo it with today's rows, write a migration that does so.",
        )
    return [(one, False) for one, _ in plan if one.app_label in conf.migrated_apps()]


class Migrations:
    """The pending migrations of MIGRATED_APPS, in the order in which they run.

    Migrations of other apps that they depend on are recorded as run, because their tables exist. So are migrations
    whose tables exist in the file at `path`, where schema.json made them before the app kept its migrations. Raises
    Refused if one of these is a data migration that was never run and is not accepted, and Failed if no migration makes
    such tables.

    Receivers of `pre_migrate` may have added operations to those of the `plan`, as contenttypes does after the rename
    of a model: these run, too. `progress`: called for each that runs. `goal`: up to which, instead of the last ones.
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
            self._targets = goal.targets(executor) if goal is not None else _targets(executor)
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
        """True if none is left."""
        return not self._left

    @property
    def ran(self) -> tuple[str, ...]:
        """Those that ran, as `app.name`."""
        return tuple(self._executor.ran)

    def run_harmless(self) -> None:
        """Run the first ones, up to the one that may act outside of the database. Raises Failed."""
        harmless = takewhile(lambda one: not (self._executor.runs(one) and may_act_outside(one)), self._left)
        stopped = self._run(list(harmless))
        if stopped is not None:
            raise stopped.as_error() from stopped.error
        if self._left:
            self._state.apps  # noqa: B018  rendered now, not while writers wait

    def run(self) -> Migrated:
        """Run those that are left. Raises Failed if one fails: except after one that may have acted outside of the
        database. Then the result names both."""
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
        except Exception as error:
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
    """A migration that runs; `is_whole`: in one transaction, so that it leaves nothing if it fails."""

    key: tuple[str, str]
    is_whole: bool


class _Executor(MigrationExecutor):
    """Runs migrations of other apps only on the state of the models that later ones see, not on tables. `there`:
    migrations of MIGRATED_APPS whose tables exist already; `ran`: those that were run; `at_work`: the one that runs
    or failed."""

    there: frozenset[tuple[str, str]] = frozenset()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ran: list[str] = []
        self.at_work: _AtWork | None = None
        self.has_acted_outside = False

    def runs(self, migration: Migration) -> bool:
        """False for one that is only recorded."""
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
        progress, self.progress_callback = self.progress_callback, None  # nobody asked for it to run
        super().apply_migration(state, migration, fake=True)
        self.progress_callback = progress
        return migration.mutate_state(state, preserve=False)


def _without_rendering(progress: Progress) -> Progress:
    def report(action: str, migration: Any = None, fake: bool = False) -> None:
        if not action.startswith("render"):
            progress(action, migration, fake)

    return report


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
        late = [f"{m.app_label}.{m.name}" for m, _ in plan if m.app_label in conf.migrated_apps()]
        return [*late, *_unrecorded_squashes(executor)]


def _unrecorded_squashes(executor: MigrationExecutor) -> list[str]:
    """Squashed migrations whose parts were all run: Django's migrate records them, before a later release has only
    them."""
    applied = executor.recorder.applied_migrations()  # that of the loader has them already
    return [
        ".".join(key)
        for key, squashed in executor.loader.replacements.items()
        if key[0] in conf.migrated_apps() and key not in applied and all(part in applied for part in squashed.replaces)
    ]


def is_there(target: Target) -> bool:
    """True if there is a live generation."""
    return target.layout.path_kind() is PathKind.GENERATION


def _targets(executor: MigrationExecutor) -> list[tuple[str, str]]:
    return [key for key in executor.loader.graph.leaf_nodes() if key[0] in conf.migrated_apps()]
