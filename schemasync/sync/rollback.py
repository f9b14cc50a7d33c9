"""Rolls back: fences the live file and opens an earlier generation again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile

from ..engines.sqlite import fence
from ..engines.sqlite.connection import Connection, Opener
from ..engines.sqlite.rebuild.start import attach_old
from ..engines.sqlite.transactions import snapshot
from ..engines.sqlite.verify.row_counts import RowDiff, row_diffs
from ..engines.sqlite.verify.row_samples import RowSample
from ..engines.sqlite.verify.row_samples import examples as some
from ..errors import Code, NeedsPerson, Refused, SchemasyncError
from ..files.layout import Generation
from ..history.action import HistoryAction
from ..history.compose import not_known
from ..history.lineage import Lineage, is_in_place
from ..history.row import HistoryRow
from ..history.rows import Afterwards, MadeByHand, find, find_file, moment, now, schema_of
from ..plan.model import CarriedStep, ColumnSource, Create, Drop, FilledStep, Keep, Origin, Step
from ..schema.affinity import converts_alike
from ..schema.model import Column, Schema, Table
from ..schema.names import fold
from .inspection import written_schema
from .phases import cutover
from .phases.capture import fence_prepared, release
from .phases.cutover import cut_over
from .phases.finish import note
from .phases.write_lock import Commit, brief_write_lock
from .previously_live import not_adopted
from .recovery import recover, with_rollback
from .rollback_in_place import COMMAND, INSTEAD, reverse
from .run import interrupt, live_database
from .run.error_translation import translated_errors
from .run.interrupt import Signals
from .run.live_database import LiveDatabase
from .run.target import Target


@dataclass(frozen=True, slots=True)
class Preview:
    """The preview of a rollback: from the live row to `to`, and in which rows the two differ, for each table.

    `is_since`: `to` was never live again after the live one was built from it, so all differences were written since.
    """

    live: HistoryRow
    to: HistoryRow
    generation: Generation
    tallies: tuple[RowDiff, ...]
    is_since: bool

    @property
    def written(self) -> tuple[RowDiff, ...]:
        """The tables that differ, or cannot be compared."""
        return tuple(t for t in self.tallies if not t.is_empty)

    @property
    def is_complete(self) -> bool:
        """True if every table and column was compared, so that every differing row is counted."""
        return all(t.is_complete for t in self.tallies)


@dataclass(frozen=True, slots=True)
class RolledBack:
    """A completed rollback."""

    preview: Preview
    duration_ms: int
    pause_ms: int


def preview(target: Target, wanted: str | None) -> Preview:
    """Show what a rollback would do, without writing. Raises Refused if no rollback is possible."""
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as current:
        return _preview(target, current, wanted)


def _preview(target: Target, current: LiveDatabase | None, wanted: str | None) -> Preview:
    current, to, generation = resolve(target, current, wanted)
    assert current.newest is not None
    tallies = _tallies(target, _sides(current, to, generation, target.opener))
    is_since = Lineage(current.rows).went_on(to.generation, current.newest.generation)
    return Preview(current.newest, to, generation, tallies, is_since)


def differ_in_common(target: Target, wanted: str) -> bool:
    """True if a row differs from that in the other generation in what both have: tables, and columns whose values were
    carried; or if that cannot be compared. Raises the errors of `preview`."""
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as current:
        current, to, generation = resolve(target, current, wanted)
        sides = _sides(current, to, generation, target.opener)
        common = [_in_common(step) for step in sides.steps if not isinstance(step, Create | Drop)]
        tallies = _tallies(target, replace(sides, steps=common))
    return any(not one.comparable or one.added or one.changed or one.removed for one in tallies)


def _in_common(step: CarriedStep | FilledStep | MadeByHand) -> CarriedStep | FilledStep | MadeByHand:
    """The step without the values of columns that are only on one side, or were converted on the way."""
    if isinstance(step, FilledStep | MadeByHand):
        return step
    feeds = tuple(feed if feed.origin is Origin.CARRIED else replace(feed, volatile=True) for feed in step.feeds)
    return replace(step, feeds=feeds)


def check(target: Target, wanted: str | None) -> None:
    """Raise Refused if no rollback is possible, without counting what was written since."""
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as current:
        resolve(target, current, wanted)


def resolve(
    target: Target, current: LiveDatabase | None, wanted: str | None
) -> tuple[LiveDatabase, HistoryRow, Generation]:
    """The database, the history row to go back to, and its file. Raises the errors of `preview`."""
    if current is None or current.newest is None:
        raise Refused.of(
            Code.NO_HISTORY,
            f"{target.layout.link} has no history to go back in",
            "It begins with the first sync, or with: manage.py schemasync adopt",
        )
    if current.generation is None:
        raise Refused(not_adopted(target, current.newest))
    if wanted is None and (last := _last_alteration(current.rows)) is not None:
        raise _altered(target, current, last)
    to = _destination(current, wanted)
    return current, to, _file_of(target, to)


def rollback(
    target: Target, wanted: str | None, agree: Callable[[Preview], bool], *, is_switch: bool = False
) -> RolledBack | None:
    """Roll back to a generation or version; None means the previous one. `agree` gets the preview first, under the
    lock, and may decline (then returns None). `is_switch`: the live file is left for that of another branch. Raises a
    SchemasyncError; then the live file is unchanged."""
    begun = time.monotonic()
    if not target.layout.folder.exists():
        preview(target, wanted)  # refuse before there is a folder to lock in
    with translated_errors(target.layout.link), interrupt.stoppable() as signals, target.locked() as target:
        recover(target)
        with live_database.read(target.layout, target.opener) as current:
            ahead = _preview(target, current, wanted)
            cutover.check_place(target.layout)
            if not agree(ahead):
                return None
            assert current is not None
            ahead, pause = _roll_back(target, current, ahead, signals, is_switch=is_switch)
        duration_ms, pause_ms = round((time.monotonic() - begun) * 1000), round(pause * 1000)
        note(target, ahead.generation, Afterwards(duration_ms, pause_ms))
    return RolledBack(ahead, duration_ms, pause_ms)


def examples(target: Target, ahead: Preview, most: int) -> dict[str, tuple[RowSample, ...]]:
    """For each table some of the rows that the preview counts. Raises the errors of `preview`."""
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as current:
        if current is None or current.generation is None:
            return {}
        sides = _sides(current, ahead.to, ahead.generation, target.opener)
        named = {row_diffs.table for row_diffs in ahead.written}
        with closing(target.opener.read(sides.newer.path)) as connection:
            attach_old(connection, sides.older.path, closed=sides.older != target.layout.live())
            found = {step.name: some(connection, step, most) for step in sides.steps if step.name in named}
    return {name: tuple(map(_reversed, rows)) if sides.live_is_older else rows for name, rows in found.items()}


def _reversed(one: RowSample) -> RowSample:
    changes = tuple(replace(change, newer=change.older, older=change.newer) for change in one.changes)
    return replace(one, kind={"added": "removed", "removed": "added"}.get(one.kind, one.kind), changes=changes)


def _roll_back(
    target: Target, current: LiveDatabase, ahead: Preview, signals: Signals, *, is_switch: bool
) -> tuple[Preview, float]:
    """Fence the live file in favour of the older one, and open that. Returns how many seconds writers waited, and the
    preview, counted again if somebody wrote since it was shown."""
    assert current.generation is not None
    stamp = target.stamp
    by = stamp.actor, stamp.tool_version
    merged = with_rollback(current.rows, ahead.generation, now(), *by, is_switch=is_switch)
    room = cutover.ROOM + 3 * sum(len(row.schema) + len(row.plan) for row in merged)
    sides = _sides(current, ahead.to, ahead.generation, target.opener)
    with ExitStack() as stack, closing(target.opener.write(ahead.generation.path, timeout=target.wait)) as archive:
        cutover.try_to_reopen(archive, merged)
        with (
            fence_prepared(target, current) as live,
            cutover.prepared(target, ahead.generation, room) as swap,
        ):
            both = stack.enter_context(_both(target, sides))
            with brief_write_lock(target, current.generation.path) as lock:
                lock.prepared_at, written = live.schema_version, live.has_changed()
                if written:  # both files at this moment, when nobody can write to either
                    stack.enter_context(snapshot(both, "main", "old"))
                with cut_over(target, signals, lock, swap, Commit()):
                    cutover.reopen(target, archive, merged)
                    cutover.point(target, ahead.generation, lock)
        release(target, ahead.generation.path)
        if written:
            sides = _sides(current, ahead.to, ahead.generation, target.opener)  # tables may have been added
            ahead = replace(ahead, tallies=_compared(both, sides))
    if written:
        cutover.checkpoint_archive(target, current.generation)  # repeated, because the file was still being read before
    return ahead, lock.seconds


@contextmanager
def _both(target: Target, sides: _Sides) -> Iterator[Connection]:
    """A connection to the newer file, with the older one attached; their schemas are read, however many tables."""
    with closing(target.opener.read(sides.newer.path)) as connection:
        attach_old(connection, sides.older.path)
        with snapshot(connection, "main", "old"):
            pass
        yield connection


def _destination(current: LiveDatabase, wanted: str | None) -> HistoryRow:
    newest = current.newest
    assert newest is not None
    if wanted is not None:
        to = find_file(current.rows, wanted)
    elif newest.previous is None and newest.action == HistoryAction.ADOPT and newest.id > 1:
        raise Refused.of(
            Code.UNKNOWN_GENERATION,
            f"{newest.generation} was adopted, and was built from no other generation",
            "Name the one to go back to, from: manage.py schemasync history",
        )
    elif newest.previous is None:
        raise Refused.of(Code.NO_HISTORY, f"{newest.generation} is the first generation", "There is nothing before it.")
    else:
        to = find(current.rows, newest.previous)
    if to.generation == newest.generation:
        raise Refused.of(
            Code.UNKNOWN_GENERATION, f"{to.generation} is live already", "See: manage.py schemasync history"
        )
    return to


def _last_alteration(rows: Sequence[HistoryRow]) -> HistoryRow | None:
    """The row of the last alteration in place since the live generation went live; None without one."""
    since = takewhile(is_in_place, reversed(rows))
    return next((row for row in since if row.action == HistoryAction.ALTER), None)


def _altered(target: Target, current: LiveDatabase, newest: HistoryRow) -> Refused:
    """The error for a rollback without a destination of a file that was altered since it went live: it names the
    statements that undo the last alteration, or why they cannot."""
    try:
        statements = "; ".join(reverse(target, current).statements)
        hint = f"To undo that, with all rows: {COMMAND}\nIt runs: {statements}"
    except Refused as refusal:
        hint = "\n".join(f"It cannot be undone in the file: {problem.message}" for problem in refusal.problems)
        hint += f"\n{INSTEAD}"
    if newest.previous is not None:
        hint += (
            f"\nTo go back to {newest.previous}, an older file with the rows of then: "
            f"manage.py schemasync rollback {newest.previous}"
        )
    return Refused.of(
        Code.ALTERED_IN_PLACE,
        f"{newest.generation} was altered in place at {moment(newest.applied_at)}, so no file is as it was before that",
        hint,
        generation=newest.generation,
        previous=newest.previous,
    )


def _file_of(target: Target, row: HistoryRow) -> Generation:
    generation = target.layout.generation(row.generation)
    if generation is None or not generation.path.is_file():
        there = [g.name for g in target.layout.finished()]
        raise Refused.of(
            Code.GENERATION_MISSING,
            f"the file of {row.generation} is missing (pruned, or adopted under another name)",
            f"Still there: {', '.join(there) or 'none'}",
            found=there,
        )
    with closing(target.opener.read(generation.path)) as connection:
        if fence.is_marked(connection):
            raise NeedsPerson.of(
                Code.STATE_UNKNOWN, f"{generation.name} was never finished", "Run manage.py schemasync."
            )
    return generation


def _tallies(target: Target, sides: _Sides) -> tuple[RowDiff, ...]:
    """Compare the live file with the older one, through the steps of the syncs between them."""
    with closing(target.opener.read(sides.newer.path)) as connection:
        attach_old(connection, sides.older.path, closed=sides.older != target.layout.live())
        return _compared(connection, sides)


@dataclass(frozen=True, slots=True)
class _Sides:
    """Two files to compare, and the steps from the older to the newer one. `live_is_older`: the other file was built
    from the live one."""

    newer: Generation
    older: Generation
    steps: Sequence[Step | MadeByHand]
    live_is_older: bool


def _sides(current: LiveDatabase, to: HistoryRow, generation: Generation, opener: Opener) -> _Sides:
    assert current.newest is not None
    assert current.generation is not None
    lineage, live = Lineage(current.rows), current.newest.generation
    if lineage.comes_from(to.generation, live):
        found = _Sides(generation, current.generation, lineage.steps(live, to.generation), live_is_older=True)
    else:
        found = _Sides(current.generation, generation, lineage.steps(to.generation, live), live_is_older=False)
    related = lineage.are_related(live, to.generation)
    recorded = [schema_of(lineage.state(name)) for name in (live, to.generation)] if related else ()
    found = found if related else replace(found, steps=())
    if lineage.state(live).details.get("archive") == to.generation:
        found = replace(found, steps=tuple(_restored(found.steps)))
    return replace(found, steps=(*found.steps, *_of_unnamed(opener, found, recorded)))


def _restored(steps: Sequence[Step | MadeByHand]) -> Iterator[Step | MadeByHand]:
    """The steps, where tables that were dropped and have come back from that file are the same ones."""
    dropped = {fold(step.name): step.old for step in steps if isinstance(step, Drop)}
    made = {fold(step.name) for step in steps if isinstance(step, Create)}
    for step in steps:
        if isinstance(step, Create) and (old := dropped.get(fold(step.name))) is not None:
            yield Keep(old, step.new, tuple(_by_name(old, step.new, column) for column in step.new.columns))
        elif not isinstance(step, Drop) or fold(step.name) not in made:
            yield step


def _of_unnamed(opener: Opener, sides: _Sides, recorded: Sequence[Schema]) -> Iterator[Step | MadeByHand]:
    """Steps for the tables that no schema.json names, such as those of apps that keep their migrations, and for all
    tables of files without a common past: by their names, and by those of their columns."""
    named = {fold(table.name) for schema in recorded for table in schema.tables}
    try:
        newer, older = written_schema(opener, sides.newer.path), written_schema(opener, sides.older.path)
    except SchemasyncError:
        return  # of an older release of SQLite, say: what the history names is compared
    for new in newer.tables:
        if fold(new.name) not in named:
            old = older.table(new.name)
            yield Create(new) if old is None else Keep(old, new, tuple(_by_name(old, new, one) for one in new.columns))
    yield from (Drop(old) for old in older.tables if fold(old.name) not in named and newer.table(old.name) is None)


def _by_name(old: Table, new: Table, column: Column) -> ColumnSource:
    if column.generated is not None:
        return ColumnSource(column.name, Origin.GENERATED)
    source = old.column(column.name)
    if source is None:
        return not_known(column.name)
    return ColumnSource(column.name, Origin.CARRIED, source.name, same=converts_alike(old, source, new, column))


def _compared(connection: Connection, sides: _Sides) -> tuple[RowDiff, ...]:
    """The difference of each table, from the view of the live file; the connection is to the newer one, beside the
    older."""
    found = row_diffs(connection, sides.steps, older_is_live=sides.live_is_older)
    return tuple(one.reversed() for one in found) if sides.live_is_older else found
