"""Rehearses a sync on the real file: everything but the swap, while writers go on. The new file is removed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from ..diff.changes import Change
from ..diff.hazards import Hazard
from ..engines.sqlite import history_table
from ..engines.sqlite.checkpoint import durably
from ..engines.sqlite.connection import Connection, check_version, side_files
from ..engines.sqlite.query_plans import QueryPlan, query_plans
from ..engines.sqlite.rebuild.alter import CannotEdit
from ..engines.sqlite.rebuild.start import attach_old
from ..engines.sqlite.table_sizes import count_values
from ..engines.sqlite.verify.row_counts import RowDiff, row_diffs
from ..errors import Code, Refused
from ..files.disk import DiskStep
from ..files.layout import size_of
from ..history.action import HistoryAction
from ..plan.make import with_rewritten
from ..plan.model import CarriedStep, Origin, Plan, Strategy
from ..schema.document import Document
from .phases.ahead import Conflict, work_ahead
from .phases.beforehand import check_beforehand
from .phases.build import Built, build
from .phases.capture import captured, followable, release
from .phases.catch_up import LastRound, caught_up_without_lock
from .phases.cutover import check_place
from .phases.decide import Decision, SyncOptions, decide
from .phases.disk_needed import disk_needed
from .phases.hooks import AheadWork, BeforeSwap, Hooks
from .phases.litter import litter_removed
from .phases.recheck import still_allowed
from .phases.write_lock import Commit
from .recovery import recover
from .run import interrupt, live_database
from .run.error_translation import translated_errors
from .run.interrupt import Signals
from .run.live_database import LiveDatabase
from .run.report import TableReport, tables_of
from .run.target import Target

COMMITS = 2  # durable ones while writers wait: that of the fence, and the removal of the mark


@dataclass(frozen=True, slots=True)
class NewValues:
    """A column that only the new file has, and the number of rows with a value in it, which a rollback would set
    aside."""

    table: str
    column: str
    values: int


@dataclass(frozen=True, slots=True)
class WayBack:
    """The comparison that a rollback of the rehearsed sync would show, and the seconds that it took. `written`: how
    many rows were written to the live file after it was read, each of which may be counted as a difference."""

    seconds: float
    tables: tuple[RowDiff, ...]
    values: tuple[NewValues, ...]
    written: int


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected time and disk space of the sync. `seconds`: from its beginning to its end; `pause`: seconds for
    which writers would wait. `disk_bytes`: of the complete new file and its log; `disk_planned`: the bytes that its
    plan estimates."""

    seconds: float
    pause: float
    disk_bytes: int
    disk_planned: int


