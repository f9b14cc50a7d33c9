"""One run at a time, over all processes: flock on a file in the generations folder."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import Busy, Code

_GLANCE = 0.005  # seconds: longer than a look at the lock takes
_POLL = 0.05  # seconds between tries; flock has no timeout of its own
NOTICE = 4096  # bytes: room for a phase and a sentence, and one page of the file
_held: set[int] = set()


def _close_in_child() -> None:
    """A forked child must not keep a lock alive that its parent gave up or died with."""
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


@dataclass(frozen=True, slots=True)
class Notice:
    """What the holder of the lock tells of itself, to whoever reads it: a line in the locked file. It means nothing
    once the lock is free, so a crash leaves no lie behind; and nothing is lost with it, so it is never synced."""

    _descriptor: int

    def write(self, text: str) -> None:
        """Replace the line, in one write. A full disk must not stop a run that could go on: the old one stays."""
        with suppress(OSError):
            os.pwrite(self._descriptor, text.encode()[:NOTICE].ljust(NOTICE), 0)

    def clear(self) -> None:
        """Leave an empty file behind."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)


@contextmanager
def run_lock(path: Path, wait: float) -> Iterator[Notice]:
    """Hold the lock; wait at most `wait` seconds for it. Raises Busy. It is free when the process dies."""
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    _held.add(descriptor)
    try:
        _share(descriptor, path.parent)
        _take(descriptor, path, time.monotonic() + wait)
        notice = Notice(descriptor)
        notice.clear()  # what a dead run said
        try:
            yield notice
        finally:
            notice.clear()
    finally:
        _held.discard(descriptor)
        os.close(descriptor)


def _share(descriptor: int, folder: Path) -> None:
    """Let whoever may write to the folder take the lock: root often comes first, the application later."""
    mine, like = os.fstat(descriptor), folder.stat()
    mode = stat.S_IMODE(like.st_mode) & 0o666
    with suppress(PermissionError):
        if stat.S_IMODE(mine.st_mode) != mode:
            os.fchmod(descriptor, mode)
        if (mine.st_uid, mine.st_gid) != (like.st_uid, like.st_gid):
            os.fchown(descriptor, like.st_uid, like.st_gid)


def is_held(path: Path) -> bool:
    """True where a run holds the lock now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file, if nobody has. Who inherits it holds the lock on, until the last of them ends."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def notice_of(path: Path) -> str | None:
    """What the run that holds the lock tells of itself; None where none does."""
    if not is_held(path):
        return None
    try:
        return path.read_bytes().decode(errors="replace").strip()
    except OSError:
        return ""


def _take(descriptor: int, path: Path, deadline: float) -> None:
    looks = 3
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            looks -= 1  # somebody may just be looking who holds it: that takes microseconds
            if time.monotonic() >= deadline and looks <= 0:
                raise Busy.of(
                    Code.RUN_IN_PROGRESS,
                    f"another schemasync is at work on this database ({path} is locked)",
                    "Wait for it, or give a longer --wait SECONDS.",
                ) from None
            time.sleep(_POLL if looks <= 0 else _GLANCE)
        else:
            return
