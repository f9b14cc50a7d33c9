"""Files that nobody misses: databases of a test run, a copy on its way to a browser. There is no durable order to keep,
and no crash to survive."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO


def remove_all(files: Iterable[Path], folder: Path) -> None:
    """Remove files, and a folder with what is in it; what is not there is passed over."""
    for file in files:
        file.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)


def taken_away(write: Callable[[Path], None]) -> IO[bytes]:
    """What `write` puts at the path that it is given, opened for reading; on the disk it has no name any more."""
    with tempfile.TemporaryDirectory(prefix="schemasync-") as folder:
        path = Path(folder) / "copy"
        write(path)
        return path.open("rb")
