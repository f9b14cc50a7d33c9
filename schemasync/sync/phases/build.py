"""Builds the new file phase by phase under a temporary name (*.building)."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from ...engines.sqlite import fence, history_table, validate
from ...engines.sqlite.autoincrement import carry_counters
from ...engines.sqlite.capture import changelog, virtual_tables
from ...engines.sqlite.capture.changelog import Bounds
from ...engines.sqlite.capture.replay import Replay, misfits_failed
from ...engines.sqlite.checkpoint import durably
from ...engines.sqlite.connection import Connection, snapshot, sorting, to_wal, transaction, undoable
from ...engines.sqlite.objects import Object, fingerprint, is_own, objects, shadow_tables
from ...engines.sqlite.rebuild import finish, indexes, refill, reshape, start, statistics, unchanged
from ...engines.sqlite.rebuild.reshape import Carried
from ...engines.sqlite.verify import rows
from ...engines.sqlite.verify.counters import counters
from ...engines.sqlite.verify.ends import same_ends
from ...engines.sqlite.verify.integrity_check import compare_integrity
from ...engines.sqlite.verify.references import references
from ...engines.sqlite.verify.structure import structure
from ...engines.sqlite.wal_checkpointer import Checkpointer, checkpointed
from ...files.background_fsync import trickled
from ...files.disk import DiskStep
from ...files.layout import Generation, size_of
from ...history.action import HistoryAction
from ...history.row import HistoryRow
from ...history.rows import Followed, hints_json, now, plan_json
from ...plan.model import Plan, Strategy
from ...schema import digest
from ...schema.names import fold
from ...schema.text import dumps, short
from ..run.interrupt import Signals
from ..run.live_database import LiveDatabase
from ..run.progress import Advance
from ..run.target import Target
from .capture import Capture
from .lag import BREATH, Lag

MISFIT_PATIENCE = 3.0  # seconds that an application has to fix rows which the new shape does not take
VERIFY_BEHIND = 1.0  # seconds of replay that the new file may be behind when the comparison begins


@dataclass(slots=True)
class Built:
    """A finished generation that still has the mark; `rows` copied by table, `notes` of the verification, and whether
    that was a full one.

    Built beside writers, it holds what the logs said up to `bounds`, was compared with
    the old one at its `schema_version`, and its `triggers` are still to be put in.
    """

    generation: Generation
    row: HistoryRow
    rows: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    verify_full: bool = False
    bounds: Bounds = field(default_factory=dict)
    schema_version: int = 0
    triggers: tuple[Object, ...] = ()
    followed: Followed = Followed()  # noqa: RUF009  it is frozen


def build(
    target: Target,
    plan: Plan,
    state: LiveDatabase | None,
    deed: HistoryAction,
    signals: Signals,
    *,
    verify_full: bool = False,
    capture: Capture | None = None,
) -> Built:
    """Build and verify the generation that the plan describes. Raises Failed or Refused; what is left is litter.

    The caller holds the write lock of the old file, so that every read of it sees the same rows; or has it logged,
    and gives its `capture`.
    """
    rows = state.rows if state else ()
    generation = target.layout.next(short(plan.version), (row.generation for row in rows))
    place = target.layout.building(generation)
    like = target.layout.link.stat() if state is not None else None
    target.disk.create(DiskStep.BUILD_CREATE, place, like)
    with ExitStack() as stack:
        connection = stack.enter_context(closing(target.opener.build(place)))
        signals.watch(connection)
        folding = None
        if state is not None and capture is not None:
            folding = stack.enter_context(checkpointed(target.opener, state.path))
        work = _Work(target, plan, state, place, verify_full, capture, folding)
        with trickled(place, size_of(state.path) if state is not None and capture is not None else 0):
            work.run(connection)
        row, triggers = work.record(connection, generation, deed)
    target.disk.rename(DiskStep.BUILD_RENAME, place, generation.path)
    return Built(
        generation, row, work.rows, work.notes, verify_full, work.bounds, work.schema_version, triggers, work.followed
    )


@dataclass(frozen=True, slots=True)
class _Old:
    """The schema of the old file in the snapshot that the build starts from; somebody may change it later.

    `broken`: views, and tables whose triggers, that do not prepare in it.
    """

    objects: tuple[Object, ...] = ()
    shadows: frozenset[str] = frozenset()
    broken: frozenset[str] = frozenset()


class _Work:
    """One build: what it has copied and noted so far."""

    def __init__(
        self,
        target: Target,
        plan: Plan,
        state: LiveDatabase | None,
        place: Path,
        verify_full: bool,
        capture: Capture | None,
        folding: Checkpointer | None,
    ) -> None:
        self.target, self.plan, self.state, self.place = target, plan, state, place
        self.verify_full, self.capture, self.folding = verify_full, capture, folding
        self.bounds: Bounds = {}
        self.schema_version = 0
        self.followed = Followed()
        self.rows: dict[str, int] = {}
        self.notes: list[str] = []
        self._later: tuple[Object, ...] = ()
        self._old = _Old()

    def run(self, connection: Connection) -> None:
        """All phases up to a file that is whole, but for its history."""
        if self.state is None:
            self._first(connection)
            return
        with ExitStack() as stack:
            if self.capture is None:
                stack.enter_context(snapshot(self.state.connection))
            self._start(connection, self.state)
            self._fill(connection, self.state)

    def _fill(self, connection: Connection, state: LiveDatabase) -> None:
        with self._attached(connection, state):
            carried = self._reshape(connection)
            lag = self._pursuit(connection)
            self._refill(connection, lag)
            self._index(connection)
            if lag is None:
                self._verify(connection)
            else:
                self._verify_beside_writers(connection, lag)
            self._finish(connection, carried)

    @contextmanager
    def _attached(self, connection: Connection, state: LiveDatabase) -> Iterator[None]:
        start.attach_old(connection, state.path)
        yield
        start.detach_old(connection)

    def _first(self, connection: Connection) -> None:
        with self.target.disk.step(DiskStep.BUILD_FINISH), transaction(connection):
            fence.mark(connection)
            validate.build(connection, self.plan.new)
        with self.target.disk.step(DiskStep.BUILD_STRUCTURE):
            structure(connection, self.plan, ())

    def _start(self, connection: Connection, state: LiveDatabase) -> None:
        with self.target.disk.step(DiskStep.BUILD_START):
            if self.plan.strategy is Strategy.CLONE:
                self._clone(connection, state)
            else:
                self._look(state)
                start.empty(state.connection, connection)
            fence.mark(connection)

    def _clone(self, connection: Connection, state: LiveDatabase) -> None:
        with self.target.progress.phase("copy", "pages") as advance:
            if self.folding is None:  # the caller holds a snapshot for all
                self._look(state)
                start.clone(state.connection, connection, advance)
                return
            with snapshot(state.connection):
                self._look(state)
                start.clone(state.connection, connection, advance)
                self._read_ends_soon()
            self._read_has_ended()

    def _look(self, state: LiveDatabase) -> None:
        connection = state.connection
        self._old = _Old(objects(connection), shadow_tables(connection), finish.broken(connection))

    def _read_ends_soon(self) -> None:
        if self.folding is not None:
            self.folding.soon()

    def _read_has_ended(self) -> None:
        if self.folding is not None:
            self.folding.ended()

    def _reshape(self, connection: Connection) -> Carried:
        with self.target.disk.step(DiskStep.BUILD_RESHAPE), transaction(connection):
            changelog.remove(connection)  # a clone has the logs too, and the fence
            fence.lower_fence(connection)
            carried = reshape.reshape(connection, self.plan)
            if self.plan.strategy is Strategy.FRESH:
                self._later = indexes.take(connection)
        return carried

    def _pursuit(self, connection: Connection) -> Lag | None:
        if self.capture is None:
            return None
        # from the first entry on: what was written before the copy began is in it, and is read once more
        follows, schema = self.capture.follows, self.capture.schema
        bounds = dict.fromkeys((follow.logged.number for follow in follows), 0)
        replay = Replay(connection, follows, bounds, schema, schema.version)
        replay.prepare()
        replay.make_maps()
        return Lag(self.target, replay)

    def _refill(self, connection: Connection, lag: Lag | None) -> None:
        with self.target.disk.step(DiskStep.BUILD_REFILL), self.target.progress.phase("rows", "rows") as advance:
            done, total = 0, refill.rows_to_copy(connection, self.plan)
            with transaction(connection):
                if lag is not None:
                    lag.replay.begin()
                for step in self.plan.rewritten:
                    tick = partial(_onward, advance, done, total)
                    only = lag.replay.untouched(step) if lag is not None else ""
                    self.rows[step.name] = refill.refill(connection, step, tick, only)
                    done += self.rows[step.name]
                if self.plan.strategy is Strategy.FRESH:
                    self._copy_the_rest(connection)
                else:
                    unchanged.copy_shadows(connection, self.plan, remade=True)
                carry_counters(connection, self.plan)
                self._read_ends_soon()
            self._read_has_ended()
            advance(total, total)

    def _copy_the_rest(self, connection: Connection) -> None:
        for old, new, _ in unchanged.tables(connection, self.plan):
            count = unchanged.copy_same(connection, old, new)
            if not is_own(new):
                self.rows[new] = count
        unchanged.copy_shadows(connection, self.plan)

    def _index(self, connection: Connection) -> None:
        wanted = [(step.new, index) for step in self.plan.with_new_table for index in indexes.new(step)]
        phase = self.target.progress.phase("indexes", "indexes")
        with self.target.disk.step(DiskStep.BUILD_INDEX), phase as advance, sorting(connection):
            for number, (table, index) in enumerate(wanted):
                advance(number, len(wanted))
                indexes.build(connection, table, index)
            if self.plan.strategy is Strategy.FRESH:
                indexes.put(connection, self._later)
            statistics.gather(connection, self.plan)
            advance(len(wanted), len(wanted))

    def _verify(self, connection: Connection) -> None:
        rewritten = self.plan.rewritten
        full = self.verify_full or self.plan.strategy is Strategy.FRESH
        kept = unchanged.tables(connection, self.plan)
        shadows = [(*pair, None) for pair in unchanged.shadows(connection, self.plan)]
        rest = [*kept, *shadows] if full else []
        with (
            self.target.disk.step(DiskStep.BUILD_VERIFY),
            self.target.progress.phase("verification", "tables") as advance,
        ):
            for number, step in enumerate(rewritten):
                advance(number, len(rewritten) + len(rest))
                compared = rows.content(connection, step)
                if compared.left_out:
                    self.notes.append(f"{step.name}: not compared: {', '.join(compared.left_out)}")
                self.notes += compared.notes
            for number, (old, new, table) in enumerate(rest):
                advance(len(rewritten) + number, len(rewritten) + len(rest))
                self.notes += rows.same_content(connection, old, new, table).notes
            if not full and self.capture is None:  # beside writers it is the replay that does it
                for old, new, table in kept:
                    same_ends(connection, old, new, table)
            counters(connection, self.plan)
            self.notes += references(connection, self.plan)
            if self.verify_full:
                self.notes += compare_integrity(connection)
            advance(len(rewritten) + len(rest), len(rewritten) + len(rest))

    def _verify_beside_writers(self, connection: Connection, lag: Lag) -> None:
        """Catch up, and compare in the snapshot of one more round: there the new file is to be exactly the old one."""
        undoable(connection)
        deadline = time.monotonic() + MISFIT_PATIENCE
        lag.catch_up(connection, DiskStep.BUILD_ROUND, VERIFY_BEHIND, deadline)
        while True:
            with transaction(connection):
                done = lag.replay.round()
                lag.replay.settle()
                if not done.row_errors:
                    virtual_tables.follow(connection, self.plan)
                    carry_counters(connection, self.plan)
                    self._verify(connection)
                    lag.replay.check_ends()
                    self._read_ends_soon()
                    break
            if time.monotonic() > deadline:
                raise misfits_failed(done)
            time.sleep(BREATH)
        self._read_has_ended()
        self.bounds, self.schema_version = lag.replay.bounds, lag.replay.version
        self.followed = Followed(lag.rounds + 1, lag.keys + done.keys)

    def _finish(self, connection: Connection, carried: Carried) -> None:
        with self.target.disk.step(DiskStep.BUILD_FINISH), transaction(connection):
            finish.finish(connection, self.plan, carried, self._old.broken)
        with self.target.disk.step(DiskStep.BUILD_STRUCTURE):
            structure(connection, self.plan, self._foreign(carried))

    def _foreign(self, carried: Carried) -> tuple[Object, ...]:
        """Foreign objects as they must read now, and the foreign tables of the old file that were lost on the way."""
        ours = {*self.plan.old.object_names(), *self.plan.new.object_names()}
        found = {item.key for item in carried.standing}
        lost = [
            o
            for o in self._old.objects
            if o.type == "table" and o.key not in ours | found and fold(o.name) not in self._old.shadows
        ]
        return (*carried.indexes, *carried.triggers, *carried.views, *carried.standing, *lost)

    def record(
        self, connection: Connection, generation: Generation, deed: HistoryAction
    ) -> tuple[HistoryRow, tuple[Object, ...]]:
        """Write the history row and make the whole file durable; it still has the mark.

        Returns also the triggers that were taken off again, for what is still to be replayed.
        """
        with self.target.disk.step(DiskStep.BUILD_SEAL):
            to_wal(connection)
            with durably(connection):  # its fsync covers everything that was written without one
                history_table.create(connection)
                row = self._row(connection, generation, deed)
                history_table.append(connection, row)
                triggers = finish.take_triggers(connection) if self.capture is not None else ()
        return row, triggers

    def _row(self, connection: Connection, generation: Generation, deed: HistoryAction) -> HistoryRow:
        plan, newest = self.plan, self.state.newest if self.state else None
        return HistoryRow(
            id=0,
            version=plan.version,
            applied_at=now(),
            action=deed,
            generation=generation.name,
            previous=newest.generation if newest else None,
            schema=digest.canonical(plan.new),
            hints=hints_json(plan.applied_hints),
            fingerprint=fingerprint(connection),
            plan=dumps(plan_json(plan, self.rows, self.notes)),
            rows=sum(self.rows.values()),
            duration_ms=0,
            pause_ms=0,
            actor=self.target.stamp.actor,
            tool_version=self.target.stamp.tool_version,
            sqlite_version=sqlite3.sqlite_version,
        )


def _onward(advance: Advance, before: int, total: int, rows: int) -> None:
    """Report the rows of one table on top of those before it."""
    advance(before + rows, total)
