"""Finds out whether a reader has its transaction open for longer than some seconds: by waiting for as long.

A checkpoint stops at what the oldest reader sees (https://www.sqlite.org/wal.html#ckpt). What was in the log at the
beginning, and is not copied into the file at the end, is held back by a reader that was there all the time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from .checkpoint import checkpoint_some
from .connection import Connection, Opener, wal_of

POLL = 0.05  # seconds between two looks
LOOKS = 100  # while another checkpoint is at work: a few seconds
SALTS = slice(
    16, 24
)  # bytes of the log that change when it is reset: https://www.sqlite.org/fileformat2.html#walformat


def is_held_back(opener: Opener, path: Path, seconds: float, on_wait: Callable[[], None]) -> bool:
    """True if a reader has its transaction open for longer than `seconds`. Waits for as long, if one may be so old, and
    calls `on_wait` first.

    A reader that has seen all of the log holds nothing back, and is not found. Nor is one of a file that is not in WAL
    mode: there it keeps writers waiting.
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
    """How many frames the log has, and how many of them are in the file. Looks again while another connection makes a
    checkpoint; -1 and -1 if that does not end."""
    for _ in range(LOOKS):
        if (found := checkpoint_some(connection)) != (-1, -1):
            return found
        time.sleep(POLL)
    return -1, -1


def _salts(path: Path) -> bytes:
    """SQLite locks no byte of the log, so it may be opened and closed: https://www.sqlite.org/walformat.html#wal_locks."""
    try:
        with wal_of(path).open("rb") as file:
            return file.read(SALTS.stop)[SALTS]
    except OSError:
        return b""
