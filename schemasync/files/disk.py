"""The only module that changes the disk: each operation has a name, which is its crash point in tests.

The name is the log line, the crash point and the test id. Steps inside SQLite (a commit) have names, too, so that a
crash test can list all of them and kill the process before or after each.
"""

from __future__ import annotations

import itertools
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from .exchange import exchange, rename_without_replacing
from .layout import OWN_SUFFIX


class DiskStep(StrEnum):
    """Every step that changes what a crash leaves behind, in the order of a run."""

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
    BUILD_ROWS = "BUILD:ROWS"
    BUILD_HOOKS = "BUILD:HOOKS"
    BUILD_HEALTH = "BUILD:HEALTH"
    CUTOVER_WAIT = "CUTOVER:WAIT"
    CUTOVER_CALL = "CUTOVER:CALL"
    CUTOVER_ROUND = "CUTOVER:ROUND"
    CUTOVER_SYMLINK = "CUTOVER:SYMLINK"
    CUTOVER_FENCE = "CUTOVER:FENCE"
    CUTOVER_UNMARK = "CUTOVER:UNMARK"
    CUTOVER_UNFENCE = "CUTOVER:UNFENCE"
    CUTOVER_LINK = "CUTOVER:LINK"
    CUTOVER_DISPLACED = "CUTOVER:DISPLACED"
    CUTOVER_FOLDER = "CUTOVER:FOLDER"
    REPLICATION_FOLLOW = "REPLICATION:FOLLOW"
    REPLICATION_CONFIG = "REPLICATION:CONFIG"
    CUTOVER_CLEAR = "CUTOVER:CLEAR"
    CAPTURE_REMOVE = "CAPTURE:REMOVE"
    ARCHIVE_CHECKPOINT = "ARCHIVE:CHECKPOINT"
    REHEARSE_COMMIT = "REHEARSE:COMMIT"
    REHEARSE_REMOVE = "REHEARSE:REMOVE"
    IN_PLACE_ALTER = "IN_PLACE:ALTER"
    HISTORY_FINISH = "HISTORY:FINISH"
    HISTORY_VERSION = "HISTORY:VERSION"
    PRUNE_REMOVE = "PRUNE:REMOVE"
    RECOVER_REMOVE = "RECOVER:REMOVE"
    RECOVER_FENCE = "RECOVER:FENCE"
    RECOVER_HISTORY = "RECOVER:HISTORY"
    RECOVER_KEEP = "RECOVER:KEEP"
    OUTPUT_WRITE = "OUTPUT:WRITE"
    BACKUP_COPY = "BACKUP:COPY"
    BACKUP_COMPACT = "BACKUP:COMPACT"
    BACKUP_COMPRESS = "BACKUP:COMPRESS"
    BACKUP_STORE = "BACKUP:STORE"
    BACKUP_MANIFEST = "BACKUP:MANIFEST"
    BACKUP_REMOVE = "BACKUP:REMOVE"
    RESTORE_FETCH = "RESTORE:FETCH"
    RESTORE_WRITE = "RESTORE:WRITE"
    RESTORE_HISTORY = "RESTORE:HISTORY"
    TENANT_FOLDER = "TENANT:FOLDER"
    TENANT_COPY = "TENANT:COPY"
    TENANT_LINK = "TENANT:LINK"
    TENANT_PLACE = "TENANT:PLACE"
    TENANT_ARCHIVE = "TENANT:ARCHIVE"
    TENANT_RETURN = "TENANT:RETURN"
    TENANT_REMOVE = "TENANT:REMOVE"
    TENANT_CURRENT = "TENANT:CURRENT"
    HOST_FOLDER = "HOST:FOLDER"
    HOST_COPY = "HOST:COPY"
    HOST_RECEIVE = "HOST:RECEIVE"
    HOST_LOG = "HOST:LOG"
    HOST_LAY = "HOST:LAY"
    HOST_SYNC = "HOST:SYNC"
    HOST_LINK = "HOST:LINK"
    HOST_FORGET = "HOST:FORGET"
    HOST_ASIDE = "HOST:ASIDE"
    HOST_PLACE = "HOST:PLACE"
    HOST_ROW = "HOST:ROW"
    HOST_REOPEN = "HOST:REOPEN"


