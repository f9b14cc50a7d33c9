"""Checkpoints of a database that others write at the same time, safe on every SQLite.

SQLite 3.7.0 to 3.51.2 can lose a committed transaction if a checkpoint finds the whole write-ahead log in the file, and
a writer resets the log before the checkpoint goes on: it then marks frames of the new log as copied that it never
copied (https://www.sqlite.org/wal.html#walresetbug). So a second connection holds a read transaction during each
checkpoint. If it reads from the log, no writer can reset the log. If it reads from the file alone, because the whole
log is there, no checkpoint can copy anything (https://www.sqlite.org/walformat.html#wal_locks).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from .connection import Connection, journal_mode, main_file, open_again, schema_version
from .transactions import commit_durably, transaction

ATTEMPTS = 2  # the reader that prevents a reset of the log by others also prevents it in the first attempt


@contextmanager
def durably(connection: Connection) -> Iterator[None]:
    """A transaction that is in the database file itself, and synced, at the end of the block; if a reader holds an
    older state, it is in the log, and synced."""
    commit_durably(connection)
    with transaction(connection):
        yield
    checkpoint(connection)


def checkpoint(connection: Connection) -> None:
    """Copy the write-ahead log into the file and empty it, as far as readers and writers allow.

    Does not wait. Raises sqlite3.OperationalError if the file cannot be opened or written.
    """
    if not _has_log(connection):
        return
    connection.execute("PRAGMA busy_timeout=0").fetchone()
    for _ in range(ATTEMPTS):
        if _attempt(connection, "TRUNCATE") == (0, 0):
            return


def checkpoint_some(connection: Connection) -> tuple[int, int]:
    """Copy as much of the log into the file as readers and writers allow, without waiting.

    Return the number of frames in the log, and how many of them are in the file; -1 and -1 if another connection is
    making a checkpoint, or if there is no log.
    """
    return _attempt(connection, "PASSIVE") if _has_log(connection) else (-1, -1)


def _attempt(connection: Connection, mode: str) -> tuple[int, int]:
    try:
        with _no_reset(connection):
            _, frames, copied = connection.execute(f"PRAGMA main.wal_checkpoint({mode})").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return -1, -1
    return int(frames), int(copied)


@contextmanager
def _no_reset(connection: Connection) -> Iterator[None]:
    """A block in which either nobody resets the log, or no checkpoint copies anything."""
    with closing(open_again(connection)) as reader:
        reader.execute("BEGIN")
        schema_version(reader)
        yield
        reader.execute("ROLLBACK")


def _has_log(connection: Connection) -> bool:
    return main_file(connection) != "" and journal_mode(connection) == "wal"