@dataclass(frozen=True, slots=True)
class Writes:
    """The number of `rows` that the site wrote in the `seconds` of the rehearsal. `rate`: the rows replayed in a
    second; None if too few were written to measure it."""

    rows: int
    seconds: float
    rate: float | None

    @property
    def per_second(self) -> float:
        return self.rows / self.seconds if self.seconds else 0.0


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The outcome of a rehearsal. `plan` and what depends on it are None, or empty, if there is nothing to build."""

    version: str
    previous: str | None
    generation: str | None
    plan: Plan | None = None
    tables: dict[str, TableReport] | None = None
    notes: tuple[str, ...] = ()
    expected: Expected | None = None
    writes: Writes | None = None
    back: WayBack | None = None
    queries: tuple[QueryPlan, ...] = ()

    @property
    def changes(self) -> tuple[Change, ...]:
        return self.plan.changes if self.plan is not None else ()

    @property
    def hazards(self) -> tuple[Hazard, ...]:
        return self.plan.hazards if self.plan is not None else ()


def rehearse(
    target: Target,
    document: Document,
    options: SyncOptions,
    queries: str = "",
    before_swap: BeforeSwap | None = None,
    ahead: AheadWork | None = None,
) -> Rehearsal:
    """Do what a sync does, up to the swap, and remove the new file. The live file gets a change log meanwhile, and is
    otherwise unchanged. Raises what a sync would raise. `queries`: statements whose plans are compared.

    The application's work on the new file, and its check of it, are done without the write lock.
    """
    check_version()
    begun = time.monotonic()
    with (
        translated_errors(target.layout.link),
        interrupt.stoppable() as signals,
        target.observed() as target,
        target.locked() as target,
    ):
        hooks = Hooks(target, before_swap, ahead)
        recover(target)
        with live_database.read(target.layout, target.opener) as before:
            decision = decide(target, document, options, before)
            if before is None or before.generation is None:
                raise _nothing_there(target)
            plan = decision.plan
            if plan is None or plan.strategy is Strategy.IN_PLACE:
                return _nothing_to_build(document, before, decision)
            check_beforehand(target, plan, before)
            check_place(target.layout)
            run = _Run(target, before, options, signals, hooks, begun)
            return run.rehearsed(document, plan, queries)


def _nothing_there(target: Target) -> Refused:
    return Refused.of(
        Code.NO_DATABASE,
        f"there is no database at {target.layout.link} to rehearse on",
        "To create one from schema.json: manage.py schemasync",
    )


def _nothing_to_build(document: Document, before: LiveDatabase, decision: Decision) -> Rehearsal:
    newest = before.newest
    generation = newest.generation if newest is not None else None
    return Rehearsal(document.version, newest.version if newest is not None else None, generation, decision.plan)


@dataclass(frozen=True, slots=True)
class _Run:
    """One rehearsal; `begun`: monotonic seconds."""

    target: Target
    before: LiveDatabase
    options: SyncOptions
    signals: Signals
    hooks: Hooks
    begun: float

    def rehearsed(self, document: Document, plan: Plan, queries: str) -> Rehearsal:
        """Return the outcome. As a sync does, try again if a table cannot be altered, or if writers changed a table
        that the work done ahead used."""
        try:
            return self._once(document, plan, queries)
        except CannotEdit as error:
            return self.rehearsed(document, with_rewritten(plan, error.tables, error.reason), queries)
        except Conflict:
            without = replace(self, hooks=replace(self.hooks, ahead=None))
            return without.rehearsed(document, plan, queries)

    def _once(self, document: Document, plan: Plan, queries: str) -> Rehearsal:
        target, before = self.target, self.before
        followed, since = followable(plan, before), time.monotonic()
        with (
            captured(target, plan, before, followed) as capture,
            litter_removed(target, Commit()),
        ):
            if capture.changed:
                plan = still_allowed(target, plan, before, self.options)
            full = self.options.verify_full
            built = build(target, plan, before, HistoryAction.SYNC, self.signals, verify_full=full, capture=capture)
            built = work_ahead(built, plan, before, capture, self.hooks)
            is_healthy = self.hooks.is_healthy_ahead(built, plan, before)
            limits = self.options.limits
            with caught_up_without_lock(target, plan, before, built, capture, self.signals, limits) as last:
                pause = last.seconds + self._seconds_of_work(built, plan, is_healthy=is_healthy)
                pause += self._seconds_of_commits(built)
                writes = Writes(built.up_to.followed.keys + last.keys, time.monotonic() - since, last.rate)
                disk, beside = self._disk_bytes(built), time.monotonic()
                back = self._way_back(built, plan, last)
                compared = query_plans(target.opener, before.path, built.generation.path, queries) if queries else ()
                beside = time.monotonic() - beside  # a sync has no use for it
            self._remove(built)
        release(target, before.path)
        seconds = time.monotonic() - self.begun - beside
        newest = before.newest
        return Rehearsal(
            document.version,
            plan.base_version,
            newest.generation if newest is not None else None,
            plan,
            tables_of(plan, built.rows),
            tuple(built.notes),
            Expected(seconds, pause, disk, disk_needed(plan, before, None)),
            writes,
            back,
            compared,
        )

    def _seconds_of_work(self, built: Built, plan: Plan, *, is_healthy: bool) -> float:
        """Do the work for which writers would wait, and return the seconds that it took."""
        begun = time.monotonic()
        self.hooks.do(built, plan, self.before, is_healthy=is_healthy)
        return time.monotonic() - begun

    def _seconds_of_commits(self, built: Built) -> float:
        """Return the seconds that the durable commits of a swap take on this disk."""
        begun = time.monotonic()
        with (
            self.target.disk.step(DiskStep.REHEARSE_COMMIT),
            closing(self.target.opener.write(built.generation.path, timeout=self.target.wait)) as connection,
        ):
            for _ in range(COMMITS):
                with durably(connection):
                    history_table.record_fingerprint(connection, built.row.id, built.row.fingerprint)
        return time.monotonic() - begun

    def _disk_bytes(self, built: Built) -> int:
        path = built.generation.path
        return sum(map(size_of, (path, *side_files(path))))

    def _way_back(self, built: Built, plan: Plan, last: LastRound) -> WayBack:
        begun = time.monotonic()
        with closing(self.target.opener.read(built.generation.path)) as connection:
            values = tuple(_new_values(connection, plan))
            attach_old(connection, self.before.path)
            tables = row_diffs(connection, plan.steps)
        written = last.waiting()
        differing = tuple(one for one in tables if not one.is_empty)
        return WayBack(time.monotonic() - begun, differing, values, written)

    def _remove(self, built: Built) -> None:
        path = built.generation.path
        self.target.disk.remove(DiskStep.REHEARSE_REMOVE, (path, *side_files(path)))


def _new_values(connection: Connection, plan: Plan) -> Iterator[NewValues]:
    for step in plan.carried:
        names = _new_columns(step)
        if names:
            for column, values in count_values(connection, step.new.name, names).items():
                yield NewValues(step.new.name, column, values)


def _new_columns(step: CarriedStep) -> Sequence[str]:
    """Return the columns that the old table does not have, without generated ones."""
    return [feed.column for feed in step.feeds if feed.source is None and feed.origin is not Origin.GENERATED]
