"""The only module that changes the disk: each operation has a name, which is its crash point in tests.

The name is the log line, the crash point and the test id. Steps inside SQLite (a commit) are named too, so that
a crash test can ask for all of them and die before or after each.
"""

from __future__ import annotations

import itertools
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from .exchange import exchange, rename_without_replacing
from .layout import OWN_SUFFIX


class DiskStep(StrEnum):
    """Every step that changes what a crash would leave behind, in the order of a run."""

    RUN_FOLDER = "RUN:FOLDER"
    CAPTURE_INSTALL = "CAPTURE:INSTALL"
    BUILD_CREATE = "BUILD:CREATE"
    BUILD_START = "BUILD:START"
    BUILD_RESHAPE = "BUILD:RESHAPE"
    BUILD_REFILL = "BUILD:REFILL"
    BUILD_INDEX = "BUILD:INDEX"
    BUILD_ROUND = "BUILD:ROUND"
    BUILD_VERIFY = "BUILD:VERIFY"
    BUILD_FINISH = "BUILD:FINISH"
    BUILD_STRUCTURE = "BUILD:STRUCTURE"
    BUILD_SEAL = "BUILD:SEAL"
    BUILD_RENAME = "BUILD:RENAME"
    CUTOVER_WAIT = "CUTOVER:WAIT"
    CUTOVER_CALL = "CUTOVER:CALL"
    CUTOVER_ROUND = "CUTOVER:ROUND"
    CUTOVER_FENCE = "CUTOVER:FENCE"
    CUTOVER_UNMARK = "CUTOVER:UNMARK"
    CUTOVER_UNFENCE = "CUTOVER:UNFENCE"
    CUTOVER_SYMLINK = "CUTOVER:SYMLINK"
    CUTOVER_LINK = "CUTOVER:LINK"
    CUTOVER_DISPLACED = "CUTOVER:DISPLACED"
    CUTOVER_FOLDER = "CUTOVER:FOLDER"
    CUTOVER_CLEAR = "CUTOVER:CLEAR"
    CAPTURE_REMOVE = "CAPTURE:REMOVE"
    ARCHIVE_CHECKPOINT = "ARCHIVE:CHECKPOINT"
    HISTORY_FINISH = "HISTORY:FINISH"
    PRUNE_REMOVE = "PRUNE:REMOVE"
    RECOVER_REMOVE = "RECOVER:REMOVE"
    RECOVER_FENCE = "RECOVER:FENCE"
    RECOVER_HISTORY = "RECOVER:HISTORY"
    RECOVER_KEEP = "RECOVER:KEEP"
    OUTPUT_WRITE = "OUTPUT:WRITE"


@dataclass(frozen=True, slots=True)
class Placed:
    """Whether a file got its name. `kept`: the new name of somebody else's file that could not be put back."""

    is_done: bool
    kept: Path | None = None


Observer = Callable[[str, DiskStep], None]
"""Called with "before" or "after", and the label."""


def _nobody(when: str, label: DiskStep) -> None: ...


