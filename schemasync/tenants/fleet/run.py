"""Sync all tenants: the template first, then a few tenants, then the rest.

The run itself is not recorded: each file shows whether it is current, or is unchanged since it did. So a killed run
goes on when it is started again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from django.db import DEFAULT_DB_ALIAS

from ...actions.database import Database
from ...actions.sync import sync
from ...errors import Failed
from ...files.disk import Disk
from ...sync.run.elapsed import ms_since
from ..context import outside
from ..models import Tenant
from .each import FleetOptions, Tally, each
from .one import FOR_EACH, ROLLBACK, Sync
from .standing import Standing, not_current, served_files


@dataclass(frozen=True, slots=True)
class FleetReport:
    """The result of a sync of all tenants. `tenants`: how many were checked. `current`: how many of them had nothing to
    do."""

    version: str
    tenants: int = 0
    current: int = 0
    tally: Tally = field(default_factory=Tally)
    duration_ms: int = 0

    @property
    def problem(self) -> Failed | None:
        """The error for the command, if a tenant has failed."""
        retry = "" if self.tally.left else " --retry"
        return self.tally.failure(
            "Their files are as they were, and they go on with them. What each failed with: manage.py schemasync "
            f"tenants status\nOnce that is fixed: manage.py schemasync tenants sync{retry}"
        )


def sync_tenants(
    database: Database, options: FleetOptions, show: Callable[[Standing, int], object], disk: Disk | None = None
) -> FleetReport:
    """Sync the template, and then all tenants. `show` is called with one tenant of each state that is not current, and
    the number of tenants in it. Raises the errors of the sync of the template."""
    begun = time.monotonic()
    with outside():
        version = sync(database, FOR_EACH).version
    files = served_files(options.group, failed_only=options.retry)
    behind = not_current(files, disk or Disk())
    for number, one in _by_state(behind):
        show(one, number)
    _forget_failures({key for key, _path in files} - {one.key for one in behind})
    tally = each(Sync(database.wait), [one.key for one in behind], options, database.dialogue)
    duration_ms = ms_since(begun)
    return FleetReport(version, len(files), len(files) - len(behind), tally, duration_ms)


def _forget_failures(current: AbstractSet[str]) -> None:
    """Clear the failures that earlier syncs have written into the rows of tenants that are current."""
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).exclude(failure="").exclude(failure__startswith=ROLLBACK).order_by()
    for key in current & set(rows.values_list("key", flat=True)):
        rows.filter(pk=key).update(failure="")


def _by_state(behind: Sequence[Standing]) -> list[tuple[int, Standing]]:
    """Return the number of tenants in each state, with one of them, the most frequent state first."""
    found: dict[tuple[str, str], list[Standing]] = {}
    for one in behind:
        found.setdefault(one.state, []).append(one)
    return sorted(((len(group), group[0]) for group in found.values()), key=lambda one: -one[0])
