"""Moving the link: the order of these few steps is what keeps every acknowledged write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress

from ..engines.sqlite import changelog, fence, versions
from ..engines.sqlite.connection import Connection, checkpoint, durably, side_files, undone, wal_of
from ..engines.sqlite.fence import Fence
from ..engines.sqlite.versions import Row
from ..errors import Code, NeedsPerson, SchemasyncError
from ..files.door import Label, reserved
from ..files.layout import At, Generation, Inode, inode_of, size_of
from ..history.record import now
from .capture import remove
from .hold import Hold, replaced
from .interrupt import Signals
from .target import Target

ROOM = 640 * 1024  # bytes: the log and its index that opening a file up needs, with the largest pages there are


def cut_over(
    target: Target,
    signals: Signals,
    held: Hold | None,
    new: Generation,
    go_forward: Callable[[], None],
    *,
    room: int = ROOM,
) -> None:
    """Fence the old file in favour of `new`, then `go_forward`: open the new one and point the link at it.

    The committed fence is the commit record of the swap: before it the old file is live and whole, after it
    only forward is left. `held` is None where there was no old file; `room` is how many bytes of disk going forward
    may take: they are had before the fence. Raises Failed or Busy with the live file untouched, or NeedsPerson where
    the swap is committed and could not be finished.
    """
    signals.defer()
    if held is None:
        go_forward()
        signals.swapped(new.name)
        return
    with reserved(target.layout.folder, room):
        _close(target, held, new)
    try:
        go_forward()
    except (sqlite3.Error, OSError, SchemasyncError) as error:
        raise NeedsPerson.of(
            Code.SWAP_UNFINISHED,
            f"the swap to {new.name} is committed, but the link could not be moved: {error}. "
            "Until it is, every write is refused and none is lost",
            "Mend what it says (a full disk, permissions), then: manage.py schemasync",
            generation=new.name,
        ) from error
    signals.swapped(new.name)
    held.over()
    _tidy(target, held)
    _checkpoint(target, held)
    clear(target, Label.CUTOVER_CLEAR)


def go_live(target: Target, new: Generation, held: Hold | None) -> None:
    """The way forward of a built generation."""
    open_up(target, new)
    point(target, new, held.inode if held is not None else None)


def _close(target: Target, held: Hold, successor: Generation) -> None:
    """Fence the held file in favour of its successor. Raises Failed where the link moved under us."""
    if not held.is_at(target.layout.link):
        raise replaced(target.layout.link)
    record = Fence(next_swap(target), successor.name, now())
    with target.door.step(Label.CUTOVER_FENCE):
        held.close_to_writers(record)


def open_up(target: Target, new: Generation) -> None:
    """Take the mark off the new file, durably: it goes before the link moves, so no live file ever bore one."""
    with (
        target.door.step(Label.CUTOVER_UNMARK),
        closing(target.opener.write(new.path, timeout=target.wait)) as connection,
        durably(connection),
    ):
        fence.unmark(connection)


def reopen(target: Target, old: Generation, rows: tuple[Row, ...]) -> None:
    """Open a fenced generation again, with the history that led to this: one transaction."""
    with (
        target.door.step(Label.CUTOVER_UNFENCE),
        closing(target.opener.write(old.path, timeout=target.wait)) as connection,
        durably(connection),
    ):
        _clean(connection, rows)


def try_to_reopen(target: Target, old: Generation, rows: tuple[Row, ...]) -> None:
    """Do what `reopen` will do, and undo it: what would go wrong goes wrong here, while the live file is still open."""
    with closing(target.opener.write(old.path, timeout=target.wait)) as connection, undone(connection):
        _clean(connection, rows)


def _clean(connection: Connection, rows: tuple[Row, ...]) -> None:
    """An archive as it must be when it is live again: open, without logs, with the history that led here."""
    fence.lower_fence(connection)
    changelog.remove(connection)
    versions.replace(connection, rows)


def point(target: Target, generation: Generation, over: Inode | None = None) -> None:
    """One rename(2) of a new link over what stands at the path; then the folder is synced.

    `over`: the inode of what was closed there. Another file is somebody else's, and stays: raises NeedsPerson.
    """
    layout = target.layout
    if layout.at() in (At.PLAIN, At.OTHER, At.FOREIGN) and inode_of(layout.link) != over:
        raise NeedsPerson.of(
            Code.CHANGED_MEANWHILE,
            f"{layout.link} is {layout.at().value} that somebody put there during the swap; it was left as it is",
            f"All rows are in {generation.path}. Move {layout.link} away, then: manage.py schemasync",
        )
    scratch = layout.folder / "link"
    target.door.symlink(Label.CUTOVER_SYMLINK, scratch, layout.target(generation))
    target.door.replace(Label.CUTOVER_LINK, scratch, layout.link)
    target.door.sync(Label.CUTOVER_FOLDER, layout.link.parent)


def clear(target: Target, label: Label) -> bool:
    """Remove the log of the plain file that stood where the link is: a plain file that is put there one day would
    have it replayed into it. True where there was one.

    Only an empty log, which is folded into its file: in another one stands the fence, and a connection that was open
    before the swap and never read would find its file without a name, without a log, and open to writes.
    """
    sides = side_files(target.layout.link)
    if size_of(wal_of(target.layout.link)) or not any(path.exists() for path in sides):
        return False
    target.door.remove(label, sides)
    return True


def _tidy(target: Target, held: Hold) -> None:
    """Take the change log out of the archive. Where somebody holds its lock it stays: swapping back removes it."""
    with suppress(sqlite3.Error):
        if changelog.is_installed(held.connection):
            remove(target, held.connection)


def _checkpoint(target: Target, held: Hold) -> None:
    """Fold the write-ahead log into the archive. While readers hold it up, its fence lives in its -wal only."""
    with target.door.step(Label.ARCHIVE_CHECKPOINT), suppress(sqlite3.Error):
        checkpoint(held.connection)


def fold_archive(target: Target, archive: Generation) -> None:
    """Fold the write-ahead log of a file that was superseded, now that its last reader of ours is gone."""
    with (
        suppress(sqlite3.Error, SchemasyncError),
        target.door.step(Label.ARCHIVE_CHECKPOINT),
        closing(target.opener.write(archive.path, timeout=0)) as connection,
    ):
        checkpoint(connection)


def next_swap(target: Target) -> int:
    """A number above that of every fence there is."""
    highest = 0
    for generation in target.layout.generations():
        if generation.building:
            continue
        try:
            with closing(target.opener.read(generation.path)) as connection:
                found = fence.read_fence(connection)
        except (SchemasyncError, sqlite3.Error):
            continue  # a damaged archive must not stop the next swap; there is no going back to it anyway
        highest = max(highest, found.swap if found else 0)
    return highest + 1
