"""Disposable files: databases of a test run, a copy for a browser or for a rehearsal. They need no durable order, and
need not survive a crash."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from .disk import create_empty


def remove_all(files: Iterable[Path], folder: Path | None = None) -> None:
    """Remove files, and a folder with its content; missing ones are skipped."""
    for file in files:
        file.unlink(missing_ok=True)
    if folder is not None:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder that only this user can read, where SQLite and others keep temporary files; it is removed after the
    block."""
    with tempfile.TemporaryDirectory(prefix="schemasync-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def taken_away(write: Callable[[Path], None]) -> IO[bytes]:
    """Return the file that `write` writes to the given path, opened for reading; it no longer has a name on the
    disk."""
    with tempfile.TemporaryDirectory(prefix="schemasync-") as folder:
        path = Path(folder) / "copy"
        write(path)
        return path.open("rb")


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill an empty file in the same folder, then give it the name `path`, so that others find the whole
    file or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".")
    scratch = Path(name)
    try:
        write(scratch)
        os.fsync(descriptor)  # also after a power cut
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def write_text_whole(path: Path, text: str) -> None:
    """Like `write_whole`, but for a text."""

    def write(scratch: Path) -> None:
        scratch.write_text(text, encoding="utf-8")

    write_whole(path, write)


def note_use(path: Path) -> None:
    """Note that a file and its folder are in use."""
    with suppress(OSError):
        os.utime(path)
        os.utime(path.parent)


def used_at(path: Path) -> float:
    """Return when `note_use` was called last, in seconds since 1970; 0 if there is no such file."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def create_like(path: Path, like: os.stat_result) -> None:
    """Create an empty file with the mode and owner of another. Raises FileExistsError."""
    create_empty(path, like)
