"""Find the disks with files of tenants, and their free space."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """A disk with files of tenants. `folder`: the folder of one of them. `tenants`: how many are on the disk.
    `bytes_free` and `inodes_free`: available to this user; None without a limit of inodes, as on Btrfs."""

    folder: Path
    tenants: int
    bytes_free: int
    inodes_free: int | None


def disks(files: Iterable[tuple[str, Path]]) -> tuple[DiskSpace, ...]:
    """Return the disks of these tenants, the one with the most tenants first. `files`: keys, each with its path."""
    folders: dict[int, list[Path]] = {}
    found = list[DiskSpace]()
    for _key, path in files:
        with suppress(OSError):  # a disk that is not mounted
            folders.setdefault(path.parent.stat().st_dev, []).append(path.parent)
    for some in folders.values():
        with suppress(OSError):  # a disk that was unmounted meanwhile
            found.append(_space(some))
    return tuple(sorted(found, key=lambda one: -one.tenants))


def _space(folders: list[Path]) -> DiskSpace:
    now = os.statvfs(folders[0])
    return DiskSpace(folders[0], len(folders), now.f_bavail * now.f_frsize, now.f_favail if now.f_files else None)
