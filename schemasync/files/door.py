"""The only door to the disk: every change to a folder goes through here, and every knock has a name.

The name is the log line, the crash point and the test id. Steps inside SQLite (a commit) are named too, so that
a crash test can ask for all of them and die before or after each.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO


class Label(StrEnum):
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
    CUTOVER_FOLDER = "CUTOVER:FOLDER"
    CUTOVER_CLEAR = "CUTOVER:CLEAR"
    CAPTURE_REMOVE = "CAPTURE:REMOVE"
    ARCHIVE_CHECKPOINT = "ARCHIVE:CHECKPOINT"
    HISTORY_FINISH = "HISTORY:FINISH"
    PRUNE_REMOVE = "PRUNE:REMOVE"
    RECOVER_REMOVE = "RECOVER:REMOVE"
    RECOVER_FENCE = "RECOVER:FENCE"
    OUTPUT_WRITE = "OUTPUT:WRITE"


Observer = Callable[[str, Label], None]
"""Called with "before" or "after", and the label."""


def _nobody(when: str, label: Label) -> None: ...


@dataclass(frozen=True, slots=True)
class Door:
    """Does what it is told, in the durable order, and tells `observer` before and after."""

    observer: Observer = _nobody

    @contextmanager
    def step(self, label: Label) -> Iterator[None]:
        """Name a step that happens elsewhere, inside SQLite."""
        self.observer("before", label)
        yield
        self.observer("after", label)

    def make_folder(self, label: Label, path: Path, like: os.stat_result | None) -> None:
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

    def create(self, label: Label, path: Path, like: os.stat_result | None) -> None:
        """Create an empty file that did not exist, with the mode and owner of `like`."""
        with self.step(label):
            _create(path, like)

    def rename(self, label: Label, old: Path, new: Path) -> None:
        """Rename within one folder or between two, and make it durable in both. Replaces what stood at `new`."""
        with self.step(label):
            old.rename(new)
            sync_folder(new.parent)
            if old.parent != new.parent:
                sync_folder(old.parent)

    def symlink(self, label: Label, path: Path, target: str) -> None:
        """Make a symbolic link, replacing one of the same name that a dead run left."""
        with self.step(label):
            with suppress(FileNotFoundError):
                path.unlink()
            path.symlink_to(target)

    def replace(self, label: Label, old: Path, new: Path) -> None:
        """The one rename(2) of a swap; the folder is synced in a step of its own."""
        with self.step(label):
            old.rename(new)

    def sync(self, label: Label, folder: Path) -> None:
        """Make the names in a folder durable."""
        with self.step(label):
            sync_folder(folder)

    def remove(self, label: Label, paths: Iterator[Path] | tuple[Path, ...]) -> None:
        """Remove files that exist, the first one last: what is left after a crash still bears its name."""
        with self.step(label):
            for path in reversed(tuple(paths)):
                with suppress(FileNotFoundError):
                    path.unlink()

    @contextmanager
    def whole_file(self, label: Label, path: Path, like: os.stat_result) -> Iterator[Path]:
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

    def output(self, label: Label, path: Path) -> IO[bytes]:
        """Open a file for what a process of ours will print; what stands in it is nobody's loss."""
        with self.step(label):
            return path.open("ab")

    def write_text(self, label: Label, path: Path, text: str) -> None:
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
    leaves nothing of it. Raises OSError where they are not to be had."""
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.write(bytes(size))
            file.flush()
        yield Reservation(file)


def sync_folder(folder: Path) -> None:
    """fsync of a folder: a name is durable only then."""
    _sync_file(folder)


def _sync_file(path: Path) -> None:
    """fsync; never of a database that this process has open in SQLite."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


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
