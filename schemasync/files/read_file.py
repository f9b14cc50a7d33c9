"""Reads a file in one consistent state, if it is a regular file."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path

LIMIT = 16 * 1024 * 1024  # bytes; a parser refuses a longer file, and reports it
ATTEMPTS = 5
_PAUSE = 0.02  # seconds: by then an editor that writes in place is done

_NO_FILE = "it is a pipe, a device or a socket, and not a file"


def read_file(path: Path) -> bytes:
    """Return the bytes of a file, at most one more than LIMIT.

    Raises OSError: also for a pipe, a device or a socket, whose reading might never end, and for a file that keeps
    changing while it is read.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE)
        data = _read_once(path)
        if data is not None:
            return data
    raise OSError(errno.EAGAIN, "it is being written all the time", os.fspath(path))


def _read_once(path: Path) -> bytes | None:
    """The bytes; None if they changed meanwhile."""
    _check(path.stat(), path)  # opening a device can have effects
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        before = os.fstat(file.fileno())
        _check(before, path)
        data = file.read(LIMIT + 1)
        return data if _moment(before) == _moment(os.fstat(file.fileno())) else None


def _check(status: os.stat_result, path: Path) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(path))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, _NO_FILE, os.fspath(path))


def _moment(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns
