"""Cut-over: the order of these few steps keeps every acknowledged write."""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...engines.sqlite import fence, history_table
from ...engines.sqlite.capture import changelog
from ...engines.sqlite.checkpoint import checkpoint
from ...engines.sqlite.connection import Connection, side_files, wal_of
from ...engines.sqlite.fence import Fence
from ...engines.sqlite.transactions import commit_durably, logged_durably, undone
from ...errors import Code, NeedsPerson, Refused, SchemasyncError
from ...files.disk import DiskStep, Reservation, reserved
from ...files.layout import PLAIN, Generation, Layout, PathKind, inode_of, size_of
from ...files.mounts import is_mounted
from ...files.permissions import may_change_names, may_replace
from ...history.row import HistoryRow
from ...history.rows import now
from .. import misplaced
from ..run.generation_state import state_of
from ..run.interrupt import Signals
from ..run.target import Target
from .capture import remove
from .write_lock import Commit, LinkState, WriteLock, replaced

PASSAGE = 0.06  # seconds at most in which waiting writers notice the fence, for which they need the old file's lock
BACKOFF = 2.0  # times what it has waited: SQLite looks again sooner (sqliteDefaultBusyCallback in its main.c)
LOOK = 0.005  # seconds: also a writer that has only begun to wait looks again within this time
ROOM = 640 * 1024  # bytes: the log and its index that opening a file needs, with the largest possible pages


@dataclass(frozen=True, slots=True)
class Swap:
    """Everything that a swap needs and can acquire before writers wait: its number, and its disk space.

    `generation`: the next live one; None if that is the plain file of an eject.
    """

    generation: Generation | None
    number: int
    room: Reservation

    @property
    def successor(self) -> str:
        """The next live file, by its name in the fence."""
        return PLAIN if self.generation is None else self.generation.name


@contextmanager
def prepared(target: Target, generation: Generation | None, room: int = ROOM) -> Iterator[Swap]:
    """Prepare a swap to a generation, or to the plain file of an eject; `room`: bytes of disk that the swap may need.
    Raises OSError if they are not available."""
    with reserved(target.layout.folder, room) as reservation:
        yield Swap(generation, next_number(target), reservation)


def check_place(layout: Layout) -> None:
    """Raise Refused if the object at the path cannot be replaced. Called before the build, and again before the old
    file is closed: afterwards every write would fail until somebody made it possible."""
    link, folder = layout.link, layout.link.parent
    if is_mounted(link):
        raise Refused.of(
            Code.MOUNTED_FILE,
            f"{link} is mounted as a single file, so that no link can replace it",
            f"Mount its folder at {folder}, instead of the file (docker: -v ./data:{folder}); the "
            "generations are in that folder, too. Then run the same command again.",
        )
    if not folder.is_dir():
        return  # the code that creates the folder of the generations reports it
    if not may_change_names(folder):
        why = "is not writable"
    elif not may_replace(link):
        why = "lets only the owner replace a file (it has the sticky bit)"
    else:
        return
    raise Refused.of(
        Code.PERMISSION,
        f"the folder {folder} {why}, so that no link can replace {link.name}",
        f"Run this as the owner of {link}, or let the user that runs it write to the folder. Who may: "
        f"ls -ld {shlex.quote(str(folder))}",
    )


def begin(target: Target, signals: Signals, new: Generation) -> None:
    """Swap to a first generation: there is no file to fence."""
    signals.defer()
    open_up(target, new)
    point(target, new)
    signals.swapped(new.name)
    target.replicate()


@contextmanager
def cut_over(target: Target, signals: Signals, lock: WriteLock, swap: Swap, commit: Commit) -> Iterator[None]:
    """Fence the locked file in favour of its successor; then the block opens that and points the link at it.

    The commit of the fence is the commit record of the swap: before it the old file is live and whole, after it the
    swap can only go forward. Raises Refused, Failed or Busy with the live file unchanged, or NeedsPerson if the swap is
    committed and the block failed.
    """
    signals.defer()
    check_place(target.layout)
    with _link_beside(target, lock, swap):
        fence_file(target, lock, Fence(swap.number, swap.successor, now()), commit)
    swap.room.release()
    try:
        yield
    except (sqlite3.Error, OSError, SchemasyncError) as error:
        if target.layout.path_kind() is PathKind.DANGLING:
            raise misplaced.dangling(target.layout) from error
        raise NeedsPerson.of(
            Code.SWAP_UNFINISHED,
            f"the swap to {swap.successor} is committed, but the link could not be moved: {error}. "
            "Until then, every write fails and none is lost",
            "Fix the cause (a full disk, permissions), then: manage.py schemasync",
            generation=swap.successor,
        ) from error
    signals.swapped(swap.successor)
    target.replicate()
    _tidy(target, lock)
    _checkpoint(target, lock)
    clear(target, DiskStep.CUTOVER_CLEAR)


