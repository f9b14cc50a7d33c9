"""Disposable files: databases of a test run, a copy for a browser. They need no durable order, and need not survive a
crash."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO


def remove_all(files: Iterable[Path], folder: Path) -> None:
    """Remove files, and a folder with its content; missing ones are skipped."""
    for file in files:
        file.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def taken_away(write: Callable[[Path], None]) -> IO[bytes]:
    """The file that `write` writes to the given path, opened for reading; it no longer has a name on the disk."""
    with tempfile.TemporaryDirectory(prefix="schemasync-") as folder:
        path = Path(folder) / "copy"
        write(path)
        return path.open("rb")
