"""Makes a copy of a backup live, as a new generation, by the same swap as a rollback: the file that was live stays."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..engines.sqlite.verify.row_counts import RowDiff
from ..errors import Code, Refused, SchemasyncError
from ..files.disk import DiskStep
from ..history.in_place import Backup
from ..history.rows import Afterwards
from .counted_swap import swap_counted
from .phases import cutover
from .phases.copy_history import write_history
from .phases.finish import note
from .phases.health import look_at
from .phases.litter import litter_removed
from .phases.write_lock import Commit, brief_write_lock
from .previously_live import not_adopted
from .recovery import recover
from .restore_ahead import Ahead, Decided, check_sync, decided
from .restore_with_sync import Wanted, synced
from .run import interrupt, live_database
from .run.elapsed import ms_since
from .run.error_translation import translated_errors
from .run.interrupt import Signals
from .run.live_database import LiveDatabase
from .run.report import Report
from .run.target import Target


@dataclass(frozen=True, slots=True)
class Restored:
    """A completed restore. `report`: of the sync before it, if there was one."""

    ahead: Ahead
    duration_ms: int
    pause_ms: int
    report: Report | None = None


def preview(target: Target, copy: Path, backup: Backup, wanted: Wanted | None = None) -> Ahead:
    """Return the preview of a restore, without writing to the database. Raises the errors of `restore`."""
    with _way_out(target), translated_errors(target.layout.link), _live(target) as current:
        found = decided(target, current, copy, backup, wanted)
        check_sync(target, found, wanted)
        _check_health(target, found, backup, wanted)
        return found.ahead(target)


def restore(
    target: Target, copy: Path, backup: Backup, agree: Callable[[Ahead], bool], wanted: Wanted | None = None
) -> Restored | None:
    """Make the file `copy`, which holds a backup and which nobody uses, the next generation, and swap it in. `agree`
    gets the preview first, under the lock, and may decline (then returns None). `wanted`: a sync of the copy, before it
    goes live. Raises a SchemasyncError; then the live file is unchanged, unless the error says that the swap is
    committed or done."""
    begun = time.monotonic()
    link = target.layout.link
    with (
        _way_out(target),
        translated_errors(link),
        interrupt.stoppable() as signals,
        target.locked() as target,
    ):
        recover(target)
        with _live(target) as current:
            found = decided(target, current, copy, backup, wanted)
            check_sync(target, found, wanted)
            _check_health(target, found, backup, wanted)
            cutover.check_place(target.layout)
            ahead, report = found.ahead(target), None
            if not agree(ahead):
                return None
            if wanted is not None:
                found, report = _brought_up(target, found, backup, wanted)
                ahead = replace(ahead, to=found.rows[-1])
            pause, written = _swap_in(target, found, signals)
        if ahead.preview is not None and written is not None:
            ahead = replace(ahead, preview=replace(ahead.preview, tallies=written))
        duration_ms, pause_ms = ms_since(begun), round(pause * 1000)
        note(target, ahead.generation, Afterwards(duration_ms, pause_ms))
    if report is not None:
        report = replace(report, generation=ahead.generation.name, pause_ms=pause_ms)
    return Restored(ahead, duration_ms, pause_ms, report)


@contextmanager
def _way_out(target: Target) -> Iterator[None]:
    """Add to errors of the block how to restore in place of a live file that cannot be read, which no swap can
    close."""
    try:
        yield
    except SchemasyncError as error:
        if error.code not in (Code.CORRUPT, Code.NOT_A_DATABASE, Code.GENERATION_MISSING):
            raise
        link, folder = target.layout.link, target.layout.folder
        paths, aside = shlex.join(map(str, (link, folder))), shlex.quote(f"{link}.aside")
        hint = (
            "\nTo restore a backup in place of it, stop the application, then: "
            f"mkdir {aside} && mv {paths} {aside}/\nand: manage.py schemasync restore"
        )
        raise type(error)([replace(one, hint=one.hint + hint) for one in error.problems]) from error


@contextmanager
def _live(target: Target) -> Iterator[LiveDatabase | None]:
    """Yield the live database or an empty plain file; None if there is no file. Raises Refused for a plain file with
    objects or a history."""
    with live_database.read(target.layout, target.opener) as current:
        is_plain = current is not None and current.generation is None
        if current is not None and is_plain and (current.newest is not None or current.inspect().objects):
            raise Refused(not_adopted(target, current.newest))
        yield current


def _brought_up(target: Target, found: Decided, backup: Backup, wanted: Wanted) -> tuple[Decided, Report]:
    """Sync the copy, and run the application's check on the result. Raises a SchemasyncError."""
    done = synced(target, wanted, found.copy, found.rows)
    made = replace(found, rows=(*found.rows[:-1], done.row), copy=done.copy)
    _look_at(target, made, f"the backup {backup.name} after the sync", _hint_of_health(backup))
    return made, done.report


def _check_health(target: Target, found: Decided, backup: Backup, wanted: Wanted | None) -> None:
    """Run the application's check on the copy, unless a sync makes another file of it, which is checked then. Raises
    Failed."""
    if wanted is None:
        newest = found.current.newest if found.current is not None else None
        is_other = newest is None or newest.version != found.rows[-1].version
        hint = _hint_of_health(backup, has_other_version=is_other)
        _look_at(target, found, f"the backup {backup.name}", hint)


def _look_at(target: Target, found: Decided, what: str, hint: str) -> None:
    if target.health is not None and found.replaces:
        with target.disk.step(DiskStep.BUILD_HEALTH):
            look_at(target, found.copy, what, hint)


def _hint_of_health(backup: Backup, *, has_other_version: bool = False) -> str:
    lines = [
        f"The live file is unchanged. To look at the backup: manage.py schemasync restore {backup.words} --into FILE",
        "To restore it all the same, leave HEALTH out of the settings meanwhile.",
    ]
    if has_other_version:
        lines.append("The backup has another version: with --sync the check sees it as the sync has brought it up.")
    return "\n".join(lines)


def _swap_in(target: Target, found: Decided, signals: Signals) -> tuple[float, tuple[RowDiff, ...] | None]:
    """Finish the file and swap it in. Returns how many seconds writers waited, and the differences if somebody wrote
    since they were shown."""
    commit, current, generation = Commit(), found.current, found.generation
    with litter_removed(target, commit):
        write_history(target, found.copy, found.rows)
        target.check_sole()
        target.disk.rename(DiskStep.BUILD_RENAME, found.copy, generation.path)
        if current is None:
            cutover.cut_over_locked(target, signals, None, generation, commit)
            return 0.0, None
        if current.generation is None:
            with brief_write_lock(target, current.path, current.inode) as lock:
                cutover.cut_over_locked(target, signals, lock, generation, commit)
            return lock.seconds, None
        unmark = partial(cutover.open_up, target, generation)
        done = swap_counted(target, current, found.rows, generation, signals, commit, cutover.ROOM, unmark)
        return done.pause, done.written
