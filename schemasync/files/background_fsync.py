"""Syncs a growing file to the disk while it is written, in a separate process.

Otherwise everything is written at once at the end, and a file system with a journal makes all other users of the disk
wait: a writer of the live database waited 0.25 s for the fsync of 400 MB.

Another process does it, because a process that opens and closes a file which it also has open in SQLite drops SQLite's
locks (https://www.sqlite.org/howtocorrupt.html).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .interpreter import interpreter

# It ends when its standard input is closed: with the block, or with this process.
_CHILD = """
import os, select, sys
file = os.open(sys.argv[1], os.O_RDONLY)
sync = getattr(os, "fdatasync", os.fsync)
while not select.select([0], [], [], 0.05)[0]:
    sync(file)
"""


LARGE = 16_000_000  # bytes: a smaller file is synced within milliseconds


@contextmanager
def synced_in_background(path: Path, size: int) -> Iterator[int | None]:
    """Sync the file, which will have about `size` bytes, continuously within the block.

    Yields the id of the process that does it. If the file is small, or no process is available, it yields None, and the
    file is synced at the end.
    """
    python = interpreter()
    if size < LARGE or python is None:
        yield None
        return
    try:
        child = subprocess.Popen(
            [python, "-I", "-S", "-c", _CHILD, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
    except OSError:
        yield None
        return
    try:
        yield child.pid
    finally:
        child.communicate()