@dataclass(frozen=True, slots=True)
class Disk:
    """Changes the disk in the durable order, and calls `observer` before and after each step."""

    observer: Observer = _nobody

    @contextmanager
    def step(self, label: DiskStep) -> Iterator[None]:
        """Name a step that happens elsewhere, inside SQLite."""
        self.observer("before", label)
        yield
        self.observer("after", label)

    def make_folder(self, label: DiskStep, path: Path, like: os.stat_result | None) -> None:
        """Create a folder if it is missing, searchable by whoever may read `like`, and make that durable.

        An empty one may be what another run has just made, or one that died before it was given away.
        """
        if path.is_dir() and any(path.iterdir()):
            return
        with self.step(label):
            path.mkdir(exist_ok=True)
            if like is not None:
                # who may read the file may enter the folder: r and w bring x along
                mode = stat.S_IMODE(like.st_mode)
                path.chmod(mode | (mode & 0o444) >> 2 | 0o700)
                _own(path, like)
            sync_folder(path.parent)

    def create(self, label: DiskStep, path: Path, like: os.stat_result | None) -> None:
        """Create an empty file that did not exist, with the mode and owner of `like`."""
        with self.step(label):
            _create(path, like)

    def rename(self, label: DiskStep, old: Path, new: Path) -> None:
        """Rename within one folder or between two, and make it durable in both. Replaces what stood at `new`."""
        with self.step(label):
            old.rename(new)
            sync_folder(new.parent)
            if old.parent != new.parent:
                sync_folder(old.parent)

    def symlink(self, label: DiskStep, path: Path, target: str) -> None:
        """Make a symbolic link, replacing a link of the same name that a dead run left. Raises FileExistsError where
        something else has that name."""
        with self.step(label):
            if path.is_symlink():
                path.unlink()
            path.symlink_to(target)

    def take_place(self, label: DiskStep, new: Path, path: Path, is_expected: Callable[[Path], bool]) -> Placed:
        """Give `new` the name `path`, in one atomic step, unless something unexpected stands there: that stays.

        `is_expected` is asked about what stands at `path`, and again about what came out; that is then called `new`,
        for the caller to remove. Where the file system cannot exchange names, `is_expected` is asked right before a
        rename(2), which replaces what stands there. The folder is synced in a step of its own.
        """
        with self.step(label):
            if os.path.lexists(path):
                return _exchange_expected(new, path, is_expected)
            return _take_free_name(new, path)

    def keep(self, label: DiskStep, path: Path, sides: tuple[tuple[Path, str], ...] = ()) -> Path:
        """Give a file that is not ours, and must not be lost, a name that nothing has: `path` without what follows
        its first `-schemasync`, and `-displaced-1`. `sides`: files that belong to it, with the end of their name."""
        with self.step(label):
            kept = _free_name(path)
            for side, suffix in sides:
                with suppress(FileNotFoundError):
                    side.rename(kept.with_name(kept.name + suffix))
            path.rename(kept)
            sync_folder(path.parent)
        return kept

    def sync(self, label: DiskStep, folder: Path) -> None:
        """Make the names in a folder durable."""
        with self.step(label):
            sync_folder(folder)

    def remove(self, label: DiskStep, paths: Iterator[Path] | tuple[Path, ...]) -> None:
        """Remove files that exist, the first one last: what is left after a crash still has its name."""
        with self.step(label):
            for path in reversed(tuple(paths)):
                with suppress(FileNotFoundError):
                    path.unlink()

    @contextmanager
    def whole_file(self, label: DiskStep, path: Path, like: os.stat_result) -> Iterator[Path]:
        """Give an empty file to write to, with the mode and owner of `like`; it gets the name `path` when the block
        has written it whole, and is gone where the block raises."""
        scratch = path.with_name(path.name + ".tmp")
        with self.step(label):
            scratch.unlink(missing_ok=True)
            _create(scratch, like)
            try:
                yield scratch
                _sync_file(scratch)
                scratch.rename(path)
            except BaseException:
                scratch.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)

    def output(self, label: DiskStep, path: Path) -> IO[bytes]:
        """Open a file for what a process of ours will print; its content is disposable, so it is not synced."""
        with self.step(label):
            return path.open("ab")

    def write_text(self, label: DiskStep, path: Path, text: str) -> None:
        """Write a text file whole or not at all."""
        with self.step(label):
            scratch = path.with_name(path.name + ".tmp")
            try:
                with scratch.open("w", encoding="utf-8") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                scratch.rename(path)
            except BaseException:
                scratch.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)


@dataclass(frozen=True, slots=True)
class Reservation:
    """Some of the disk that nobody else can have."""

    _file: IO[bytes]

    def release(self) -> None:
        """Give it back, to whoever writes next."""
        self._file.close()


@contextmanager
def reserved(folder: Path, size: int) -> Iterator[Reservation]:
    """Hold so many bytes of the disk until they are released, or the block ends, in a file without a name: a crash
    leaves nothing of it. Raises OSError where they are not available."""
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.write(bytes(size))
            file.flush()
        yield Reservation(file)


def sync_folder(folder: Path) -> None:
    """fsync of a folder: a name is durable only then.

    A folder that this user may write and not read cannot be opened for that: everything is synced instead.
    """
    try:
        _sync_file(folder)
    except PermissionError:
        os.sync()


def _sync_file(path: Path) -> None:
    """fsync; never of a database that this process has open in SQLite."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exchange_expected(new: Path, path: Path, is_expected: Callable[[Path], bool]) -> Placed:
    if not is_expected(path):
        return Placed(False)
    ours = _identity(new)
    try:
        is_exchanged = exchange(new, path)
    except FileNotFoundError:  # it was taken away a moment ago
        return _take_free_name(new, path)
    if not is_exchanged:
        new.rename(path)
        return Placed(True)
    if is_expected(new):
        return Placed(True)
    with suppress(FileNotFoundError):
        exchange(new, path)  # somebody put another file there since it was looked at: that goes back
    if _identity(new) == ours:
        return Placed(False)
    kept = _free_name(new)  # and once more since then
    new.rename(kept)
    return Placed(False, kept)


def _take_free_name(new: Path, path: Path) -> Placed:
    try:
        if not rename_without_replacing(new, path):
            new.rename(path)
    except FileExistsError:
        return Placed(False)
    return Placed(True)


def _identity(path: Path) -> tuple[int, int]:
    """Which file or link has this name."""
    status = path.lstat()
    return status.st_dev, status.st_ino


def _free_name(path: Path) -> Path:
    stem = path.name.partition(OWN_SUFFIX)[0]
    names = (path.with_name(f"{stem}-displaced-{number}") for number in itertools.count(1))
    return next(name for name in names if not os.path.lexists(name))


def _create(path: Path, like: os.stat_result | None) -> None:
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    if like is not None:
        path.chmod(stat.S_IMODE(like.st_mode))
        _own(path, like)


def _own(path: Path, like: os.stat_result) -> None:
    """Give a file the owner of another where we may: root may, and who is not the owner may keep it in the group."""
    with suppress(PermissionError):
        os.chown(path, -1, like.st_gid)
        os.chown(path, like.st_uid, -1)
