"""The process of `kernel_copy`: python copy_process.py SOURCE TARGET. It imports nothing of this package.

It prints `open DEVICE INODE`, then obeys lines of its standard input: `note` records the end of the log, and `copy
PAGES PAGE_SIZE` copies, printing the number of bytes done. The replies are `noted` and `copied`. The process ends on
any doubt, and when its standard input is closed, with its parent.

The layouts are those of https://www.sqlite.org/walformat.html and https://www.sqlite.org/fileformat2.html.
"""

from __future__ import annotations

import os
import select
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fcntl import ioctl

CHUNK = 32 << 20  # bytes between two reports of progress
FRAMES = 256  # frames that are read at once
FICLONE = 0x40049409  # https://man7.org/linux/man-pages/man2/ioctl_ficlonerange.2.html

WAL_INDEX_VERSION = 3007000
WAL_INDEX_HEADER = struct.Struct("=III BBH II 8s 8s 8s")  # in the byte order of the machine; the salts as in the log
WAL_HEADER, FRAME_HEADER = 32, 24
SALTS = slice(16, 24)  # in the header of the log
FRAME_SALTS = slice(8, 16)
VERSIONS = 18  # offset in the header of a database: two bytes; the next is the number of reserved bytes of each page


class Doubt(Exception):
    """The files do not meet the conditions for this way of copying."""


@dataclass(frozen=True, slots=True)
class End:
    """The last committed frame of the log, and the salts of the log."""

    frame: int
    salts: bytes


@dataclass(frozen=True, slots=True)
class Files:
    """Descriptors of the database, its log, its wal-index, and the copy."""

    main: int
    log: int
    index: int
    copy: int


def end_of_log(index: int) -> End:
    """Read the header of the wal-index, which does not change while a writer's lock is held."""
    size = WAL_INDEX_HEADER.size
    twice = os.pread(index, 2 * size, 0)
    first = twice[:size]
    if len(twice) != 2 * size or twice[size:] != first:
        raise Doubt("the two headers of the wal-index differ")
    version, _, _, is_initialized, _, _, frame, _, _, salts, _ = WAL_INDEX_HEADER.unpack(first)
    if version != WAL_INDEX_VERSION or not is_initialized:
        raise Doubt("the wal-index has another version")
    return End(frame, salts)


def copy_main(files: Files, size: int) -> Iterator[int]:
    """Copy the file up to `size` bytes, or to its end if it is shorter; yield the number of bytes done."""
    done = 0
    try:
        ioctl(files.copy, FICLONE, files.main)
        done = min(os.fstat(files.copy).st_size, size)
    except OSError:  # the file system does not share blocks
        while done < size and (some := _some(files, done, size)):
            done += some
            yield done
    yield done


def _some(files: Files, done: int, size: int) -> int:
    return os.copy_file_range(files.main, files.copy, min(CHUNK, size - done), done, done)


def lay_over(files: Files, end: End, pages: int, page_size: int) -> set[int]:
    """Write the frames of the log up to its end over the pages of the copy; return the numbers of these pages.

    Writes none if the log was reset before. Raises Doubt if that happens meanwhile.
    """
    laid: set[int] = set()
    if end.frame == 0 or _salts(files.log) != end.salts:
        return laid
    for frame in frames(files.log, end, page_size):
        number = int.from_bytes(frame[:4], "big")
        if number <= pages:
            os.pwrite(files.copy, frame[FRAME_HEADER:], (number - 1) * page_size)
            laid.add(number)
    if _salts(files.log) != end.salts:
        raise Doubt("the log was reset while it was read")
    return laid


def frames(log: int, end: End, page_size: int) -> Iterator[bytes]:
    """Yield each frame up to the end of the log, with its header."""
    size = FRAME_HEADER + page_size
    for first in range(0, end.frame, FRAMES):
        some = os.pread(log, min(FRAMES, end.frame - first) * size, WAL_HEADER + first * size)
        for start in range(0, min(FRAMES, end.frame - first) * size, size):
            frame = some[start : start + size]
            if len(frame) != size or frame[FRAME_SALTS] != end.salts:
                raise Doubt("a frame is missing, or of another log")
            yield frame


def _salts(log: int) -> bytes:
    return os.pread(log, WAL_HEADER, 0)[SALTS]


def copy(files: Files, end: End, pages: int, page_size: int) -> Iterator[int]:
    """Make the copy; yield the number of bytes done."""
    if os.pread(files.main, 3, VERSIONS) != b"\2\2\0":
        raise Doubt("the file is not in WAL mode, or an extension of SQLite computes bytes of each page")
    done = 0
    for done in copy_main(files, pages * page_size):
        yield done
    laid = lay_over(files, end, pages, page_size)
    if not laid.issuperset(range(done // page_size + 1, pages + 1)):
        raise Doubt("a page is neither in the file nor in the log")
    os.ftruncate(files.copy, pages * page_size)
    os.pwrite(files.copy, b"\1\1", VERSIONS)  # it has no log
    yield pages * page_size


def opened(source: str, target: str) -> Files:
    """Open all files."""
    main, log, index = (os.open(source + suffix, os.O_RDONLY) for suffix in ("", "-wal", "-shm"))
    return Files(main, log, index, os.open(target, os.O_RDWR))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _is_left() -> bool:
    """Return True if the parent has closed its end; it sends nothing else while it waits."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def main(source: str, target: str) -> None:
    """Obey the parent. Raises OSError or Doubt; then the parent copies in another way."""
    files = opened(source, target)
    status, end = os.fstat(files.main), None
    _say(f"open {status.st_dev} {status.st_ino}")
    for line in iter(sys.stdin.readline, ""):
        match line.split():
            case ["note"]:
                end = end_of_log(files.index)
                _say("noted")
            case ["copy", pages, page_size] if end is not None:
                for done in copy(files, end, int(pages), int(page_size)):
                    if _is_left():
                        return
                    _say(str(done))
                _say("copied")


if __name__ == "__main__":
    main(*sys.argv[1:])
