"""Whether a file is mounted at a path by itself, as `docker run -v ./db.sqlite3:/app/db.sqlite3` does.

Nothing can take the place of such a file: rename(2) fails with EBUSY, for as long as the mount stands.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")  # https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html


def is_mounted(path: Path) -> bool:
    """True where `path` itself, and not only the folder that it is in, is a place of a mount."""
    folder = Path(os.path.realpath(path.parent))
    points = _mount_points()
    return _is_on_another_device(path, folder) if points is None else os.fspath(folder / path.name) in points


def _is_on_another_device(path: Path, folder: Path) -> bool:
    """The next best answer, where there is no table of mounts. It is wrong on an overlay of several file systems, where
    each file has the device of its layer, and for a file that is mounted from the file system that it stands in."""
    try:
        return path.lstat().st_dev != folder.stat().st_dev
    except OSError:
        return False


def _mount_points() -> frozenset[str] | None:
    """Every mount point that this process sees; None where the system has no such table, or does not show it."""
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return None
    return frozenset(_unescaped(line.split(b" ")[4]) for line in lines)


def _unescaped(field: bytes) -> str:
    r"""Blanks, tabs, newlines and backslashes are written as `\040` and so on."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), field))
