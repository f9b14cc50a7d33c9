"""One run at a time, over all processes: flock on the generations folder, and on a file in it."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
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
    """What the holder of the lock reports about itself: a line in the locked file. It means nothing
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


@dataclass(frozen=True, slots=True)
class RunLock:
    """The lock as its holder has it. `notice`: what it reports about itself."""

    notice: Notice
    _held: tuple[tuple[Path, int], ...]

    def is_sole(self) -> bool:
        """True where nobody else can have the lock now: what is locked is still what stands at its path."""
        return all(_names(path, descriptor) for path, descriptor in self._held)


@contextmanager
def run_lock(path: Path, wait: float) -> Iterator[RunLock]:
    """Hold the lock; wait at most `wait` seconds for it. Raises Busy. It is free when the process dies.

    Two things are locked: the folder, and the file in it. The file is what another process may delete (`rsync
    --delete`, `git clean`), and then a second run would lock a new one; the folder stands as long as the generations
    do. Where the file system cannot lock a folder, the file alone is locked.
    """
    deadline = time.monotonic() + wait
    with ExitStack() as stack:
        held = []
        folder = _folder_descriptor(path.parent)
        if folder is not None:
            stack.enter_context(_closing(folder))
            if _take_folder(folder, path, deadline):
                held.append((path.parent, folder))
        file = _open_locked(stack, path, deadline)
        notice = Notice(file)
        notice.clear()  # what a dead run said
        stack.callback(notice.clear)
        yield RunLock(notice, tuple(held or [(path, file)]))


def _open_locked(stack: ExitStack, path: Path, deadline: float) -> int:
    """Open the file and lock it; once more where it was deleted in between."""
    while True:
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        stack.enter_context(_closing(file))
        _share(file, path.parent)
        _take(file, path, deadline)
        if _names(path, file):
            return file


def _folder_descriptor(folder: Path) -> int | None:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # a user who may write to it, and not list it
        return None


@contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    """Close it at the end, and in every forked child."""
    _held.add(descriptor)
    try:
        yield
    finally:
        _held.discard(descriptor)
        os.close(descriptor)


def _names(path: Path, descriptor: int) -> bool:
    """True where a path is the name of an open file."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


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
    return is_locked(path.parent) or is_locked(path)


def is_locked(path: Path) -> bool:
    """True where somebody holds a lock on this file or folder now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a folder, on a file system that locks none
        return False
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
    """What the run that holds the lock reports about itself; None where none does."""
    if not is_held(path):
        return None
    try:
        return path.read_bytes().decode(errors="replace").strip()
    except OSError:
        return ""


def _take_folder(descriptor: int, path: Path, deadline: float) -> bool:
    """Lock the folder; False where the file system locks none."""
    try:
        _take(descriptor, path, deadline)
    except OSError:
        return False
    return True


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
