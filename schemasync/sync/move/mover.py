"""Moves the database to PostgreSQL, phase by phase.

decide -> capture -> tables -> copy -> indexes -> prove -> catch up -> cut over -> open
                       (writers go on)                         |
                                                    the file is closed
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...engines.postgres import move_table
from ...engines.postgres.move_table import MoveRecord, MoveState
from ...engines.postgres.run_statement import on_trial
from ...engines.postgres.versions import check_target
from ...engines.sqlite.capture import changelog
from ...engines.sqlite.connection import Connection, check_version
from ...engines.sqlite.table_sizes import sizes
from ...engines.sqlite.transactions import snapshot
from ...errors import Code, Refused, SchemasyncError
from ...schema.document import Document
from ..phases import postpone
from ..phases.capture import Followable, logging_writes, release
from ..phases.write_lock import Commit
from ..recovery import recover
from ..run import interrupt, live_database
from ..run.elapsed import ms_since
from ..run.error_translation import translated_errors
from ..run.interrupt import Signals
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .build import begin, copy, finish, step
from .changed_values import forget, list_changed_values
from .closed_file import moved_fence
from .cutover import cut_over
from .decide import MovePlan, decide, logged
from .estimate import Estimate, estimate
from .follow import Follower
from .goal import Goal, MoveReport, MoveStep
from .opening import finish_dead_run, opened
from .proof import prove

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There


@dataclass(frozen=True, slots=True)
class Planned:
    """`bytes`: by folded table, indexes included; empty if SQLite does not say them. `estimate`: None if the tables of
    a move that died are still on PostgreSQL."""

    plan: MovePlan
    bytes: Mapping[str, int]
    estimate: Estimate | None


def plan(target: Target, goal: Goal, document: Document) -> Planned:
    """Return what a move would do. Raises a SchemasyncError with all obstacles. Changes nothing: trials on PostgreSQL
    are rolled back."""
    check_version()
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as before:
        before = _adopted(target, before)
        with goal.server.connection() as there:
            _check_server(goal, there, str(target.layout.link))
            with snapshot(before.connection):
                begun, is_free = time.monotonic(), move_table.read(there) is None
                decided = decide(target, goal, document, before, there if is_free else None)
                scan, bytes_ = time.monotonic() - begun, sizes(before.connection) or {}
                if not is_free:  # it has the tables of a move that died
                    return Planned(decided, bytes_, None)
                with on_trial(there, decided.ddl.statements):
                    pass
                return Planned(decided, bytes_, estimate(before.connection, there, decided, bytes_, scan))


def to_postgres(target: Target, goal: Goal, document: Document) -> MoveReport:
    """Move the database. A move that was interrupted is finished if its file is closed, and otherwise begins anew.
    Raises a SchemasyncError; then the file is live and unchanged, unless it was closed before, the error is a
    NeedsPerson, or it reports a signal during the cut-over."""
    check_version()
    begun = time.monotonic()
    with (
        translated_errors(target.layout.link),
        interrupt.stoppable() as signals,
        target.observed() as target,
        target.locked() as target,
    ):
        recover(target)
        if (closed := moved_fence(target)) is not None:
            return finish_dead_run(target, goal, document, closed.moved_to or "")
        with live_database.read(target.layout, target.opener) as found, goal.server.connection() as there:
            before = _adopted(target, found)
            move_table.hold(there, str(goal.server), target.wait)
            _clear(goal, there, str(target.layout.link))
            _check_server(goal, there, str(target.layout.link))
            return _moved(target, goal, document, before, there, signals, begun)


def _moved(
    target: Target,
    goal: Goal,
    document: Document,
    before: LiveDatabase,
    there: There,
    signals: Signals,
    begun: float,
) -> MoveReport:
    commit, generation = Commit(), before.generation
    assert generation is not None  # of an adopted database
    forget(target, generation)
    followed = Followable(logged(before.inspect().schema), ())
    try:
        with (
            logging_writes(target, before.fingerprint, before, followed) as capture,
            _reading(target, before, signals) as source,
        ):
            with snapshot(before.connection):  # later writes are logged, and judged when they are replayed
                bound = changelog.last_entry(before.connection)
                decided = decide(target, goal, document, before, there)
            decided = begin(target, goal, decided, there)
            follower = Follower(source, decided, capture, bound)
            copy(target, goal, decided, before, follower, there)
            finish(target, goal, decided, follower, there)
            rows = prove(target, goal, before, follower, there)
            follower.set_counters(there)
            if goal.limits.postpone:
                _wait(target, goal, follower, there)
            pause = cut_over(target, goal, decided, before, follower, there, signals, commit)
    except BaseException:
        if not commit.is_done:
            _give_up(target, goal)
        raise
    notes = opened(goal)
    release(target, before.path)
    changed = list_changed_values(target, generation, decided.moved, follower.may_have_changed())
    return MoveReport(
        "moved",
        goal.alias,
        generation.name,
        rows,
        ms_since(begun),
        round(pause * 1000),
        follower.rounds,
        follower.keys,
        decided.findings,
        changed.counts,
        changed.path,
        tuple(filter(None, (*decided.ddl.notes, *notes, changed.note))),
    )


@contextmanager
def _reading(target: Target, before: LiveDatabase, signals: Signals) -> Iterator[Connection]:
    """Yield a second connection to the file, whose snapshots are independent of those of the run."""
    with closing(target.opener.read(before.path)) as source:
        signals.watch(source)
        yield source


def _wait(target: Target, goal: Goal, follower: Follower, there: There) -> None:
    with closing(postpone.until_called(target, goal.alias)) as waiting:
        for _ in waiting:
            if follower.waiting():
                with step(goal, MoveStep.ROUND):
                    follower.round(there)


def _give_up(target: Target, goal: Goal) -> None:
    """Drop the tables on PostgreSQL; if that fails, the next move does it. Only if a read of the file shows that it is
    open: after an error at the commit of its fence it may be closed."""
    with suppress(SchemasyncError, sqlite3.Error), goal.server.connection() as there:
        record = move_table.read(there)
        if record is not None and record.is_in_vain(str(target.layout.link)) and moved_fence(target) is None:
            with step(goal, MoveStep.CLEAR):
                move_table.clear(there, record)


def _clear(goal: Goal, there: There, source: str) -> None:
    """Drop the tables of a dead move of this file: the file is live, so nothing there counts. Raises Refused for tables
    of another move, or that were live once."""
    record = move_table.read(there)
    if record is None:
        return
    if not record.is_in_vain(source):
        raise _of_another(goal, record)
    with step(goal, MoveStep.CLEAR):
        move_table.clear(there, record)


def _check_server(goal: Goal, there: There, source: str) -> None:
    record = move_table.read(there)
    if record is None or not record.is_in_vain(source):
        check_target(there, str(goal.server))


def _of_another(goal: Goal, record: MoveRecord) -> Refused:
    what = "an earlier move that was undone" if record.state is MoveState.UNDONE else f"the move of {record.source}"
    return Refused.of(
        Code.POSTGRES_NOT_EMPTY,
        f"{goal.server} has the rows of {what}; they may have been written since",
        "Nothing of it is touched. Name a database that is empty, or drop that one if nobody needs it.",
        source=record.source,
    )


def _adopted(target: Target, before: LiveDatabase | None) -> LiveDatabase:
    if before is None or before.generation is None:
        raise live_database.no_history(target.layout)
    return before
