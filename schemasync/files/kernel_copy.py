"""Copies a database in WAL mode by the kernel, at the speed of `cp`, while others write to it.

Another process does it (`copy_process.py`), because a process that opens and closes a file which it also has open in
SQLite drops SQLite's locks (https://www.sqlite.org/howtocorrupt.html).

Why the copy equals a snapshot that the caller holds in SQLite. The end of the log, frame M, is noted while the caller
holds the write lock, and the caller begins its snapshot before the lock is released: the snapshot is the file with the
frames 1 to M (https://www.sqlite.org/walformat.html#the_wal_index_file_format). There are two ways in which SQLite
holds it:

- The reader has a read mark above 0. Nobody resets the log, so the frames 1 to M stay. A checkpoint copies at most
  the frames up to the mark, which is at most M: it changes only pages of which the log has a frame. The copy takes all
  pages from the file, in whatever state, and then lays the frames 1 to M over them.
- The reader has read mark 0: all frames were in the file when the snapshot began. No checkpoint writes to the file as
  long as the mark is held, so the file is the snapshot. A writer may reset the log, and its frames are newer. It writes
  the new header, with other salts, before the first frame (https://www.sqlite.org/fileformat2.html#walformat). So
  frames count only if the header has the noted salts after they were read.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from .interpreter import interpreter
from .layout import Inode, size_of
from .mounts import file_system

FILE_SYSTEMS = frozenset(["ext4", "xfs", "btrfs", "tmpfs"])
"""File systems on which such copies were tested. With OpenZFS 2.2.0 to 2.2.3, copies of files that had been written a
moment before had zeros in some places: https://github.com/openzfs/zfs/issues/15526"""

LARGE = 16_000_000  # bytes: SQLite's own copy of a smaller file takes less time than the start of a process
PATIENCE = 1.0  # seconds for a process that starts and opens four files
NOTE_PATIENCE = 0.2  # seconds for reading a header, while writers wait
CHILD = Path(__file__).with_name("copy_process.py")


class KernelCopy:
    """A process that copies a database, or none if that is not possible: then `copy` returns False."""

    def __init__(self, target: Path, process: subprocess.Popen[bytes] | None) -> None:
        self._target, self._process = target, process

    @property
    def is_possible(self) -> bool:
        """False if the process gave up or could not start."""
        return self._process is not None

    def note_end(self) -> None:
        """Note the end of the log. The caller holds the write lock, and releases it when its snapshot has begun."""
        if self._process is not None and self._reply("note", NOTE_PATIENCE) != "noted":
            self.give_up()

    def copy(self, pages: int, page_size: int, tick: Callable[[int, int], None]) -> bool:
        """Fill the target with the snapshot, which has `pages` pages; call `tick` with (done, total) pages.

        Return False, with an empty target, if the kernel or the file system cannot do it, or the files are not as the
        manual describes them.
        """
        if self._process is None:
            return False
        reply = self._reply(f"copy {pages} {page_size}", None)
        while reply.isdigit():
            tick(int(reply) // page_size, pages)
            reply = self._line(None)
        if reply != "copied":
            self.give_up()
            os.truncate(self._target, 0)
        return self.is_possible

    def give_up(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _reply(self, request: str, patience: float | None) -> str:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{request}\n".encode())
            self._process.stdin.flush()
        except BrokenPipeError:
            return ""
        return self._line(patience)

    def _line(self, patience: float | None) -> str:
        """Return the next line of the process; '' if it has ended, or sends nothing for `patience` seconds."""
        assert self._process is not None
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], patience)[0]:
            return ""
        return self._process.stdout.readline().decode().strip()


@contextmanager
def kernel_copy(source: Path, inode: Inode | None, target: Path) -> Iterator[KernelCopy]:
    """Yield a process that has `source`, its log and the empty file `target` open, until the block ends.

    `source` is the file `inode`, and this process has it open in SQLite, so that its log stays.
    """
    copying = KernelCopy(target, _started(source, target) if _is_worth_it(source, target) else None)
    try:
        if copying.is_possible and copying._line(PATIENCE) != f"open {_text(inode)}":
            copying.give_up()
        yield copying
    finally:
        copying.give_up()


def _is_worth_it(source: Path, target: Path) -> bool:
    return size_of(source) >= LARGE and {file_system(source), file_system(target)} <= FILE_SYSTEMS


def _text(inode: Inode | None) -> str:
    return " ".join(map(str, inode)) if inode is not None else ""


def _started(source: Path, target: Path) -> subprocess.Popen[bytes] | None:
    python = interpreter()
    if not hasattr(os, "copy_file_range") or python is None:  # only Linux has it
        return None
    with contextlib.suppress(OSError):
        return subprocess.Popen(
            [python, "-I", "-S", str(CHILD), str(source.resolve()), str(target)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,  # select() does not see lines that are in a buffer
        )
    return None
