"""Finds the processes that read and write a database in WAL mode, from the locks that the Linux kernel lists.

SQLite locks single bytes of the file `-shm`: https://www.sqlite.org/walformat.html#wal_locks. This module does not open
that file: closing it would drop the locks of this process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from .connection import SHM_SUFFIX

LOCKS = Path("/proc/locks")  # https://man7.org/linux/man-pages/man5/proc_locks.5.html
WRITE, READS = 120, range(123, 128)  # bytes of -shm
LONGEST = 100  # characters of a command
WORDS = 3  # of a command line: the interpreter, manage.py, and the command


@dataclass(frozen=True, slots=True)
class Process:
    """A process that has the database open. `command`: the first words of its command line, without its options; ''
    for a process of another user that hides it."""

    pid: int
    command: str


@dataclass(frozen=True, slots=True)
class Holders:
    """The processes with an open transaction: the `writer`, and the `readers`. They may include this process."""

    writer: Process | None = None
    readers: tuple[Process, ...] = ()


def holders(path: Path) -> Holders | None:
    """Return the holders of locks on the database file at `path`; None if the system does not list its locks."""
    try:
        status = path.with_name(path.name + SHM_SUFFIX).stat()
    except FileNotFoundError:
        return Holders()  # nobody has it open
    except OSError:
        return None
    try:
        lines = LOCKS.read_text("ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = list(_locks(lines, (os.major(status.st_dev), os.minor(status.st_dev), status.st_ino)))
    writers = [pid for pid, locked in found if WRITE in locked]
    readers = {pid for pid, locked in found for byte in READS if byte in locked}
    return Holders(process_of(writers[0]) if writers else None, tuple(process_of(pid) for pid in sorted(readers)))


def _locks(lines: list[str], file: tuple[int, int, int]) -> Iterator[tuple[int, range]]:
    """Yield (process, bytes) of each lock on a file. A line that begins with an arrow stands for a waiting process, and
    is skipped."""
    for line in lines:
        words = line.split()
        if len(words) != 8 or words[1] not in ("POSIX", "OFDLCK"):
            continue
        _, _, _, _, pid, where, first, last = words
        major, minor, inode = where.split(":")
        if (int(major, 16), int(minor, 16), int(inode)) == file and last != "EOF":
            yield int(pid), range(int(first), int(last) + 1)


def process_of(pid: int) -> Process:
    """Return a process with its command, as the system reports it."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return Process(pid, "")
    words = list(takewhile(lambda word: word != b"-c", words[:WORDS]))  # the text of a program follows it
    named = [Path(os.fsdecode(word)).name for word in words if word and not word.startswith(b"-")]
    return Process(pid, " ".join(named)[:LONGEST].encode("utf-8", "replace").decode())
