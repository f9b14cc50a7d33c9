"""Unpacks archives of packages, also by the first releases of Python 3.11, whose tarfile knows no filters."""

from __future__ import annotations

import tarfile
from pathlib import Path


def unpack(archive: tarfile.TarFile, folder: Path) -> None:
    """Unpack the whole archive into a folder. https://docs.python.org/3/library/tarfile.html#supporting-older-python-versions"""
    if hasattr(tarfile, "data_filter"):
        archive.extractall(folder, filter="data")
    else:
        archive.extractall(folder)  # from a package index, as pip unpacks it
