"""Folders for the work of one process. Those of dead processes are removed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

BACKUP = "backup-"  # beginning of the names of folders for work on a backup, beside the generations


def work_prefix(path: Path, prefix: str) -> str:
    """Return the beginning of the names of folders for work on a file, in its own folder. No other file has the
    same."""
    return f".{path.name}.{prefix}"


@contextmanager
def work_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """Yield an empty folder that only this user may enter, and remove it with its content at the end.

    The folder is locked as long as this process lives, so that folders with the same prefix without a lock belong to
    dead processes: they are removed first. So nobody else may use `prefix` in `parent`.
    """
    remove_dead(parent, prefix)
    folder, descriptor = _locked(parent, prefix)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def private_file(folder: Path, name: str) -> Path:
    """Create an empty file that only this user may read."""
    path = folder / name
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    return path


@contextmanager
def private_writer(folder: Path, name: str) -> Iterator[IO[bytes]]:
    """A new file that only this user may read, open for writing. It is not synced."""
    with private_file(folder, name).open("wb") as file:
        yield file


def copied_with_sides(path: Path, folder: Path) -> Path:
    """Copy a database file that nobody uses, byte by byte and with its log, into a work folder."""
    for side in ("", "-wal", "-journal"):
        beside_it = path.with_name(path.name + side)
        if beside_it.is_file():
            shutil.copyfile(beside_it, private_file(folder, f"copied.sqlite3{side}"))
    return folder / "copied.sqlite3"


def new_folder(path: Path) -> None:
    """Create a folder that nobody uses yet. That is not durable."""
    path.mkdir()


def write_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file that nobody uses yet. It is not synced."""
    with path.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)


def named(old: Path, new: Path) -> None:
    """Give a file that nobody uses yet another name. That is not durable."""
    old.rename(new)


def append_chunks(path: Path, chunks: Iterable[bytes]) -> None:
    """Extend a file that nobody uses yet. It is not synced."""
    with path.open("ab") as file:
        for chunk in chunks:
            file.write(chunk)


def _locked(parent: Path, prefix: str) -> tuple[Path, int]:
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:  # another process has taken it for a folder of a dead one
            continue
        with suppress(OSError):  # a file system that cannot lock folders: then it is not removed by others either
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if folder.exists():  # otherwise that happened before it was locked
            return folder, descriptor
        os.close(descriptor)


def remove_dead(parent: Path, prefix: str) -> None:
    """Remove the folders of dead processes."""
    for folder in (parent / name for name in _names(parent) if name.startswith(prefix)):
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


def _names(folder: Path) -> list[str]:
    """Return the names in a folder without a Path for each: there may be ten thousand. Empty if it cannot be listed."""
    try:
        return os.listdir(folder)  # noqa: PTH208
    except OSError:
        return []
