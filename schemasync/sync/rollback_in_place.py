"""Undoes the last alteration of the live file in that file, with all rows, by the reverse statements."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..diff.compare import Allowed, compare
from ..engines.sqlite import in_place
from ..engines.sqlite.uncompiled import unknown_to
from ..errors import Code, Refused
from ..history.action import HistoryAction
from ..history.data_migrations import recorded
from ..history.lineage import Lineage, Names
from ..history.row import HistoryRow
from ..history.rows import Afterwards, hints_of, models_of, moment, schema_of
from ..plan.make import make
from ..plan.model import Plan
from ..schema.model import ColumnName, Hints, Schema
from ..schema.names import fold
from ..schema.spelling import respelled, texts
from ..schema.subset import ours
from .phases.finish import note
from .phases.in_place import alter_in_place, checked
from .recovery import recover
from .run import interrupt, live_database
from .run.elapsed import ms_since
from .run.error_translation import translated_errors
from .run.live_database import LiveDatabase
from .run.target import Target

COMMAND = "manage.py schemasync rollback --in-place"
INSTEAD = "To do it in a new file, put the schema.json of before back, then: manage.py schemasync --allow-older"


@dataclass(frozen=True, slots=True)
class Reverse:
    """The plan that undoes the last alteration: from the `live` row to `to`, which describes the file before it."""

    live: HistoryRow
    to: HistoryRow
    plan: Plan

    @property
    def statements(self) -> list[str]:
        """The statements that undo it."""
        return in_place.statements(self.plan)


@dataclass(frozen=True, slots=True)
class Undone:
    """An alteration that was undone."""

    reverse: Reverse
    duration_ms: int
    pause_ms: int


def preview(target: Target) -> Reverse:
    """Return the plan, without writing. Raises Refused if the alteration cannot be undone in the live file."""
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as now:
        return reverse(target, now)


def rollback_in_place(target: Target, agree: Callable[[Reverse], bool], max_pause: float | None) -> Undone | None:
    """Undo the last alteration of the live file. `agree` gets the plan first, and may decline (then returns None).
    `max_pause`: seconds that writers may wait, None without a limit. Raises a SchemasyncError; then nothing has
    changed, unless it reports a signal that arrived during the commit."""
    begun = time.monotonic()
    if not target.layout.folder.exists():
        preview(target)  # refuse before there is a folder to lock in
    with translated_errors(target.layout.link), interrupt.stoppable() as signals, target.locked() as target:
        recover(target)
        with live_database.read(target.layout, target.opener) as now:
            found = reverse(target, now)
            if not agree(found):
                return None
            assert now is not None
            assert now.generation is not None
            pause = alter_in_place(target, found.plan, now, signals, max_pause, command=COMMAND, instead=INSTEAD)
        duration_ms, pause_ms = ms_since(begun), round(pause * 1000)
        note(target, now.generation, Afterwards(duration_ms, pause_ms))
    return Undone(found, duration_ms, pause_ms)


def reverse(target: Target, now: LiveDatabase | None) -> Reverse:
    """Return the plan that undoes the last alteration. Raises Refused if that is not possible, or would lose a
    value."""
    if now is None or now.newest is None:
        raise live_database.no_history(target.layout)
    newest = now.newest
    if newest.action != HistoryAction.ALTER or now.generation is None:
        raise Refused.of(
            Code.NOT_IN_PLACE,
            f"the last thing that happened to {newest.generation} was no alteration in place ({newest.action})",
            "To go back to an earlier file: manage.py schemasync rollback",
        )
    _refuse_drift(now, newest)
    lineage = Lineage(now.rows)
    to = lineage.before(newest)
    assert to is not None
    plan = _plan(now, newest, to, lineage.names(to, newest.generation))
    unknown = unknown_to(now.connection, target.opener)
    values = in_place.values_lost(now.connection, plan)
    return Reverse(newest, to, checked(target, plan, now, unknown, values, may_drop=True, instead=INSTEAD))


def _refuse_drift(now: LiveDatabase, newest: HistoryRow) -> None:
    if names := sorted(now.drift(now.inspect())):
        raise Refused.of(
            Code.DRIFT,
            f"changed by hand since {moment(newest.applied_at)}: {', '.join(names)}",
            "To see how to keep or undo it: manage.py schemasync check",
            objects=names,
        )


def _plan(now: LiveDatabase, newest: HistoryRow, to: HistoryRow, names: Names) -> Plan:
    """Return the plan from the live file to the state before it was altered. `names`: earlier name -> present name."""
    inspected = now.inspect().schema
    old = ours(inspected, schema_of(newest))
    new = respelled(schema_of(to), texts([inspected]))
    diff = compare(old, new, _renames(names), frozenset(), Allowed(_columns(old, new)))
    if diff.problems:
        raise Refused(diff.problems)
    plan = make(
        diff,
        old,
        new,
        to.version,
        base_version=newest.version,
        base_fingerprint=now.fingerprint,
        volatile=lambda table, column: False,
    )
    return replace(plan, applied_hints=hints_of(to), models=models_of(to), never_run=recorded(now.rows))


def _renames(names: Names) -> Hints:
    """Return the present names as earlier names (`was`) of the earlier ones."""
    tables: dict[str, tuple[str, ...]] = {then: (now,) for then, (now, _) in names.items() if then != now}
    columns: dict[ColumnName, tuple[str, ...]] = {
        ColumnName(table, then): (now,)
        for table, (_, pairs) in names.items()
        for then, now in pairs.items()
        if then != now
    }
    return Hints(tables_were=tables, columns_were=columns)


def _columns(*schemas: Schema) -> frozenset[str]:
    """Return every column, as `--allow-drop` names it. Their values decide later which of them may be dropped."""
    return frozenset(f"{fold(t.name)}.{fold(c.name)}" for schema in schemas for t in schema.tables for c in t.columns)
