"""Makes a copy of a backup live, as a new generation, by the same swap as a rollback: the file that was live stays."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..engines.sqlite import fence, history_table
from ..engines.sqlite.checkpoint import durably
from ..engines.sqlite.connection import to_wal
from ..engines.sqlite.objects import fingerprint
from ..engines.sqlite.verify.row_counts import RowDiff
from ..errors import Code, Refused, SchemasyncError
from ..files.disk import DiskStep
from ..files.layout import Generation
from ..history.in_place import Backup, restored
from ..history.lineage import Lineage
from ..history.row import HistoryRow
from ..history.rows import Afterwards
from ..schema.document import Document
from ..schema.text import short
from .counted_swap import swap_counted
from .phases import cutover
from .phases.decide import SyncOptions, decide
from .phases.finish import note
from .phases.health import look_at
from .phases.litter import litter_removed
from .phases.write_lock import Commit, brief_write_lock
from .previously_live import not_adopted
from .recovery import recover
from .rollback import Preview
from .run import interrupt, live_database
from .run.error_translation import translated_errors
from .run.interrupt import Signals
from .run.live_database import LiveDatabase
from .run.target import Target
from .sides import differences, sides_of


@dataclass(frozen=True, slots=True)
class Ahead:
    """What a restore would do: make `generation` live, whose history ends with the row `to`. `preview`: in which rows
    it differs from the live file; None if no database is there."""

    to: HistoryRow
    generation: Generation
    preview: Preview | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """The sync that is to follow: its schema.json and its options."""

    document: Document
    options: SyncOptions


@dataclass(frozen=True, slots=True)
class Restored:
    """A completed restore."""

    ahead: Ahead
    duration_ms: int
    pause_ms: int


def preview(target: Target, copy: Path, backup: Backup, wanted: Wanted | None = None) -> Ahead:
    """Show what a restore would do, without writing. Raises the errors of `restore`."""
    with _way_out(target), translated_errors(target.layout.link), _live(target) as current:
        decided = _decided(target, current, copy, backup)
        _check_sync(target, decided, wanted)
        _check_health(target, decided, backup, wanted)
        return decided.ahead(target)


def restore(
    target: Target, copy: Path, backup: Backup, agree: Callable[[Ahead], bool], wanted: Wanted | None = None
) -> Restored | None:
    """Make the file `copy`, which holds a backup and which nobody uses, the next generation, and swap it in. `agree`
    gets the preview first, under the lock, and may decline (then returns None). `wanted`: refuse what this sync would
    refuse. Raises a SchemasyncError; then the live file is unchanged."""
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
            decided = _decided(target, current, copy, backup)
            _check_sync(target, decided, wanted)
            _check_health(target, decided, backup, wanted)
            cutover.check_place(target.layout)
            ahead = decided.ahead(target)
            if not agree(ahead):
                return None
            pause, written = _swap_in(target, decided, copy, signals)
        if ahead.preview is not None and written is not None:
            ahead = replace(ahead, preview=replace(ahead.preview, tallies=written))
        duration_ms, pause_ms = round((time.monotonic() - begun) * 1000), round(pause * 1000)
        note(target, ahead.generation, Afterwards(duration_ms, pause_ms))
    return Restored(ahead, duration_ms, pause_ms)


@contextmanager
def _way_out(target: Target) -> Iterator[None]:
    """Say how to restore in the place of a live file that cannot be read, and so cannot be closed by a swap."""
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
    """The live database; None if there is none, or an empty file. Raises Refused for a plain file with something in
    it."""
    with live_database.read(target.layout, target.opener) as current:
        is_plain = current is not None and current.generation is None
        if current is not None and is_plain and (current.newest is not None or current.inspect().objects):
            raise Refused(not_adopted(target, current.newest))
        yield current


@dataclass(frozen=True, slots=True)
class _Decided:
    """`current`: the live database, or an empty file; None without either. `rows`: the history of the new generation,
    whose file is `copy` now."""

    current: LiveDatabase | None
    rows: Sequence[HistoryRow]
    generation: Generation
    copy: Path

    def ahead(self, target: Target) -> Ahead:
        """The preview."""
        row, current = self.rows[-1], self.current
        if current is None or current.generation is None or current.newest is None:
            return Ahead(row, self.generation, None)
        there = replace(self.generation, path=self.copy)
        tallies = differences(target, sides_of(self.rows, current.generation, there, target.opener))
        found = Preview(current.newest, row, self.generation, tallies, self._is_since(current.newest))
        return Ahead(row, self.generation, found)

    def _is_since(self, live: HistoryRow) -> bool:
        """True if the live file was made from what the backup is a copy of: then all differences were written since."""
        lineage = Lineage(self.rows)
        source = lineage.before(self.rows[-1])
        return source is not None and source.id in {row.id for row in lineage.line(live.generation)}


def _decided(target: Target, current: LiveDatabase | None, copy: Path, backup: Backup) -> _Decided:
    with closing(target.opener.read(copy)) as connection:
        its = history_table.read(connection)
    if not its:
        raise Refused.of(
            Code.NO_HISTORY,
            f"{backup.name} has no history: it was made before the database was adopted",
            "To restore it into a file, which can be put at the path and adopted: manage.py schemasync restore "
            f"{backup.words} --into FILE",
        )
    live = current.rows if current is not None and current.rows else its
    used = (row.generation for row in (*live, *its))
    generation = target.layout.next(short(its[-1].version), used)
    row = restored(live, its, generation.name, backup, target.stamp)
    return _Decided(current, (*live, row), generation, copy)


def _check_sync(target: Target, decided: _Decided, wanted: Wanted | None) -> None:
    """Raise what a sync of the restored file would raise: a schema that its rows do not fit, say."""
    if wanted is None:
        return
    copy, generation = decided.copy, decided.generation
    with closing(target.opener.read(copy)) as connection:
        state = LiveDatabase(connection, copy, generation, tuple(decided.rows), fingerprint(connection))
        decide(target, wanted.document, wanted.options, state)


def _check_health(target: Target, decided: _Decided, backup: Backup, wanted: Wanted | None) -> None:
    """Let the application look at the copy. Not if no older file is at stake; nor if the sync that is to follow makes
    another file, which it checks itself. Raises Failed."""
    current = decided.current
    if target.health is None or current is None or current.generation is None:
        return
    version = decided.rows[-1].version
    if wanted is not None and wanted.document.version != version:
        return
    hint = _hint_of_health(backup, has_other_version=current.newest is None or current.newest.version != version)
    with target.disk.step(DiskStep.BUILD_HEALTH):
        look_at(target, decided.copy, f"the backup {backup.name}", hint)


def _hint_of_health(backup: Backup, *, has_other_version: bool) -> str:
    lines = [
        f"The live file is unchanged. To look at the backup: manage.py schemasync restore {backup.words} --into FILE",
        "To restore it all the same, leave HEALTH out of the settings meanwhile.",
    ]
    if has_other_version:
        lines.append("The backup has another version: with --sync the check sees it as the sync has brought it up.")
    return "\n".join(lines)


def _swap_in(
    target: Target, decided: _Decided, copy: Path, signals: Signals
) -> tuple[float, tuple[RowDiff, ...] | None]:
    """Finish the file and swap it in. Returns how many seconds writers waited, and the differences if somebody wrote
    since they were shown."""
    commit, current, generation = Commit(), decided.current, decided.generation
    with litter_removed(target, commit):
        write_history(target, copy, decided.rows)
        target.check_sole()
        target.disk.rename(DiskStep.BUILD_RENAME, copy, generation.path)
        if current is None:
            cutover.cut_over_locked(target, signals, None, generation, commit)
            return 0.0, None
        if current.generation is None:
            with brief_write_lock(target, current.path, current.inode) as lock:
                cutover.cut_over_locked(target, signals, lock, generation, commit)
            return lock.seconds, None
        unmark = partial(cutover.open_up, target, generation)
        done = swap_counted(target, current, decided.rows, generation, signals, commit, cutover.ROOM, unmark)
        return done.pause, done.written


def write_history(target: Target, copy: Path, rows: Sequence[HistoryRow]) -> None:
    """Write the mark and the history into the file, which is nobody's database yet, durably."""
    with target.disk.step(DiskStep.RESTORE_HISTORY), closing(target.opener.write(copy)) as connection:
        to_wal(connection)
        with durably(connection):
            fence.mark(connection)
            history_table.replace(connection, rows)