def cut_over_locked(target: Target, signals: Signals, lock: WriteLock | None, new: Generation, commit: Commit) -> None:
    """Swap from a file that was locked during the build; `lock` is None if there was no file. Raises as cut_over()
    does."""
    if lock is None:
        begin(target, signals, new)
        return
    with prepared(target, new) as swap, cut_over(target, signals, lock, swap, commit):
        open_up(target, new)
        point(target, new, lock)


@contextmanager
def _link_beside(target: Target, lock: WriteLock, swap: Swap) -> Iterator[None]:
    """Make the new link before the old file is closed: if its folder is not writable, nothing has happened yet. If the
    block raises, the link is removed."""
    if swap.generation is None:
        yield
        return
    link = _make_link(target, swap.generation, lock.place)
    try:
        yield
    except BaseException:
        target.disk.remove(DiskStep.CUTOVER_DISPLACED, (link,))
        raise


def fence_file(target: Target, lock: WriteLock, record: Fence, commit: Commit) -> None:
    """Fence the locked file, which commits the swap or the move. Raises Failed if somebody moved the link."""
    with target.disk.step(DiskStep.CUTOVER_FENCE):
        target.check_sole()
        if not lock.is_at(target.layout.link):
            raise replaced(target.layout.link)
        lock.fence(record, commit)


def open_up(target: Target, new: Generation) -> None:
    """Remove the mark from the new file, durably, before the link moves, so that no live file ever has one."""
    with closing(target.opener.write(new.path, timeout=target.wait)) as connection:
        unmark(target, connection)


def unmark(target: Target, connection: Connection) -> None:
    """Like open_up(), but over a connection to the new file."""
    with target.disk.step(DiskStep.CUTOVER_UNMARK), logged_durably(connection):
        fence.unmark(connection)


def reopen(target: Target, connection: Connection, rows: tuple[HistoryRow, ...]) -> None:
    """Open a fenced generation again, with the history of the rollback, in one transaction."""
    with target.disk.step(DiskStep.CUTOVER_UNFENCE):
        target.check_sole()
        with logged_durably(connection):
            _clean(connection, rows)


def try_to_reopen(connection: Connection, rows: tuple[HistoryRow, ...]) -> None:
    """Do the work of reopen(), and roll it back: its errors occur here, while the live file is still open."""
    with undone(connection):
        _clean(connection, rows)
    commit_durably(connection)  # reads the schema again, as the rollback has made SQLite forget it


def _clean(connection: Connection, rows: tuple[HistoryRow, ...]) -> None:
    """Bring an archive into the state of a live file: open, with the history of the rollback. The rest of its fence and
    its change log is removed when writers no longer wait."""
    changelog.reopen(connection)
    history_table.replace(connection, rows)


def point(target: Target, generation: Generation, over: WriteLock | LinkState | None = None) -> None:
    """Put a link to the generation in the place of the object at the path, and sync the folder.

    `over`: the closed object there, None without one. Any other object belongs to somebody else, and stays: raises
    NeedsPerson, also if somebody moved the folder of the generations during the run. The clock of a lock stops once the
    link has moved. Then writers may go on: if the power fails before the folder is synced, the fence still leads to the
    new file.
    """
    new = _make_link(target, generation, over.place if isinstance(over, WriteLock) else over)
    _take_place(target, new, over, f"All rows are in {generation.path}")
    if target.layout.path_kind() is PathKind.DANGLING:
        raise misplaced.dangling(target.layout)


def _make_link(target: Target, generation: Generation, over: LinkState | None) -> Path:
    """Make the new link in the folder of the path, unless it is there already, and return its path."""
    layout = target.layout
    path = layout.next_link(over.inode if over is not None and over.is_plain else None)
    if layout.named_by(path) != generation:
        target.disk.symlink(DiskStep.CUTOVER_SYMLINK, path, layout.target(generation))
    return path


