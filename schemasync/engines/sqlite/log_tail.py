"""Follows a file that others write, by its write-ahead log: while a reader holds a state, the log keeps all frames.

A copy of the file that is made after that, and the whole log up to a commit, are the file as of that commit: frames are
images of pages, so it does no harm if the copy has some of them already.
https://www.sqlite.org/walformat.html#wal_locks
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...errors import Code, Failed, Refused
from ...history.row import HistoryRow
from . import history_table
from .checkpoint import checkpoint, checkpoint_some
from .connection import Connection, Opener, journal_mode, wal_of
from .log_parts import FRAME, HEADER
from .transactions import commit_durably, snapshot

MOST = 1 << 24  # bytes in memory at once
TRIES, PAUSE = 200, 0.005  # attempts to read the length of the log while somebody else makes a checkpoint


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a log from `offset` on. `end`: the number of bytes in the log, which has `frames` after its `header`.
    `is_last`: True if the part reaches the end."""

    offset: int
    data: bytes
    end: int
    frames: int
    header: bytes

    @property
    def is_last(self) -> bool:
        return self.offset + len(self.data) >= self.end


@dataclass(slots=True)
class LogTail:
    """The log of a file at `path`. `sent`: the number of its bytes that were taken so far. `header`: its header at that
    time."""

    path: Path
    connection: Connection
    page_size: int
    sent: int = 0
    header: bytes = b""

    def frames(self) -> int:
        """Return the number of frames in the log, up to its last commit. Raises Failed if it cannot be found out."""
        for _ in range(TRIES):
            frames, _ = checkpoint_some(self.connection)
            if frames >= 0:
                return frames
            time.sleep(PAUSE)
        raise Failed.of(
            Code.DATABASE_LOCKED, f"the log of {self.path} is in a checkpoint all the time", "Run it again."
        )

    def read(self) -> Part:
        """Return the commits since the part that was taken last, at most 16 MB. Under the write lock nothing is added
        meanwhile."""
        while True:
            header, frames = self._stable()
            end = HEADER + frames * (FRAME + self.page_size) if frames else 0
            begin = self.sent if header == self.header else 0
            data = self._bytes(begin, min(end, begin + MOST))
            if header != self._bytes(0, HEADER):
                continue  # the log began again while it was read
            if len(data) != min(end, begin + MOST) - begin:
                raise Failed.of(Code.SQLITE_ERROR, f"the log of {self.path} is shorter than it says", "Run it again.")
            return Part(begin, data, end, frames, header)

    def take(self, part: Part) -> None:
        """Let the next call of `read` begin after this part."""
        self.sent, self.header = part.offset + len(part.data), part.header

    def _stable(self) -> tuple[bytes, int]:
        """Return the header, and the number of frames after it. The log begins again at most once: if all of it was in
        the file when the reader began."""
        while True:
            before = self._bytes(0, HEADER)
            frames = self.frames()
            if before == self._bytes(0, HEADER):
                return before, frames

    def _bytes(self, begin: int, end: int) -> bytes:
        """Return the bytes from `begin` to `end`, or as many of them as exist."""
        if begin >= end:
            return b""
        with wal_of(self.path).open("rb") as file:  # SQLite has no lock on this file that closing it could release
            file.seek(begin)
            return file.read(end - begin)


@contextmanager
def followed(opener: Opener, path: Path) -> Iterator[LogTail]:
    """A block during which the log of a file keeps all commits. Raises Refused for a file without a log."""
    with closing(opener.read(path)) as reader, closing(opener.write(path)) as connection:
        if journal_mode(connection) != "wal":
            raise Refused.of(
                Code.CANNOT_FOLLOW_WRITES,
                f"{path.name} is not in WAL mode",
                f"sqlite3 {path} 'PRAGMA journal_mode=WAL'",
            )
        ((page_size,),) = connection.execute("PRAGMA page_size").fetchall()
        with snapshot(reader):
            yield LogTail(path, connection, page_size)


def laid_over(opener: Opener, path: Path, frames: int) -> HistoryRow | None:
    """Copy the log beside a copy into it, durably; return the newest row of its history. Raises Failed unless SQLite
    accepts exactly so many frames."""
    with closing(opener.write(path)) as connection:
        commit_durably(connection)
        found, _ = checkpoint_some(connection)
        if found != frames:
            raise Failed.of(
                Code.VERIFY_DIFFERS,
                f"the log of the copy has {found:,} valid frames, and that of the file {frames:,}",
                "Nothing was changed where the tenant is. Run it again.",
            )
        checkpoint(connection)
        rest, _ = checkpoint_some(connection)
        if rest != 0:
            raise Failed.of(Code.VERIFY_DIFFERS, "the log could not be laid over the copy", "Run it again.")
        return history_table.newest(connection)
