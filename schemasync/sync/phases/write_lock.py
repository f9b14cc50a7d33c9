"""Holds the write lock of the live file (BEGIN IMMEDIATE) until the link has moved."""

from __future__ import annotations

import gc
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ...engines.sqlite.connection import Connection, Opener
from ...engines.sqlite.fence import Fence, raise_fence
from ...engines.sqlite.sqlite_errors import translate
from ...engines.sqlite.transactions import commit, hold_writers, let_go
from ...errors import Busy, Code, Failed, SchemasyncError
from ...files.layout import Inode, inode_of
from ..run.target import Target

_RETRY = 0.02  # seconds between tries to commit past the readers of a database that is not in WAL mode


@dataclass(frozen=True, slots=True)
class LinkState:
    """The object at the path before a swap: a link to the file `inode`, or that file itself."""

    inode: Inode
    is_plain: bool


@dataclass(slots=True)
class Commit:
    """Whether a swap is committed: its fence is durable, and the swap can only go forward."""

    is_done: bool = False


@dataclass(slots=True)
class WriteLock:
    """The write lock on the file that will be superseded. `since`: monotonic seconds when it was acquired; `until`:
    when writers could go on. `place`: the kind of object at the path. `prepared_at`: the schema_version with which the
    fence was complete, if it was prepared."""

    connection: Connection
    path: Path
    wait: float
    place: LinkState
    since: float = field(default_factory=time.monotonic)
    until: float | None = None
    prepared_at: int | None = None

    @property
    def seconds(self) -> float:
        """The seconds that writers have waited so far."""
        return (time.monotonic() if self.until is None else self.until) - self.since

    def stop_clock(self) -> None:
        """Stop counting: writers find the new file from now on, and no longer wait."""
        self.until = time.monotonic()

    def is_at(self, link: Path) -> bool:
        """Return True if `link` still opens the locked file."""
        return inode_of(link) == self.place.inode

    def fence(self, record: Fence, commit_record: Commit) -> None:
        """Fence the file and commit, which commits the swap. Raises Busy with nothing changed."""
        raise_fence(self.connection, record, self.prepared_at)
        self.commit()
        commit_record.is_done = True

    def commit(self) -> None:
        """Commit the transaction. Raises Busy with nothing changed."""
        deadline = time.monotonic() + self.wait
        while True:
            try:
                commit(self.connection)
            except sqlite3.OperationalError as error:
                # readers of a database with a rollback journal delay the commit; the transaction stays open meanwhile
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise translate(error, self.path) from error
                time.sleep(_RETRY)
            else:
                return


@contextmanager
def write_lock(
    target: Target, path: Path, inode: Inode | None = None, *, wait: float | None = None
) -> Iterator[WriteLock]:
    """Hold the write lock of `path`, which is the file `inode`. Raises Busy if the lock is not available within `wait`
    seconds, by default `target.wait`, and Failed if another file is there now."""
    connection = _opened(target.opener, path, target.wait if wait is None else wait)
    try:
        found = inode_of(path)
        if found is None or inode not in (None, found):
            raise replaced(path)
        yield WriteLock(connection, path, target.wait, LinkState(found, is_plain=path == target.layout.link))
    finally:
        let_go(connection)
        connection.close()


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Disable Python's garbage collection in a block of milliseconds: with a thousand tables it visits so many objects
    that writers would wait 50 to 180 ms longer."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def brief_write_lock(
    target: Target, path: Path, inode: Inode | None = None, *, wait: float | None = None
) -> Iterator[WriteLock]:
    """Hold the write lock for a swap alone: a few milliseconds, without garbage collection."""
    with without_garbage_collection(), write_lock(target, path, inode, wait=wait) as lock:
        yield lock


def replaced(path: Path) -> SchemasyncError:
    """Return the error for a file that somebody replaced during this run."""
    return Failed.of(
        Code.CHANGED_DURING_RUN,
        f"{path} was replaced during this run",
        "Find out who replaced it, then run again.",
    )


def _opened(opener: Opener, path: Path, wait: float) -> Connection:
    connection = opener.write(path, timeout=wait)
    try:
        hold_writers(connection)
    except sqlite3.OperationalError as error:
        connection.close()
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            raise Busy.of(
                Code.DATABASE_LOCKED,
                f"a writer held {path.name} for all of {wait:g} s",
                "End its transaction, or use a longer --wait SECONDS.",
            ) from error
        raise translate(error, path) from error
    return connection
