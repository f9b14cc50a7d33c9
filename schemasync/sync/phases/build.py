"""Builds the new file phase by phase under a temporary name (*.building)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...engines.sqlite import computed_indexes, fence, history_table, validate
from ...engines.sqlite.autoincrement import carry_counters, counter_sources
from ...engines.sqlite.capture.conflicts import UsedTables
from ...engines.sqlite.checkpoint import durably
from ...engines.sqlite.connection import Connection, main_file, schema_version, sorting, to_wal
from ...engines.sqlite.hazards.outdated import changed_values
from ...engines.sqlite.inspect import inspect
from ...engines.sqlite.objects import Object, fingerprint, is_own, objects, shadow_tables
from ...engines.sqlite.rebuild import derive, finish, indexes, refill, reshape, start, statistics, unchanged
from ...engines.sqlite.rebuild.reshape import Carried
from ...engines.sqlite.runner_tables import runner_tables
from ...engines.sqlite.temporary import remove_log_and_fence
from ...engines.sqlite.transactions import transaction
from ...engines.sqlite.transforms.making import Making, making
from ...engines.sqlite.verify import derived, rows
from ...engines.sqlite.verify.altered import altered
from ...engines.sqlite.verify.counters import counters
from ...engines.sqlite.verify.integrity_check import compare_integrity
from ...engines.sqlite.verify.references import references
from ...engines.sqlite.verify.rows import Compared
from ...engines.sqlite.verify.structure import structure
from ...engines.sqlite.wal_checkpointer import checkpointed
from ...files.background_fsync import synced_in_background
from ...files.disk import DiskStep
from ...files.kernel_copy import kernel_copy
from ...files.layout import Generation, inode_of
from ...history.action import HistoryAction
from ...history.row import HistoryRow
from ...history.rows import hints_json, now, plan_json
from ...plan.model import NewTableStep, Plan, Strategy, Transform
from ...schema import digest
from ...schema.model import Index
from ...schema.names import fold
from ...schema.text import dumps, short
from ..run.interrupt import Signals
from ..run.live_database import LiveDatabase
from ..run.progress import Advance
from ..run.target import Target
from .build_source import CapturedSource, LockedSource, Source, UpTo
from .capture import Capture, check_same_schema
from .write_lock import replaced


@dataclass(slots=True)
class Built:
    """A finished generation that still has the mark, with the number of copied `rows` by table, the `notes` of the
    verification, and whether that was a full one.

    If built beside writers, it agrees with the old file `up_to` a point, and its `triggers` are yet to be created; in
    `used` tables, by work of the application, it has gone on from that point. `schema_version`: that of the file
    when its schema was verified.
    """

    generation: Generation
    row: HistoryRow
    rows: dict[str, int]
    notes: list[str]
    verify_full: bool
    up_to: UpTo
    triggers: tuple[Object, ...]
    schema_version: int
    used: UsedTables | None = None


def build(
    target: Target,
    plan: Plan,
    before: LiveDatabase | None,
    action: HistoryAction,
    signals: Signals,
    *,
    verify_full: bool = False,
    capture: Capture | None = None,
    history: Sequence[HistoryRow] | None = None,
) -> Built:
    """Build and verify the generation that the plan describes. Raises Failed or Refused, and CannotEdit if a table has
    to be rewritten; the caller or recovery removes its files.

    `before`: the live database, None if there is none yet. The caller holds its write lock, so that every read of it
    sees the same rows; or captures its changes, and passes the `capture`. `history`: the rows that replace those of the
    old file, which are a part of them.
    """
    rows = history if history is not None else before.rows if before else ()
    generation = target.layout.next(short(plan.version), (row.generation for row in rows))
    path = target.layout.building(generation)
    target.disk.create(DiskStep.BUILD_CREATE, path, target.layout.link.stat() if before is not None else None)
    work = _Build(target, plan, verify_full)
    with closing(target.opener.build(path)) as connection, ExitStack() as stack:
        signals.watch(connection)
        source = _source(target, plan, before, capture, stack)
        if source is None:
            work.first(connection)
        else:
            with synced_in_background(path, source.size):
                work.run(connection, source)
        row, triggers = work.record(connection, source, generation, action, history)
        version = schema_version(connection)
    target.disk.rename(DiskStep.BUILD_RENAME, path, generation.path)
    up_to = source.up_to() if source is not None else UpTo()
    return Built(generation, row, work.rows, work.notes, verify_full, up_to, triggers, version)


def _source(
    target: Target, plan: Plan, before: LiveDatabase | None, capture: Capture | None, stack: ExitStack
) -> Source | None:
    """Return the old file as the phases read it, None if there is none. The stack closes everything that it opens."""
    if before is None:
        return None
    if capture is None:
        return LockedSource(plan, before)
    return CapturedSource(target, plan, before, capture, stack.enter_context(checkpointed(target.opener, before.path)))


@dataclass(frozen=True, slots=True)
class _Old:
    """The schema of the old file in the snapshot from which the build starts; somebody may change it later.

    `broken`: names of views that do not compile in it, and of tables with such triggers.
    """

    objects: tuple[Object, ...] = ()
    shadows: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()


class _Build:
    """One build, with the rows and notes so far."""

    def __init__(self, target: Target, plan: Plan, verify_full: bool) -> None:
        self.target, self.plan, self.verify_full = target, plan, verify_full
        self.rows: dict[str, int] = {}
        self.notes: list[str] = []
        self._later: tuple[Object, ...] = ()
        self._old = _Old()
        self._making: Making | None = None

    def first(self, connection: Connection) -> None:
        """Build the first generation from the plan alone."""
        with self.target.disk.step(DiskStep.BUILD_FINISH), transaction(connection):
            fence.mark(connection)
            validate.build(connection, self.plan.new)
        with self.target.disk.step(DiskStep.BUILD_STRUCTURE):
            structure(connection, self.plan, ())

    def run(self, connection: Connection, source: Source) -> None:
        """Run all phases up to a file that is complete, except for its history row."""
        with source.whole_build():
            self._start(connection, source)
            with self._attached(connection, source.before):
                carried = self._reshape(connection)
                self._making = self._prepared(connection, source)
                source.follow(connection, self._making)
                self._refill(connection, source)
                self._index(connection, source.before)
                with source.verifying(connection), self.target.disk.step(DiskStep.BUILD_VERIFY):
                    self._compare_transforms()
                    self._verify(connection)
                self._finish(connection, carried)

    @contextmanager
    def _attached(self, connection: Connection, before: LiveDatabase) -> Iterator[None]:
        start.attach_old(connection, before.path)
        if before.inode is not None and inode_of(before.path) != before.inode:
            raise replaced(before.path)  # SQLite attached another file than the one that was copied
        self.target.opener.attach_archive(connection)
        yield
        start.detach_old(connection)

    def _start(self, connection: Connection, source: Source) -> None:
        with self.target.disk.step(DiskStep.BUILD_START):
            if self.plan.strategy is Strategy.CLONE:
                before, copy = source.before, Path(main_file(connection))
                with (
                    self.target.progress.phase("copy", "pages") as advance,
                    kernel_copy(before.path, before.inode, copy) as copying,
                    source.copying(copying),
                ):
                    self._read_schema(before)
                    start.clone(before.connection, connection, copying, advance)
            else:
                self._read_schema(source.before)
                start.empty(source.before.connection, connection)
            fence.mark(connection)

    def _read_schema(self, before: LiveDatabase) -> None:
        old = before.connection
        self._old = _Old(objects(old), shadow_tables(old), finish.broken(old))
        if self.plan.base_fingerprint is not None:  # else there is no file yet
            check_same_schema(old, self.plan)

    def _reshape(self, connection: Connection) -> Carried:
        with self.target.disk.step(DiskStep.BUILD_RESHAPE), transaction(connection):
            remove_log_and_fence(connection)  # a clone has them, too
            carried = reshape.reshape(connection, self.plan)
            if self.plan.strategy is Strategy.FRESH:
                self._later = indexes.take(connection)
        return carried

    def _prepared(self, connection: Connection, source: Source) -> Making:
        found = making(connection, self.plan)
        found.prepare(source.scratch)
        found.make_maps()
        found.make_unique(self.plan)
        return found

    def _refill(self, connection: Connection, source: Source) -> None:
        with self.target.disk.step(DiskStep.BUILD_REFILL), source.filling(connection):
            done, total = 0, refill.rows_to_copy(connection, self.plan)
            with self.target.progress.phase("rows", "rows") as advance:
                for step in self.plan.rewritten:
                    tick = partial(_onward, advance, done, total)
                    self.rows[step.name] = refill.refill(connection, step, tick, source.left_out(step))
                    done += self.rows[step.name]
                if self.plan.strategy is Strategy.FRESH:
                    self._copy_the_rest(connection)
                else:
                    unchanged.copy_shadows(connection, self.plan, remade=True)
                for one in self.plan.derived:
                    self.rows[one.name] = derive.fill(connection, one)
                advance(total, total)
            self._transform()
            carry_counters(connection, counter_sources(connection, self.plan))

    def _transform(self) -> None:
        """Fill the tables of the transforms, in the same snapshot as all others."""
        assert self._making is not None
        if self._making.sources:
            with self.target.progress.phase("transforms", "rows") as advance:
                self._making.fill(partial(_of_all, advance, self._making.old_rows()))
            self.rows |= self._making.rows

    def _copy_the_rest(self, connection: Connection) -> None:
        for old, new, _ in unchanged.tables(connection, self.plan):
            count = unchanged.copy_same(connection, old, new)
            if not is_own(new):
                self.rows[new] = count
        unchanged.copy_shadows(connection, self.plan)

    def _index(self, connection: Connection, before: LiveDatabase) -> None:
        wanted = [(s.new, i) for s in self.plan.with_new_table for i in indexes.new(s) if not _is_there(s, i)]
        phase = self.target.progress.phase("indexes", "indexes")
        with self.target.disk.step(DiskStep.BUILD_INDEX), phase as advance, sorting(connection):
            if self.plan.strategy is Strategy.CLONE and before.is_of_another_sqlite:
                kept = computed_indexes.kept_of_new(connection, self.plan)
                self.notes += computed_indexes.build_again(connection, kept)
            for number, (table, index) in enumerate(wanted):
                advance(number, len(wanted))
                indexes.build(connection, table, index)
            if self.plan.strategy is Strategy.FRESH:
                indexes.put(connection, self._later)
            statistics.gather(connection, self.plan)
            advance(len(wanted), len(wanted))

    def _verify(self, connection: Connection) -> None:
        rewritten, edited = self.plan.rewritten, self.plan.altered
        full = self.verify_full or self.plan.strategy is Strategy.FRESH
        rest = list(unchanged.tables(connection, self.plan)) if full else []
        rest += [(*pair, None) for pair in unchanged.shadows(connection, self.plan)] if full else []
        before, total = len(rewritten) + len(edited), len(rewritten) + len(edited) + len(rest)
        with self.target.progress.phase("verification", "tables") as advance:
            for number, step in enumerate(rewritten):
                advance(number, total)
                compared = rows.content(connection, step)
                self._note_left_out(compared)
                self.notes += compared.notes
            for filled in self.plan.derived:
                self._note_left_out(derived.content(connection, filled))
            for number, edit in enumerate(edited):
                advance(len(rewritten) + number, total)
                altered(connection, edit)
                self.notes += rows.content(connection, edit).notes if full else ()
            for number, (old, new, table) in enumerate(rest):
                advance(before + number, total)
                self.notes += rows.same_content(connection, old, new, table).notes
            counters(connection, self.plan)
            self.notes += references(connection, self.plan)
            if self.verify_full:
                self.notes += compare_integrity(connection)
                for one in inspect(connection).schema.tables:
                    self.notes += map(str, changed_values(connection, one))
            advance(total, total)

    def _compare_transforms(self) -> None:
        assert self._making is not None
        if self._making.sources:
            with self.target.progress.phase("transforms again", "rows") as advance:
                self._making.compare(partial(_of_all, advance, self._making.old_rows()))

    def _note_left_out(self, compared: Compared) -> None:
        if compared.left_out:
            self.notes.append(f"{compared.table}: not compared: {', '.join(compared.left_out)}")

    def _finish(self, connection: Connection, carried: Carried) -> None:
        with self.target.disk.step(DiskStep.BUILD_FINISH):
            with transaction(connection):
                finish.finish(connection, self.plan, carried, self._old.broken)
            with transaction(connection):
                finish.create_triggers_on_shadows(connection, carried)
        with self.target.disk.step(DiskStep.BUILD_STRUCTURE):
            structure(connection, self.plan, self._foreign(carried))

    def _foreign(self, carried: Carried) -> tuple[Object, ...]:
        """Return the expected foreign objects: those carried along, and those of the old file that were not carried
        along although their table is not dropped."""
        ours = {*self.plan.old.object_names(), *self.plan.new.object_names()}
        known = (*carried.indexes, *carried.triggers, *carried.views, *carried.standing)
        found, gone = {item.key for item in known}, {fold(step.old.name) for step in self.plan.dropped}
        lost = [
            o for o in self._old.objects if o.key not in ours | found and fold(o.table) not in gone | self._old.shadows
        ]
        return (*known, *lost)

    def record(
        self,
        connection: Connection,
        source: Source | None,
        generation: Generation,
        action: HistoryAction,
        history: Sequence[HistoryRow] | None,
    ) -> tuple[HistoryRow, tuple[Object, ...]]:
        """Write the history row and make the whole file durable; it still has the mark.

        Also returns the triggers that were removed, because rows are still to be replayed.
        """
        with self.target.disk.step(DiskStep.BUILD_SEAL):
            to_wal(connection)
            with durably(connection):  # its fsync also covers everything that was written without one
                history_table.create(connection)
                if history is not None:
                    history_table.replace(connection, history)
                row = self._row(connection, source, generation, action)
                history_table.append(connection, row)
                triggers = source.triggers_for_later(connection) if source is not None else ()
        return row, triggers

    def _row(
        self, connection: Connection, source: Source | None, generation: Generation, action: HistoryAction
    ) -> HistoryRow:
        plan, newest = self.plan, source.before.newest if source is not None else None
        left = newest.generation if newest is not None and plan.is_switch else None
        return HistoryRow(
            id=0,
            version=plan.version,
            applied_at=now(),
            action=action,
            generation=generation.name,
            previous=newest.generation if newest else None,
            schema=digest.canonical(plan.new),
            hints=hints_json(plan.applied_hints),
            fingerprint=fingerprint(connection),
            plan=dumps(plan_json(plan, self.rows, self.notes, runner_tables(connection), left)),
            rows=sum(self.rows.values()),
            duration_ms=0,
            pause_ms=0,
            actor=self.target.stamp.actor,
            tool_version=self.target.stamp.tool_version,
            sqlite_version=sqlite3.sqlite_version,
        )


def _is_there(step: NewTableStep, index: Index) -> bool:
    """Return True for the unique indexes of a table that transforms fill: they are made before its rows."""
    return isinstance(step, Transform) and index.unique


def _of_all(advance: Advance, total: int, rows: int) -> None:
    advance(rows, max(rows, total))


def _onward(advance: Advance, before: int, total: int, rows: int) -> None:
    """Report the rows of one table in addition to those of earlier tables."""
    advance(before + rows, total)
