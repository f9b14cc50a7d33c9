"""Unpack archives of packages, also with the first releases of Python 3.11, whose tarfile has no filters."""

from __future__ import annotations

import tarfile
from pathlib import Path


def unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack the whole archive into a folder. https://docs.python.org/3/library/tarfile.html#supporting-older-python-versions"""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
    else:
        archive.extractall(folder)  # archives come from a package index, and pip would unpack them, too
