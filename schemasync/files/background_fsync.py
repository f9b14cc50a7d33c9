"""Syncs a growing file to the disk while it is written, in a process of its own.

What is left to the end goes out at once then, and a file system with a journal lets everybody else who needs the disk
wait for it: a writer of the live database next door waited 0.25 s for the fsync of 400 MB.

It is done by another process: one that opens and closes a file which this process has open in SQLite would drop
SQLite's locks (https://www.sqlite.org/howtocorrupt.html).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# It ends when its standard input does: with the block, or with this process.
_CHILD = """
import os, select, sys
file = os.open(sys.argv[1], os.O_RDONLY)
sync = getattr(os, "fdatasync", os.fsync)
while not select.select([0], [], [], 0.05)[0]:
    sync(file)
"""


LARGE = 16_000_000  # bytes: a smaller file goes out in some milliseconds


@contextmanager
def trickled(path: Path, size: int) -> Iterator[int | None]:
    """Write the file, which will have about that size in bytes, out all the time within the block.

    Yields the number of the process that does it. Where the file is small, or no process is available, there is none,
    and it is done at the end.
    """
    if size < LARGE or not Path(sys.executable).name.startswith("python"):  # embedded, it is the server's own program
        yield None
        return
    try:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _CHILD, str(path)],
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