@dataclass(frozen=True, slots=True)
class Placed:
    """Whether a file got its name. `kept`: the new name of another program's file that could not be put back."""

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
        """A block for a step that happens elsewhere, inside SQLite."""
        self.observer("before", label)
        yield
        self.observer("after", label)

    def make_folder(self, label: DiskStep, path: Path, like: os.stat_result | None) -> None:
        """Create a folder if it is missing, searchable by everyone who may read `like`, and make that durable.

        An empty folder may be new from another run, or from one that died before it changed the owner.
        """
        if path.is_dir() and any(path.iterdir()):
            return
        with self.step(label):
            path.mkdir(exist_ok=True)
            if like is not None:
                # whoever may read the file may enter the folder: r and w imply x
                mode = stat.S_IMODE(like.st_mode)
                path.chmod(mode | (mode & 0o444) >> 2 | 0o700)
                _own(path, like)
            sync_folder(path.parent)

    def create(self, label: DiskStep, path: Path, like: os.stat_result | None) -> None:
        """Create an empty file that did not exist, with the mode and owner of `like`."""
        with self.step(label):
            create_empty(path, like)

    def rename(self, label: DiskStep, old: Path, new: Path) -> None:
        """Rename within one folder or between two, and make it durable in both. Replaces an existing `new`."""
        with self.step(label):
            old.rename(new)
            sync_folder(new.parent)
            if old.parent != new.parent:
                sync_folder(old.parent)

    def symlink(self, label: DiskStep, path: Path, target: str) -> None:
        """Make a symbolic link, replacing a link of the same name from a dead run. Raises FileExistsError if anything
        else has that name."""
        with self.step(label):
            if path.is_symlink():
                path.unlink()
            path.symlink_to(target)

    def take_place(self, label: DiskStep, new: Path, path: Path, is_expected: Callable[[Path], bool]) -> Placed:
        """Give `new` the name `path`, in one atomic step, unless an unexpected object has that name: that object stays.

        `is_expected` is called for the object at `path`, and again for the object that came out of the exchange; that
        one then has the name `new`, and the caller removes it. If the file system cannot exchange names, `is_expected`
        is called right before a rename(2), which replaces the object. The folder is synced in a separate step.
        """
        with self.step(label):
            if os.path.lexists(path):
                return _exchange_expected(new, path, is_expected)
            return _take_free_name(new, path)

    def keep(self, label: DiskStep, path: Path, sides: tuple[tuple[Path, str], ...] = ()) -> Path:
        """Give another program's file, which must not be lost, a free name: `path` up to its first `-schemasync`, and
        `-displaced-1`. `sides`: files that belong to it, with the end of their name. Return the new path."""
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
        """Remove files that exist, the first one last, so that after a crash the rest still has its name."""
        with self.step(label):
            for path in reversed(tuple(paths)):
                with suppress(FileNotFoundError):
                    path.unlink()

    def remove_folder(self, label: DiskStep, path: Path) -> None:
        """Remove a folder with its content, if it exists, and make that durable. Files that cannot be removed stay."""
        if path.is_dir():
            with self.step(label):
                shutil.rmtree(path, ignore_errors=True)
                sync_folder(path.parent)

    @contextmanager
    def whole_file(
        self, label: DiskStep, path: Path, like: os.stat_result | None, *, private: bool = False
    ) -> Iterator[Path]:
        """Yield an empty file to write to, with the owner of `like`, and its mode unless it is `private`: then only the
        owner may read it. It gets the name `path` when the block ends, and is removed if the block raises."""
        scratch = scratch_of(path)
        with self.step(label):
            scratch.unlink(missing_ok=True)
            create_empty(scratch, like, private=private)
            try:
                yield scratch
                sync_file(scratch)
                scratch.rename(path)
            except BaseException:
                scratch.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)

    def write_private(self, label: DiskStep, path: Path, like: os.stat_result | None, lines: Iterable[str]) -> None:
        """Write a text file whole or not at all, which only the owner of `like` may read. Replaces an existing one."""
        with self.whole_file(label, path, like, private=True) as scratch, scratch.open("w", encoding="utf-8") as file:
            file.writelines(lines)

    def output(self, label: DiskStep, path: Path) -> IO[bytes]:
        """Open a file for the output of a process of ours. Its content is disposable, so it is not synced."""
        with self.step(label):
            return path.open("ab")

    def write_text(self, label: DiskStep, path: Path, text: str) -> None:
        """Write a text file whole or not at all. An existing file keeps its permissions; a link stays, and the file
        that it names is written."""
        with self.step(label):
            path = path.resolve()
            scratch = scratch_of(path)
            try:
                with scratch.open("w", encoding="utf-8") as file:
                    if path.exists():
                        os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode))
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
    """Reserved disk space."""

    _file: IO[bytes]

    def release(self) -> None:
        """Give the space back."""
        self._file.close()


@contextmanager
def reserved(folder: Path, size: int) -> Iterator[Reservation]:
    """Reserve `size` bytes of the disk until they are released, or the block ends, in a file without a name, so that a
    crash leaves nothing behind. Raises OSError if they are not available."""
    with tempfile.TemporaryFile(dir=folder) as file:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.write(bytes(size))
            file.flush()
        yield Reservation(file)


def sync_folder(folder: Path) -> None:
    """fsync of a folder: only then is a name durable.

    A folder that this user may write but not read cannot be opened for that: then everything is synced.
    """
    try:
        sync_file(folder)
    except PermissionError:
        os.sync()


def scratch_of(path: Path) -> Path:
    """Return where a file is written before it gets its name."""
    return path.with_name(path.name + ".tmp")


def sync_file(path: Path) -> None:
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
    except FileNotFoundError:  # it was removed a moment ago
        return _take_free_name(new, path)
    if not is_exchanged:
        new.rename(path)
        return Placed(True)
    if is_expected(new):
        return Placed(True)
    with suppress(FileNotFoundError):
        exchange(new, path)  # another program put a file there since the check: that file is put back
    if _identity(new) == ours:
        return Placed(False)
    kept = _free_name(new)  # the file changed once more since then
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
    """The identity of the file or link with this name."""
    status = path.lstat()
    return status.st_dev, status.st_ino


def _free_name(path: Path) -> Path:
    stem = path.name.partition(OWN_SUFFIX)[0]
    names = (path.with_name(f"{stem}-displaced-{number}") for number in itertools.count(1))
    return next(name for name in names if not os.path.lexists(name))


def create_empty(path: Path, like: os.stat_result | None, *, private: bool = False) -> None:
    """Create an empty file that did not exist, with the mode and owner of `like`, or only readable by the owner. It is
    not synced."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600 if private else 0o644))
    if like is not None:
        if not private:
            path.chmod(stat.S_IMODE(like.st_mode))
        _own(path, like)


def _own(path: Path, like: os.stat_result) -> None:
    """Give a file the owner of another if permitted: root may, and others may at least keep the group."""
    with suppress(PermissionError):
        os.chown(path, -1, like.st_gid)
        os.chown(path, like.st_uid, -1)
