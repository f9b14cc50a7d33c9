"""Checks whether a reader keeps its transaction open for longer than some seconds, by waiting that long.

A checkpoint stops at the state that the oldest reader sees (https://www.sqlite.org/wal.html#ckpt). Frames that were in
the log at the beginning, and are not copied into the file at the end, are held back by a reader that was there all the
time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .checkpoint import checkpoint_some
from .connection import Connection, Opener, wal_of

POLL = 0.05  # seconds between two checks
LOOKS = 100  # attempts while another checkpoint is at work: a few seconds
SALTS = slice(
    16, 24
)  # bytes of the log that change when it is reset: https://www.sqlite.org/fileformat2.html#walformat


def is_held_back(opener: Opener, path: Path, seconds: float, on_wait: Callable[[], None]) -> bool:
    """Return True if a reader has kept its transaction open for longer than `seconds`. Waits that long if a reader may
    be so old, and calls `on_wait` before.

    A reader that has seen all of the log holds nothing back, and is not found. Nor is a reader of a file that is not in
    WAL mode: there it blocks writers.
    """
    with closing(opener.write(path, timeout=0)) as connection:
        salts, deadline = _salts(path), time.monotonic() + seconds
        begun, copied = _look(connection)
        if copied < begun:
            on_wait()
        while 0 <= copied < begun and _salts(path) == salts:
            left = deadline - time.monotonic()
            if left <= 0:
                return True
            time.sleep(min(POLL, left))
            _, copied = _look(connection)
    return False


def _look(connection: Connection) -> tuple[int, int]:
    """Return the number of frames in the log, and how many of them are in the file. Tries again while another
    connection makes a checkpoint; -1 and -1 if that does not end."""
    for _ in range(LOOKS):
        if (found := checkpoint_some(connection)) != (-1, -1):
            return found
        time.sleep(POLL)
    return -1, -1


def _salts(path: Path) -> bytes:
    """Return the salts of the log. SQLite locks no byte of the log, so this process may open and close it:
    https://www.sqlite.org/walformat.html#wal_locks."""
    try:
        with wal_of(path).open("rb") as file:
            return file.read(SALTS.stop)[SALTS]
    except OSError:
        return b""
