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
from ...engines.sqlite.transactions import logged_durably, undone
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

PASSAGE = 0.06  # seconds in which writers who waited find out about the fence: for that they need the old file's lock
ROOM = 640 * 1024  # bytes: the log and its index that opening a file up needs, with the largest pages there are


@dataclass(frozen=True, slots=True)
class Swap:
    """All that a swap needs and that can be acquired before writers wait: its number, and the disk that it may take.

    `generation`: what is live next; None where that is the plain file of an eject."""

    generation: Generation | None
    number: int
    room: Reservation

    @property
    def successor(self) -> str:
        """What is live next, by the name that the fence has of it."""
        return PLAIN if self.generation is None else self.generation.name


@contextmanager
def prepared(target: Target, generation: Generation | None, room: int = ROOM) -> Iterator[Swap]:
    """Get ready for a swap to a generation, or to the plain file of an eject; `room` is how many bytes of disk going
    forward may take. Raises OSError where they are not available."""
    with reserved(target.layout.folder, room) as reservation:
        yield Swap(generation, _next_number(target), reservation)


def check_place(layout: Layout) -> None:
    """Raise Refused where nothing can take the place of what stands at the path. Asked before anything is built, and
    again before the old file is closed: afterwards every write would be refused until somebody made it possible."""
    link, folder = layout.link, layout.link.parent
    if is_mounted(link):
        raise Refused.of(
            Code.MOUNTED_FILE,
            f"{link} is mounted as a single file, so that no link can take its place",
            f"Mount the folder that it is in, at {folder}, instead of the file (docker: -v ./data:{folder}); the "
            "generations are kept there, too. Then run the same command again.",
        )
    if not folder.is_dir():
        return  # whoever makes the folder of the generations says so
    if not may_change_names(folder):
        why = "cannot be written"
    elif not may_replace(link):
        why = "lets nobody replace a file but its owner (it has the sticky bit)"
    else:
        return
    raise Refused.of(
        Code.PERMISSION,
        f"the folder {folder} {why}, so that no link can take the place of {link.name}",
        f"Run this as the owner of {link}, or let the user that runs it write the folder. Who may: "
        f"ls -ld {shlex.quote(str(folder))}",
    )


def begin(target: Target, signals: Signals, new: Generation) -> None:
    """The swap to a first generation: there is no file to fence."""
    signals.defer()
    open_up(target, new)
    point(target, new)
    signals.swapped(new.name)


@contextmanager
def cut_over(target: Target, signals: Signals, lock: WriteLock, swap: Swap, commit: Commit) -> Iterator[None]:
    """Fence the locked file in favour of its successor; the block then opens that and points the link at it.

    The committed fence is the commit record of the swap: before it the old file is live and whole, after it
    only forward is left. Raises Failed or Busy with the live file untouched, or NeedsPerson where the swap is
    committed and the block failed.
    """
    signals.defer()
    check_place(target.layout)
    with _link_beside(target, lock, swap):
        _fence(target, lock, swap, commit)
    swap.room.release()
    try:
        yield
    except (sqlite3.Error, OSError, SchemasyncError) as error:
        if target.layout.at() is PathKind.DANGLING:
            raise misplaced.dangling(target.layout) from error
        raise NeedsPerson.of(
            Code.SWAP_UNFINISHED,
            f"the swap to {swap.successor} is committed, but the link could not be moved: {error}. "
            "Until it is, every write is refused and none is lost",
            "Fix what it says (a full disk, permissions), then: manage.py schemasync",
            generation=swap.successor,
        ) from error
    signals.swapped(swap.successor)
    _tidy(target, lock)
    _checkpoint(target, lock)
    clear(target, DiskStep.CUTOVER_CLEAR)


def cut_over_locked(target: Target, signals: Signals, lock: WriteLock | None, new: Generation, commit: Commit) -> None:
    """The swap of a file that was locked while the new one was built; `lock` is None where there was no file."""
    if lock is None:
        begin(target, signals, new)
        return
    with prepared(target, new) as swap, cut_over(target, signals, lock, swap, commit):
        open_up(target, new)
        point(target, new, lock)


@contextmanager
def _link_beside(target: Target, lock: WriteLock, swap: Swap) -> Iterator[None]:
    """Make the new link before the old file is closed: where its folder cannot be written, nothing has happened yet."""
    if swap.generation is None:
        yield
        return
    link = _make_link(target, swap.generation, lock.place)
    try:
        yield
    except BaseException:
        target.disk.remove(DiskStep.CUTOVER_DISPLACED, (link,))
        raise


def _fence(target: Target, lock: WriteLock, swap: Swap, commit: Commit) -> None:
    """Fence the locked file in favour of its successor. Raises Failed where the link moved under us."""
    record = Fence(swap.number, swap.successor, now())
    with target.disk.step(DiskStep.CUTOVER_FENCE):
        target.check_sole()
        if not lock.is_at(target.layout.link):
            raise replaced(target.layout.link)
        lock.fence(record, commit)


