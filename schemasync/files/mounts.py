"""Finds out whether a file is mounted at a path by itself, as `docker run -v ./db.sqlite3:/app/db.sqlite3` does.

Such a file cannot be replaced: rename(2) fails with EBUSY as long as the mount exists.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")  # https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html


def is_mounted(path: Path) -> bool:
    """True if `path` itself is a mount point, and not only its folder."""
    folder = Path(os.path.realpath(path.parent))
    points = _mount_points()
    return _is_on_another_device(path, folder) if points is None else os.fspath(folder / path.name) in points


def _is_on_another_device(path: Path, folder: Path) -> bool:
    """The second-best answer, without a table of mounts. It is wrong on an overlay of several file systems, where each
    file has the device of its layer, and for a file that is mounted from the same file system."""
    try:
        return path.lstat().st_dev != folder.stat().st_dev
    except OSError:
        return False


def _mount_points() -> frozenset[str] | None:
    """Every mount point that this process sees; None if the system has no such table, or does not show it."""
    try:
        lines = MOUNTS.read_bytes().splitlines()
    except OSError:
        return None
    return frozenset(_unescaped(line.split(b" ")[4]) for line in lines)


def _unescaped(field: bytes) -> str:
    r"""Blanks, tabs, newlines and backslashes are written as `\040` and so on."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), field))
