"""One run at a time, over all processes: flock on the generations folder, and on a file in it."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import Busy, Code

_SHORT_POLL = 0.005  # seconds: longer than a check of the lock takes
_LOOKS = 5  # checks before a lock counts as held
_POLL = 0.05  # seconds between tries; flock has no timeout of its own
_PATIENCE = 1.0  # seconds of waiting until the waiting process should report it
NOTICE = 4096  # bytes: room for a phase and a sentence, and one page of the file
_held: set[int] = set()


def _close_in_child() -> None:
    """Release the lock in a forked child, which must not keep it after its parent released it or died."""
    for descriptor in _held:
        with suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


@dataclass(frozen=True, slots=True)
class Notice:
    """The progress of the lock's holder: a line in the locked file. It means nothing once the lock is free, so a crash
    leaves no false report; and its loss does not matter, so it is never synced."""

    _descriptor: int

    def write(self, text: str) -> None:
        """Replace the line, in one write. A full disk must not stop a run that could go on: then the old line stays."""
        with suppress(OSError):
            os.pwrite(self._descriptor, text.encode()[:NOTICE].ljust(NOTICE), 0)

    def clear(self) -> None:
        """Leave an empty file behind."""
        with suppress(OSError):
            os.ftruncate(self._descriptor, 0)


@dataclass(frozen=True, slots=True)
class RunLock:
    """A held lock. `notice`: the progress of its holder."""

    notice: Notice
    _held: tuple[tuple[Path, int], ...]

    def is_sole(self) -> bool:
        """Return True if no other process can have the lock now: the locked file is still the one at its path."""
        return all(_names(path, descriptor) for path, descriptor in self._held)


@contextmanager
def run_lock(path: Path, wait: float, on_wait: Callable[[], None] = lambda: None) -> Iterator[RunLock]:
    """Hold the lock; wait at most `wait` seconds for it. Raises Busy. It is free when the process dies. `on_wait` is
    called once if another run has it for longer than a second.

    Two objects are locked: the folder, and the file in it. Another process may delete the file (`rsync --delete`, `git
    clean`), and then a second run would lock a new one; the folder exists as long as the generations do. If the file
    system cannot lock a folder, only the file is locked.
    """
    deadline = time.monotonic() + wait
    with ExitStack() as stack:
        held = []
        folder = _folder_descriptor(path.parent)
        if folder is not None:
            stack.enter_context(_closing(folder))
            if _take_folder(folder, path, deadline, on_wait):
                held.append((path.parent, folder))
        file = _open_locked(stack, path, deadline, on_wait)
        notice = Notice(file)
        notice.clear()  # the notice of a dead run
        stack.callback(notice.clear)
        yield RunLock(notice, tuple(held or [(path, file)]))


def _open_locked(stack: ExitStack, path: Path, deadline: float, on_wait: Callable[[], None]) -> int:
    """Open the file and lock it; repeat if it was deleted in between."""
    while True:
        file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        stack.enter_context(_closing(file))
        _share(file, path.parent)
        _take(file, path, deadline, on_wait)
        if _names(path, file):
            return file


def _folder_descriptor(folder: Path) -> int | None:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # a user who may write to it, but not list it
        return None


@contextmanager
def _closing(descriptor: int) -> Iterator[None]:
    """Close the descriptor at the end, and in every forked child."""
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
    """Let everyone who may write to the folder take the lock: root is often first, the application later."""
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
    """True if somebody holds a lock on this file or folder now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a folder, on a file system that cannot lock folders
        return False
    finally:
        os.close(descriptor)
    return False


def try_lock(file: IO[bytes]) -> bool:
    """Lock an open file, if nobody has. Processes that inherit it hold the lock until the last of them ends."""
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def held_alone(path: Path, wait: float) -> Iterator[bool]:
    """Hold a lock on a small file, which is created if it is missing, for as long as the block lasts. Yields False if
    nobody released it within `wait` seconds. It is free when the process dies."""
    file = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
    with _closing(file):
        _share(file, path.parent)
        try:
            _take(file, path, time.monotonic() + wait, lambda: None)
        except Busy:
            yield False
        else:
            yield True


def notice_of(path: Path) -> str | None:
    """The progress of the run that holds the lock; None without a run."""
    if not is_held(path):
        return None
    try:
        return path.read_bytes().decode(errors="replace").strip()
    except OSError:
        return ""


def _take_folder(descriptor: int, path: Path, deadline: float, on_wait: Callable[[], None]) -> bool:
    """Lock the folder; False if the file system cannot lock folders."""
    try:
        _take(descriptor, path, deadline, on_wait)
    except OSError:
        return False
    return True


def _take(descriptor: int, path: Path, deadline: float, on_wait: Callable[[], None]) -> None:
    looks, noted_at = _LOOKS, time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            looks -= 1  # somebody may just be checking the holder: microseconds, or a few slices of a busy processor
            if time.monotonic() >= deadline and looks <= 0:
                raise Busy.of(
                    Code.RUN_IN_PROGRESS,
                    f"another run is at work on this database ({path} is locked)",
                    "Wait for it, or use a longer --wait SECONDS.",
                ) from None
            if time.monotonic() >= noted_at:
                on_wait()
                noted_at = deadline + _PATIENCE  # call it only once
            time.sleep(_POLL if looks <= _LOOKS - 3 else _SHORT_POLL)
        else:
            return
