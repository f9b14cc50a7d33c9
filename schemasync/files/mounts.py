"""Finds mounts: a file that is mounted by itself, as `docker run -v ./db.sqlite3:/app/db.sqlite3` does, or a network
file system.

A file that is mounted by itself cannot be replaced: rename(2) fails with EBUSY as long as the mount exists.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

NETWORK = frozenset(["nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "fuse.sshfs"])
MOUNTS = Path("/proc/self/mountinfo")  # https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html


def is_mounted(path: Path) -> bool:
    """True if `path` itself is a mount point, and not only its folder."""
    folder = Path(os.path.realpath(path.parent))
    points = _mount_points()
    return _is_on_another_device(path, folder) if points is None else os.fspath(folder / path.name) in points


def network_file_system(path: Path) -> str:
    """Return the type of the file system with the folder of `path` if its files are on another machine, where locks are
    not reliable; empty if they are local, or if the system does not report it."""
    found = file_system(path)
    return found if found in NETWORK else ""


def file_system(path: Path) -> str:
    """Return the type of the file system with the folder of `path`, such as ext4; empty if the system does not report
    it."""
    folder = Path(os.path.realpath(path.parent))
    found, depth = "", -1
    for point, kind in _file_systems():
        if folder.is_relative_to(point) and len(Path(point).parts) >= depth:  # a later mount hides an earlier one
            found, depth = kind, len(Path(point).parts)
    return found


def _file_systems() -> Iterator[tuple[str, str]]:
    """Every mount point and the type of its file system; none if the system does not show them."""
    for fields in _mounts() or ():
        yield _unescaped(fields[4]), os.fsdecode(fields[fields.index(b"-") + 1])


def _is_on_another_device(path: Path, folder: Path) -> bool:
    """Compare devices, which is less reliable, without a table of mounts. It is wrong on an overlay of several file
    systems, where each file has the device of its layer, and for a file that is mounted from the same file system."""
    try:
        return path.lstat().st_dev != folder.stat().st_dev
    except OSError:
        return False


def _mount_points() -> frozenset[str] | None:
    """Every mount point that this process sees; None if the system has no such table, or does not show it."""
    mounts = _mounts()
    return None if mounts is None else frozenset(_unescaped(fields[4]) for fields in mounts)


def _mounts() -> list[list[bytes]] | None:
    """The fields of every mount; None if the system has no such table, or does not show it."""
    try:
        return [line.split(b" ") for line in MOUNTS.read_bytes().splitlines()]
    except OSError:
        return None


def _unescaped(field: bytes) -> str:
    r"""Replace the escapes `\040` and so on, which stand for blanks, tabs, newlines and backslashes."""
    return os.fsdecode(re.sub(rb"\\([0-7]{3})", lambda code: bytes([int(code[1], 8)]), field))
