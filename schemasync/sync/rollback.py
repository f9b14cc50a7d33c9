"""Rolls back: fences the live file and opens an earlier generation again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile

from ..engines.sqlite import fence
from ..engines.sqlite.rebuild.start import attach_old
from ..engines.sqlite.verify.row_counts import RowDiff
from ..engines.sqlite.verify.row_samples import RowSample
from ..engines.sqlite.verify.row_samples import examples as some
from ..errors import Code, NeedsPerson, Refused
from ..files.layout import Generation
from ..history.action import HistoryAction
from ..history.lineage import Lineage, is_in_place
from ..history.row import HistoryRow
from ..history.rows import Afterwards, MadeByHand, find, find_file, moment, now
from ..plan.model import CarriedStep, Create, Drop, FilledStep, Origin
from .counted_swap import swap_counted
from .phases import cutover
from .phases.finish import note
from .phases.write_lock import Commit
from .previously_live import not_adopted
from .recovery import recover, with_rollback
from .rollback_in_place import COMMAND, INSTEAD, reverse
from .run import interrupt, live_database
from .run.elapsed import ms_since
from .run.error_translation import translated_errors
from .run.interrupt import Signals
from .run.live_database import LiveDatabase
from .run.target import Target
from .sides import Sides, differences, sides_of


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
    """Return the preview of a rollback, without writing. Raises Refused if no rollback is possible, or NeedsPerson."""
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as current:
        return _preview(target, current, wanted)


def _preview(target: Target, current: LiveDatabase | None, wanted: str | None) -> Preview:
    current, to, generation = resolve(target, current, wanted)
    assert current.newest is not None
    tallies = differences(target, _sides(target, current, generation))
    is_since = Lineage(current.rows).went_on(to.generation, current.newest.generation)
    return Preview(current.newest, to, generation, tallies, is_since)


def differ_in_common(target: Target, wanted: str) -> bool:
    """Return True if the two generations differ in a row of a table that both have, by the columns whose values were
    carried; or if such a table cannot be compared. Raises the errors of `preview`."""
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as current:
        current, _, generation = resolve(target, current, wanted)
        sides = _sides(target, current, generation)
        common = [_in_common(step) for step in sides.steps if not isinstance(step, Create | Drop)]
        tallies = differences(target, replace(sides, steps=common))
    return any(not one.comparable or one.added or one.changed or one.removed for one in tallies)


def _in_common(step: CarriedStep | FilledStep | MadeByHand) -> CarriedStep | FilledStep | MadeByHand:
    """Return the step so that only carried columns are compared: not those of one side, and not those that were
    filled."""
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
    """Return the database, the history row to go back to, and its file. Raises the errors of `preview`."""
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
    target: Target,
    wanted: str | None,
    agree: Callable[[Preview], bool],
    *,
    is_switch: bool = False,
    only_unwritten: bool = False,
) -> RolledBack | None:
    """Roll back to a generation or version; None means the previous one. `agree` gets the preview first, under the
    lock, and may decline (then returns None). `is_switch`: record that a switch left the live file for that of another
    branch. `only_unwritten`: raise Busy if somebody writes after the preview; otherwise such writes stay in the
    archive. Raises a SchemasyncError; then the live file is unchanged, unless the error says that the swap is committed
    or done."""
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
            ahead, pause = _roll_back(
                target, current, ahead, signals, is_switch=is_switch, only_unwritten=only_unwritten
            )
        duration_ms, pause_ms = ms_since(begun), round(pause * 1000)
        note(target, ahead.generation, Afterwards(duration_ms, pause_ms))
    return RolledBack(ahead, duration_ms, pause_ms)


def examples(target: Target, ahead: Preview, most: int) -> dict[str, tuple[RowSample, ...]]:
    """Return, for each table, at most `most` of the rows that the preview counts. Raises the errors of `preview`."""
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener) as current:
        if current is None or current.generation is None:
            return {}
        sides = _sides(target, current, ahead.generation)
        named = {row_diffs.table for row_diffs in ahead.written}
        with closing(target.opener.read(sides.newer.path)) as connection:
            attach_old(connection, sides.older.path, closed=sides.older != target.layout.live())
            found = {step.name: some(connection, step, most) for step in sides.steps if step.name in named}
    return {name: tuple(map(_reversed, rows)) if sides.live_is_older else rows for name, rows in found.items()}


def _reversed(one: RowSample) -> RowSample:
    changes = tuple(replace(change, newer=change.older, older=change.newer) for change in one.changes)
    return replace(one, kind={"added": "removed", "removed": "added"}.get(one.kind, one.kind), changes=changes)


def _roll_back(
    target: Target,
    current: LiveDatabase,
    ahead: Preview,
    signals: Signals,
    *,
    is_switch: bool,
    only_unwritten: bool,
) -> tuple[Preview, float]:
    """Fence the live file in favour of the older one, and open that. Returns how many seconds writers waited, and the
    preview, counted again if somebody wrote since it was shown."""
    stamp = target.stamp
    by = stamp.actor, stamp.tool_version
    merged = with_rollback(current.rows, ahead.generation, now(), *by, is_switch=is_switch)
    room = cutover.ROOM + 3 * sum(len(row.schema) + len(row.plan) for row in merged)
    with closing(target.opener.write(ahead.generation.path, timeout=target.wait)) as archive:
        cutover.try_to_reopen(archive, merged)
        reopen = partial(cutover.reopen, target, archive, merged)
        done = swap_counted(
            target,
            current,
            current.rows,
            ahead.generation,
            signals,
            Commit(),
            room,
            reopen,
            only_unwritten=only_unwritten,
        )
    return ahead if done.written is None else replace(ahead, tallies=done.written), done.pause


def _sides(target: Target, current: LiveDatabase, other: Generation) -> Sides:
    assert current.generation is not None
    return sides_of(current.rows, current.generation, other, target.opener)


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
    """Return the row of the last alteration in place since the live generation went live; None without one."""
    since = takewhile(is_in_place, reversed(rows))
    return next((row for row in since if row.action == HistoryAction.ALTER), None)


def _altered(target: Target, current: LiveDatabase, newest: HistoryRow) -> Refused:
    """Return the error for a rollback that names no generation, of a file that was altered since it went live. It lists
    the statements that undo the last alteration, or why none can."""
    try:
        statements = "; ".join(reverse(target, current).statements)
        hint = f"To undo that, with all rows: {COMMAND}\nIt runs: {statements}"
    except Refused as refusal:
        hint = "\n".join(f"It cannot be undone in the file: {problem.message}" for problem in refusal.problems)
        hint += f"\n{INSTEAD}"
    if newest.previous is not None:
        hint += (
            f"\nTo go back to {newest.previous}, an older file with its rows as they were: "
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
