"""Alters the live file itself, in one short transaction, instead of building a new one; and records a version of
schema.json that the live file already has."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace

from ...engines.sqlite import history_table, in_place, in_place_estimate
from ...engines.sqlite.checkpoint import checkpoint_some
from ...engines.sqlite.connection import Connection
from ...engines.sqlite.in_place import Rehearsal
from ...engines.sqlite.name_errors import Unknown
from ...engines.sqlite.objects import fingerprint, schema_text
from ...engines.sqlite.transactions import snapshot
from ...engines.sqlite.uncompiled import unknown_to
from ...engines.sqlite.verify.structure import structure
from ...errors import Code, Failed, Problem, Refused
from ...files.disk import DiskStep
from ...history.in_place import altered
from ...history.row import HistoryRow
from ...plan.in_place import QUALIFY, obstacles
from ...plan.in_place import in_place as planned_in_place
from ...plan.model import Plan
from ..run.interrupt import OPERATIONS, Signals
from ..run.live_database import LiveDatabase
from ..run.target import Target
from .capture import check_same_schema
from .write_lock import WriteLock, replaced, write_lock

NEW_FILE = "To make all changes in a new file, while writers go on: manage.py schemasync"


def checked(
    target: Target,
    plan: Plan,
    before: LiveDatabase,
    unknown: Unknown,
    others: Sequence[str] = (),
    *,
    may_drop: bool = False,
    instead: str = NEW_FILE,
) -> Plan:
    """Return the plan for the live file itself. Raises Refused with all obstacles, and what to do `instead`. `others`:
    further obstacles, such as work of the application on a new file. `may_drop`: columns may be dropped."""
    found = [*obstacles(plan, may_drop=may_drop), *others]
    changed = planned_in_place(plan)
    if not found:
        misfits = in_place.rehearse(before.connection, changed, target.opener, unknown).misfits
        found = [f"{name}: {why}" if name else why for name, why in misfits.items()]
    if found:
        raise Refused(not_in_place(found, instead))
    return changed


def not_in_place(found: Sequence[str], hint: str = NEW_FILE) -> Problem:
    """Return the problem of a run that is not possible in place; `found`: the reasons, in phrases."""
    return Problem(
        Code.NOT_IN_PLACE,
        f"not possible in the live file itself: {'; '.join(found)}",
        f"Possible there: {QUALIFY}.\n{hint}",
        {"obstacles": list(found)},
    )


def alter_in_place(
    target: Target,
    plan: Plan,
    before: LiveDatabase,
    signals: Signals,
    max_pause: float | None,
    *,
    command: str = "manage.py schemasync --in-place",
    instead: str = NEW_FILE,
) -> float:
    """Run the statements of the plan, and add the row to the history, in one transaction. Return how many seconds
    writers waited.

    The structure is verified in the same transaction. `max_pause`: seconds after which it is rolled back, None without
    a limit. The error then names the `command` for a longer pause, and what to do `instead`. Raises a SchemasyncError;
    then nothing has changed.
    """
    assert before.newest is not None
    assert before.generation is not None
    signals.watch(before.connection)
    _refuse_long_step(plan, before, max_pause, _advice(command, instead))
    known = _known(target, plan, before)
    with ExitStack() as stack:
        with target.disk.step(DiskStep.IN_PLACE_ALTER):
            lock = stack.enter_context(write_lock(target, before.path, before.inode))
            _check(target, plan, known, lock)
            with _limited(lock, signals, max_pause, _advice(command, instead)):
                _alter(lock.connection, plan, known)
        with target.disk.step(DiskStep.HISTORY_VERSION):
            signals.defer()
            lock.commit()
        lock.stop_clock()
        signals.altered(before.generation.name)
        with suppress(sqlite3.Error):
            checkpoint_some(lock.connection)  # without the write lock, as the log may be as large as an index
    return lock.seconds


@dataclass(frozen=True, slots=True)
class _Known:
    """Facts that are read before the lock, as that takes longer the more tables there are: the rows of sqlite_schema,
    the changes that the statements make to them, and the row for the history."""

    schema: frozenset[tuple[bytes, ...]]
    rehearsal: Rehearsal
    row: HistoryRow


def _known(target: Target, plan: Plan, before: LiveDatabase) -> _Known:
    assert before.newest is not None
    connection, rehearsal = before.connection, Rehearsal({}, fingerprint=plan.base_fingerprint)
    with snapshot(connection):
        check_same_schema(connection, plan)
        schema = frozenset(schema_text(connection))
        if plan.changes:
            unknown = unknown_to(connection, target.opener)
            rehearsal = in_place.rehearse(connection, plan, target.opener, unknown)
    made = in_place.statements(plan)
    row = altered(before.newest, plan, made, rehearsal.fingerprint or "", target.stamp)
    return _Known(schema, rehearsal, row)


def _alter(connection: Connection, plan: Plan, known: _Known) -> None:
    """Run the statements, and verify that they changed the schema as in the dry run, whose result was compared with the
    plan. If not, compare the schema itself with the plan. Then append the history row."""
    row, rehearsal = known.row, known.rehearsal
    if plan.changes:
        before = schema_text(connection)
        in_place.alter(connection, plan, follows=rehearsal.follows)
        if rehearsal.misfits or not rehearsal.turns(before, schema_text(connection)):
            structure(connection, plan, in_place.untouched(plan, before))
            row = replace(row, fingerprint="")
    row = row if row.fingerprint else replace(row, fingerprint=fingerprint(connection))
    history_table.create(connection)
    history_table.append(connection, row)


def _check(target: Target, plan: Plan, known: _Known, lock: WriteLock) -> None:
    target.check_sole()
    if not lock.is_at(target.layout.link):
        raise replaced(target.layout.link)
    if frozenset(schema_text(lock.connection)) != known.schema:
        check_same_schema(lock.connection, plan)


@dataclass(slots=True)
class _Limit:
    """Ends statements after a signal, or when writers have waited for too long."""

    signals: Signals
    deadline: float
    is_exceeded: bool = field(default=False, init=False)

    def __call__(self) -> int:
        self.is_exceeded |= time.monotonic() > self.deadline
        return int(self.is_exceeded or bool(self.signals.received))


@contextmanager
def _limited(lock: WriteLock, signals: Signals, max_pause: float | None, advice: str) -> Iterator[None]:
    """End the statements of the block when writers have waited for `max_pause` seconds: raises Failed."""
    limit = _Limit(signals, float("inf") if max_pause is None else lock.since + max_pause)
    lock.connection.set_progress_handler(limit, OPERATIONS)
    try:
        yield
    except Exception as error:
        if limit.is_exceeded and max_pause is not None:  # the interrupted code may have raised another error
            raise _exceeded(lock, max_pause, advice) from error
        raise
    finally:
        lock.connection.set_progress_handler(None, 0)


def _refuse_long_step(plan: Plan, before: LiveDatabase, max_pause: float | None, advice: str) -> None:
    """Raise Failed if a step that cannot be interrupted would take longer than writers may wait."""
    seconds = in_place_estimate.uninterruptible(before.connection, plan) if max_pause is not None else 0.0
    if max_pause is not None and seconds > max_pause:
        raise Failed.of(
            Code.PAUSE_EXCEEDED,
            f"writers would wait for about {seconds:.2g} s while SQLite frees a removed index, which cannot "
            f"be interrupted, and may wait for {max_pause * 1000:g} ms; nothing has changed",
            advice,
            max_pause_ms=round(max_pause * 1000),
        )


def _exceeded(lock: WriteLock, max_pause: float, advice: str) -> Failed:
    """The error if the work in the live file takes longer than writers may wait."""
    return Failed.of(
        Code.PAUSE_EXCEEDED,
        f"the work in {lock.path.name} was rolled back, as writers would have waited for more than "
        f"{max_pause * 1000:g} ms; nothing has changed",
        advice,
        max_pause_ms=round(max_pause * 1000),
    )


def _advice(command: str, instead: str) -> str:
    return (
        f"{instead}\nTo let writers wait for longer, about a second for a million rows: {command} --max-pause MS"
        f"\nTo let them wait for as long as it takes: {command} --block-writers"
    )
