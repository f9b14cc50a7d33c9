"""Summarize all tenants: their states and versions, which are behind, their failures, their sizes and their health."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from django.db import DatabaseError

from ...sync.run.progress import Progress, Silent
from .. import sizes
from . import leases
from .disks import DiskSpace, disks
from .processes import ProcessFiles, processes
from .recorded import Recorded, recorded
from .run_state import RunOfHost
from .standing import Standing, in_group, served_files, standings


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """The status of all tenants. Of this host: `versions`: the number of tenants by version; `current`: how many are
    current; `behind`: those whose file is not; `missing`: those without a readable file; `bytes`: of all live files,
    without archives; `disks`: with files of tenants; `processes`: that have such files open, None on a system that does
    not list them. Of all hosts: `recorded`: the summary of the table; `runs`: the last requested sync of each host."""

    recorded: Recorded
    versions: dict[str, int]
    current: int
    behind: tuple[Standing, ...]
    missing: tuple[str, ...]
    bytes: int
    disks: tuple[DiskSpace, ...]
    processes: tuple[ProcessFiles, ...] | None
    runs: tuple[RunOfHost, ...]


def fleet_status(group: str = "", progress: Progress | None = None) -> FleetStatus:
    """Read the row and the file of each tenant, or of those in a group, and write its size into the table.

    Raises OSError without a schema.json, and UsageError for a group without tenants."""
    rows, files = in_group(group), served_files(group)
    versions: Counter[str] = Counter()
    behind: list[Standing] = []
    missing: list[str] = []
    found: dict[str, sizes.Size] = {}
    for one in _shown(standings(files), len(files), progress or Silent()):
        if one.newest is None:
            missing.append(one.key)
            continue
        versions[one.version] += 1
        if not one.is_current:
            behind.append(one)
        if (size := sizes.size_at(one.path)) is not None:
            found[one.key] = size
    with suppress(DatabaseError):  # the status also works with a read-only default database
        sizes.note(found)
    return FleetStatus(
        recorded(rows),
        dict(versions),
        len(files) - len(behind) - len(missing),
        tuple(behind),
        tuple(missing),
        sum(one.bytes for one in found.values()),
        disks(files),
        processes(),
        tuple(leases.runs()),
    )


def _shown(found: Iterator[Standing], total: int, progress: Progress) -> Iterator[Standing]:
    with progress.phase("read", "tenants") as advance:
        for number, one in enumerate(found, 1):
            yield one
            advance(number, total)
