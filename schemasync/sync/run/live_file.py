"""Opens the file at the path of a database, and raises an error if no file there is open to writers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from ...engines.sqlite.connection import Connection, Opener
from ...engines.sqlite.fence import Fence, read_fence
from ...errors import Code, Refused
from ...files.layout import Generation, Inode, Layout, PathKind, inode_of
from ...files.lock import is_held
from .. import misplaced

SWAP_TIME = 1.0  # seconds that a reader waits for a run between its fence and the move of the link: milliseconds
POLL = 0.005  # seconds


@dataclass(frozen=True, slots=True)
class LiveFile:
    """An open file: `connection` is for reading only; `generation` is None for a plain file."""

    connection: Connection
    path: Path
    generation: Generation | None
    inode: Inode | None

    def fence(self) -> Fence | None:
        """Return the fence of a closed file, and close its connection; None for an open file."""
        found = None
        try:
            found = read_fence(self.connection)
        except BaseException:
            self.connection.close()
            raise
        if found is not None:
            self.connection.close()
        return found


def open_live(layout: Layout, opener: Opener, *, parsed: bool = False) -> LiveFile | None:
    """Open the file at the link for reading; None without one. `parsed`: see `live_database.read`. Raises Refused or
    NeedsPerson.

    While a run moves the link, this waits for it. A closed file that no run is at work on is opened a second time: a
    whole swap can take place between the look at the link and the look at the fence.
    """
    waited, before = 0.0, None
    while True:
        file = _opened(layout, opener, parsed=parsed)
        closed = None if file is None else file.fence()
        if file is None or closed is None:
            return file
        now, is_at_work = (file.inode, closed), closed.moved_to is None and is_held(layout.lock)
        if is_at_work and waited < SWAP_TIME:
            time.sleep(POLL)
            waited += POLL
        elif is_at_work or now == before:
            raise _closed(file.path, layout, opener, closed, is_at_work=is_at_work)
        before = None if is_at_work else now


def _opened(layout: Layout, opener: Opener, *, parsed: bool) -> LiveFile | None:
    at = layout.path_kind()
    if at is PathKind.NOTHING:
        return None
    path, generation = _what(layout, at)
    inode = inode_of(path)
    return LiveFile(opener.read_parsed(path) if parsed else opener.read(path), path, generation, inode)


def _what(layout: Layout, at: PathKind) -> tuple[Path, Generation | None]:
    match at:
        case PathKind.PLAIN:
            return layout.link, None
        case PathKind.GENERATION:
            generation = layout.live()
            assert generation is not None
            return generation.path, generation
        case PathKind.DANGLING:
            raise misplaced.dangling(layout)
        case PathKind.OTHER if layout.link.is_dir():
            raise Refused.of(
                Code.FOREIGN_LINK,
                f"{layout.link} is a folder",
                f"Set DATABASES NAME to the path of a file, for example {layout.link / 'db.sqlite3'}",
            )
        case _:
            raise Refused.of(
                Code.FOREIGN_LINK,
                f"{layout.link} is {at.value}, which is not ours",
                "Set DATABASES NAME to the path of the file itself, or replace the link by the file.",
            )


def moved(layout: Layout, closed: Fence) -> Refused:
    """Return the error for a database that has moved to another engine, or to another host."""
    return Refused.of(
        Code.MOVED,
        f"the database at {layout.link} has moved to {closed.moved_to}, at {closed.at}; its file takes no writes",
        "The site opens it there once it is reloaded, if DATABASES asks schemasync.databases.current.\n"
        "To go back to the file: manage.py schemasync move --undo\n"
        "For a tenant that has moved to another host: manage.py schemasync tenants move KEY --to HOST, there or here",
        moved_to=closed.moved_to,
    )


def _closed(path: Path, layout: Layout, opener: Opener, closed: Fence, *, is_at_work: bool) -> Refused:
    """Return the error for a closed file: its database has moved, a run is moving the link at this moment, or the run
    was interrupted, and a command that writes finishes the swap. Raises NeedsPerson for a file that an earlier swap
    closed."""
    if closed.moved_to is not None:
        return moved(layout, closed)
    if not is_at_work:
        misplaced.check_last(layout, opener, closed)
    return Refused.of(
        Code.SWAP_UNFINISHED,
        f"{path.name} was superseded by {closed.successor}, and the run that did it "
        + ("has not moved the link yet" if is_at_work else "was interrupted"),
        "Try again in a moment." if is_at_work else "manage.py schemasync finishes it.",
        successor=closed.successor,
    )
