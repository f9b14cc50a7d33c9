"""Moves the database to PostgreSQL, phase by phase.

decide -> capture -> tables -> copy -> indexes -> prove -> catch up -> cut over -> open
                       (writers go on)                         |
                                                    the file is closed
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING

from ...engines.postgres import fence, move_table
from ...engines.postgres.driver import library
from ...engines.postgres.move_table import MoveRecord, MoveState
from ...engines.postgres.run_statement import try_statements
from ...engines.postgres.validation import validate
from ...engines.postgres.versions import check_target
from ...engines.sqlite.capture import changelog
from ...engines.sqlite.connection import Connection, check_version
from ...engines.sqlite.transactions import snapshot
from ...errors import Code, NeedsPerson, Refused, SchemasyncError
from ...schema.document import Document
from ..phases import postpone
from ..phases.capture import Followable, logging_writes, release
from ..phases.write_lock import Commit
from ..recovery import recover
from ..run import interrupt, live_database
from ..run.error_translation import translated_errors
from ..run.interrupt import Signals
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .build import begin, copy, finish, step
from .closed_file import moved_fence, record_there
from .cutover import cut_over
from .decide import MovePlan, decide, logged
from .follow import Follower
from .goal import Goal, MoveReport, MoveStep
from .proof import prove

if TYPE_CHECKING:
    from ...engines.postgres.driver import Connection as There


def plan(target: Target, goal: Goal, document: Document) -> MovePlan:
    """What a move would do. Raises a SchemasyncError with all that is in its way. Changes nothing anywhere."""
    check_version()
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as before:
        before = _adopted(target, before)
        with goal.server.connection() as there:
            _check_server(goal, there, str(target.layout.link))
            with snapshot(before.connection):
                decided = decide(target, goal, document, before)
            if move_table.read(there) is None:
                try_statements(there, decided.ddl)
            return decided


def to_postgres(target: Target, goal: Goal, document: Document) -> MoveReport:
    """Move the database. Raises a SchemasyncError; then the file is live and unchanged, unless the error is a
    NeedsPerson. A move that was interrupted is finished, or begins anew."""
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
            return _finished(target, goal, closed.moved_to or "")
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
    commit = Commit()
    followed = Followable(logged(before.inspect().schema), ())
    try:
        with (
            logging_writes(target, before.fingerprint, before, followed) as capture,
            _reading(target, before, signals) as source,
        ):
            with snapshot(before.connection):  # what is written after it is logged, and judged when it is replayed
                bound = changelog.last_entry(before.connection)
                decided = decide(target, goal, document, before)
            decided = begin(target, goal, decided, there)
            follower = Follower(source, decided, capture, bound)
            copy(target, goal, decided, before, follower, there)
            finish(target, goal, decided, follower, there)
            rows = prove(target, goal, before, follower, there)
            follower.counters(there)
            if goal.limits.postpone:
                _wait(target, goal, follower, there)
            pause = cut_over(target, goal, decided, before, follower, there, signals, commit)
    except BaseException:
        if not commit.is_done:
            _give_up(target, goal)
        raise
    notes = _opened(goal)
    release(target, before.path)
    generation = before.generation
    return MoveReport(
        "moved",
        goal.alias,
        generation.name if generation is not None else "",
        rows,
        round((time.monotonic() - begun) * 1000),
        round(pause * 1000),
        follower.rounds,
        follower.keys,
        decided.findings,
        {(table, column, fault.value): count for (table, column, fault), count in follower.changes.counts.items()},
        (*decided.ddl.notes, *notes),
    )


def _opened(goal: Goal) -> list[str]:
    """Open PostgreSQL, over another connection: that of the run may have broken at its last commit."""
    try:
        with goal.server.connection() as there:
            return open_there(goal, there)
    except SchemasyncError as error:
        raise NeedsPerson.of(
            Code.MOVE_UNFINISHED,
            f"every row is on {goal.server}, and the file is closed, but that does not take writes yet: {error}. "
            "Until then every write fails, and none is lost",
            f"Once the server is up: manage.py schemasync move --to {goal.alias}",
        ) from error


@contextmanager
def _reading(target: Target, before: LiveDatabase, signals: Signals) -> Iterator[Connection]:
    """A connection of its own to the file, so that a snapshot of it does not hold that of the run."""
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
    """Drop what was made; if that fails, the next move does it. Only while the file is known to be open: an error at
    its commit does not say that it is."""
    with suppress(SchemasyncError, sqlite3.Error), goal.server.connection() as there:
        record = move_table.read(there)
        if record is not None and record.is_in_vain(str(target.layout.link)) and moved_fence(target) is None:
            with step(goal, MoveStep.CLEAR):
                move_table.clear(there, record)


def open_there(goal: Goal, there: There) -> list[str]:
    """Open PostgreSQL to writers: the file is closed. Then do what may take longer; returns what could not be done."""
    with step(goal, MoveStep.OPEN), there.transaction():
        move_table.set_state(there, MoveState.LIVE)
        fence.open_up(there)
    with step(goal, MoveStep.VALIDATE):
        notes = validate(there)
    with step(goal, MoveStep.UNFENCE):
        _remove_fence(there)
    return notes


def _remove_fence(there: There) -> None:
    """Unless a reader holds a table for too long: an open fence does no harm, and the next `move` removes it."""
    try:
        fence.remove(there)
    except library().Error:
        if there.broken:
            raise


def _finished(target: Target, goal: Goal, alias: str) -> MoveReport:
    """The file is closed: open PostgreSQL, if a run died before it did."""
    live = target.layout.live()
    generation = live.name if live is not None else ""
    with goal.server.connection() as there:
        record = record_there(target, goal, there, alias)
        is_open = record.state is MoveState.LIVE and not fence.fenced_tables(there)
        if not is_open:
            open_there(goal, there)
    return MoveReport("current" if is_open else "moved", alias, generation)


def _clear(goal: Goal, there: There, source: str) -> None:
    """Drop what a move of this file made that died: the file is live, so nothing of it counts. What was live once
    stays."""
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
