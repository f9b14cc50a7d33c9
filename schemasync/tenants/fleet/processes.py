"""List the processes that have files of tenants open, and how many files they may open. Needs Linux.

Linux lists the open files only of the processes of the same user, or to root.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS

from ...engines.sqlite.lock_holders import Process, process_of
from ..folders import folder_at
from ..models import Tenant
from ..settings import tenant_settings

PROC = Path("/proc")  # https://man7.org/linux/man-pages/man5/proc_pid_fd.5.html


@dataclass(frozen=True, slots=True)
class ProcessFiles:
    """A process with open files of tenants. `files`: its descriptors of these; SQLite holds up to three for a database.
    `descriptors`: those of all files; `most`: the limit, None if it is unknown or there is none."""

    process: Process
    files: int
    descriptors: int
    most: int | None


def processes() -> tuple[ProcessFiles, ...] | None:
    """Return all processes with open files of tenants that this user may see; None on a system that does not list open
    files."""
    if not (PROC / "self" / "fd").is_dir():
        return None
    folders = _folders()
    found = [_of_process(int(path.name), folders) for path in PROC.iterdir() if path.name.isdigit()]
    return tuple(sorted((one for one in found if one is not None), key=lambda one: one.process.pid))


def _folders() -> frozenset[str]:
    """Return the folders that contain files of tenants, with links resolved."""
    own = Tenant.objects.using(DEFAULT_DB_ALIAS).exclude(folder="").order_by().values_list("key", "folder")
    found = [tenant_settings().folder, *(folder_at(key, folder) for key, folder in own)]
    return frozenset(os.path.realpath(path) for path in found)


def _of_process(pid: int, folders: frozenset[str]) -> ProcessFiles | None:
    """Return the open files of a process; None for one of another user, one that has ended, or one without files of
    tenants."""
    files = descriptors = 0
    try:
        with os.scandir(PROC / str(pid) / "fd") as entries:
            for entry in entries:
                descriptors += 1
                with suppress(FileNotFoundError):  # closed since
                    files += _is_in(os.readlink(entry.path), folders)  # noqa: PTH115
    except OSError:
        return None
    return ProcessFiles(process_of(pid), files, descriptors, _most(pid)) if files else None


def _is_in(path: str, folders: frozenset[str]) -> bool:
    """True for a path in one of these folders, or below. There may be thousands of folders."""
    return any(str(one) in folders for one in Path(path).parents)


def _most(pid: int) -> int | None:
    """Return the limit of open descriptors; None if it is unknown or there is none.
    https://docs.python.org/3/library/resource.html#resource.prlimit"""
    import resource  # not at the top, as only Unix has it

    with suppress(OSError, AttributeError):  # ended since; not on this system
        soft, _hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        return soft if soft != resource.RLIM_INFINITY else None
    return None