def put_in_place(target: Target, over: WriteLock | LinkState) -> None:
    """Put the plain file that `eject` made in the place of the link; then the folder is synced."""
    plain = target.layout.plain
    _take_place(target, plain, over, f"All rows are in {plain}")


def _take_place(target: Target, new: Path, over: WriteLock | LinkState | None, where: str) -> None:
    layout, lock = target.layout, over if isinstance(over, WriteLock) else None
    expected = over.place if isinstance(over, WriteLock) else over
    target.check_sole()
    placed = target.disk.take_place(DiskStep.CUTOVER_LINK, new, layout.link, partial(_is_expected, target, expected))
    if not placed.is_done:
        if new.is_symlink():
            target.disk.remove(DiskStep.CUTOVER_DISPLACED, (new,))
        kept = f", and another one is now called {placed.kept}" if placed.kept else ""
        raise NeedsPerson.of(
            Code.CHANGED_DURING_RUN,
            f"{layout.link} is {layout.path_kind().value} that somebody put there during the swap; "
            f"it is unchanged{kept}",
            f"{where}. To go on with them, move {layout.link} away, then: manage.py schemasync\n"
            f"To go on with what is at {layout.link}: manage.py schemasync adopt",
        )
    if lock is not None:
        lock.stop_clock()
    # a power loss may have brought back the log of the plain file of an eject, whose removal was not durable
    target.disk.remove(DiskStep.CUTOVER_DISPLACED, (new, *side_files(new)))
    target.disk.sync(DiskStep.CUTOVER_FOLDER, layout.link.parent)


def _is_expected(target: Target, over: LinkState | None, path: Path) -> bool:
    """Return True for the closed object, and for a link to a missing generation: no row is lost if the link replaces
    it."""
    if over is not None and inode_of(path) == over.inode:
        return over.is_plain or path.is_symlink()
    return target.layout.named_by(path) is not None and not path.exists()


def remove_plain(target: Target) -> bool:
    """Remove a plain file that did not replace the link, or its remains after a power loss. Return True if there was
    one."""
    plain = target.layout.plain
    files = (plain, *side_files(plain))
    if not any(path.exists() or path.is_symlink() for path in files):
        return False
    target.check_sole()
    target.disk.remove(DiskStep.RECOVER_REMOVE, files)
    return True


def clear(target: Target, label: DiskStep) -> bool:
    """Remove the log of the plain file that was at the path of the link: SQLite would replay it into a plain file that
    is put there later. Return True if one was removed.

    Only an empty log is removed, as it is checkpointed. A non-empty one has the fence: without it, a connection that
    was open before the swap and never read would find its file without a name, and open to writes.
    """
    if target.layout.path_kind() is not PathKind.GENERATION:
        return False
    sides = side_files(target.layout.link)
    if size_of(wal_of(target.layout.link)) or not any(path.exists() for path in sides):
        return False
    target.disk.remove(label, sides)
    return True


def _tidy(target: Target, lock: WriteLock) -> None:
    """Empty the change log of the archive. If somebody holds its lock, it stays as it is until a rollback."""
    with suppress(sqlite3.Error):
        if changelog.is_installed(lock.connection):
            time.sleep(min(PASSAGE, BACKOFF * lock.seconds + LOOK))
            remove(target, lock.connection)


def _checkpoint(target: Target, lock: WriteLock) -> None:
    """Checkpoint the write-ahead log of the archive. If readers prevent that, its fence is only in its -wal."""
    with target.disk.step(DiskStep.ARCHIVE_CHECKPOINT), suppress(sqlite3.Error):
        checkpoint(lock.connection)


def checkpoint_archive(target: Target, archive: Generation) -> None:
    """Checkpoint the write-ahead log of a superseded file, now that our last reader of it is closed."""
    with (
        suppress(sqlite3.Error, SchemasyncError),
        target.disk.step(DiskStep.ARCHIVE_CHECKPOINT),
        closing(target.opener.write(archive.path, timeout=0)) as connection,
    ):
        checkpoint(connection)


def next_number(target: Target) -> int:
    """Return a swap number higher than that of every fence in the folder."""
    fences = [state_of(target.opener, generation).fence for generation in target.layout.finished()]
    return 1 + max((closed.swap for closed in fences if closed is not None), default=0)
