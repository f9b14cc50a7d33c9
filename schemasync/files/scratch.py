"""Databases that nobody misses: those of a test run. There is no durable order to keep, and no crash to survive."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path


def remove_all(files: Iterable[Path], folder: Path) -> None:
    """Remove files, and a folder with what is in it; what is not there is passed over."""
    for file in files:
        file.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