def open_up(target: Target, new: Generation) -> None:
    """Take the mark off the new file, durably: it goes before the link moves, so no live file ever had one."""
    with closing(target.opener.write(new.path, timeout=target.wait)) as connection:
        unmark(target, connection)


def unmark(target: Target, connection: Connection) -> None:
    """The same over a connection to the new file."""
    with target.disk.step(DiskStep.CUTOVER_UNMARK), logged_durably(connection):
        fence.unmark(connection)


def reopen(target: Target, connection: Connection, rows: tuple[HistoryRow, ...]) -> None:
    """Open a fenced generation again, with the history that led to this: one transaction."""
    with target.disk.step(DiskStep.CUTOVER_UNFENCE):
        target.check_sole()
        with logged_durably(connection):
            _clean(connection, rows)


def try_to_reopen(connection: Connection, rows: tuple[HistoryRow, ...]) -> None:
    """Do what `reopen` will do, and undo it: what would go wrong goes wrong here, while the live file is still open."""
    with undone(connection):
        _clean(connection, rows)


def _clean(connection: Connection, rows: tuple[HistoryRow, ...]) -> None:
    """An archive as it must be when it is live again: open, without logs, with the history that led here."""
    fence.lower_fence(connection)
    changelog.remove(connection)
    history_table.replace(connection, rows)


def point(target: Target, generation: Generation, over: WriteLock | LinkState | None = None) -> None:
    """Put a link to the generation in the place of what stands at the path; then the folder is synced.

    `over`: what was closed there, None where nothing was. Anything else is somebody else's, and stays: raises
    NeedsPerson, as it does where somebody moved the folder of the generations away during the run. The clock of a lock
    stops once the link has moved. Writers may go on then: should the power fail before the folder is synced, the fence
    still leads to the new file.
    """
    new = _make_link(target, generation, over.place if isinstance(over, WriteLock) else over)
    _take_place(target, new, over, f"All rows are in {generation.path}")
    if target.layout.at() is PathKind.DANGLING:
        raise misplaced.dangling(target.layout)


def _make_link(target: Target, generation: Generation, over: LinkState | None) -> Path:
    """The new link, beside the path; made before the fence, it is there already."""
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
            f"{layout.link} is {layout.at().value} that somebody put there during the swap; it was left as it is{kept}",
            f"{where}. To go on with them, move {layout.link} away, then: manage.py schemasync\n"
            f"To go on with what is at {layout.link}: manage.py schemasync adopt",
        )
    if lock is not None:
        lock.stop_clock()
    target.disk.remove(DiskStep.CUTOVER_DISPLACED, (new,))
    target.disk.sync(DiskStep.CUTOVER_FOLDER, layout.link.parent)


def _is_expected(target: Target, over: LinkState | None, path: Path) -> bool:
    """True for what was closed, and for a link to a generation whose file is gone: nothing is lost with either."""
    if over is not None and inode_of(path) == over.inode:
        return over.is_plain or path.is_symlink()
    return target.layout.named_by(path) is not None and not path.exists()


def remove_plain(target: Target) -> bool:
    """Remove a plain file that did not take the place of the link. True where there was one."""
    plain = target.layout.plain
    if not plain.exists() and not plain.is_symlink():
        return False
    target.check_sole()
    target.disk.remove(DiskStep.RECOVER_REMOVE, (plain, *side_files(plain)))
    return True


def clear(target: Target, label: DiskStep) -> bool:
    """Remove the log of the plain file that stood where the link is: a plain file that is put there one day would
    have it replayed into it. True where there was one.

    Only an empty log, which is folded into its file: in another one stands the fence, and a connection that was open
    before the swap and never read would find its file without a name, without a log, and open to writes.
    """
    if target.layout.at() is not PathKind.GENERATION:
        return False
    sides = side_files(target.layout.link)
    if size_of(wal_of(target.layout.link)) or not any(path.exists() for path in sides):
        return False
    target.disk.remove(label, sides)
    return True


def _tidy(target: Target, lock: WriteLock) -> None:
    """Take the change log out of the archive. Where somebody holds its lock it stays: swapping back removes it."""
    with suppress(sqlite3.Error):
        if changelog.is_installed(lock.connection):
            time.sleep(PASSAGE)
            remove(target, lock.connection)


def _checkpoint(target: Target, lock: WriteLock) -> None:
    """Fold the write-ahead log into the archive. While readers hold it up, its fence lives in its -wal only."""
    with target.disk.step(DiskStep.ARCHIVE_CHECKPOINT), suppress(sqlite3.Error):
        checkpoint(lock.connection)


def fold_archive(target: Target, archive: Generation) -> None:
    """Fold the write-ahead log of a file that was superseded, now that its last reader of ours is gone."""
    with (
        suppress(sqlite3.Error, SchemasyncError),
        target.disk.step(DiskStep.ARCHIVE_CHECKPOINT),
        closing(target.opener.write(archive.path, timeout=0)) as connection,
    ):
        checkpoint(connection)


def _next_number(target: Target) -> int:
    """A number above that of every fence there is."""
    fences = [state_of(target.opener, generation).fence for generation in target.layout.finished()]
    return 1 + max((closed.swap for closed in fences if closed is not None), default=0)
