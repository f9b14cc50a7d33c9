"""Where the file of a tenant stands beside schema.json, by one small read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import starmap
from pathlib import Path

from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet

from ...errors import Code, UsageError
from ...files.disk import Disk
from ...files.layout import Layout
from ...history.row import HistoryRow
from ...sync import history
from ..folders import path_at
from ..models import State, Tenant
from ..settings import tenant_settings
from ..wanted import Wanted, wanted
from .unchanged import state_of, unchanged

SERVED = (State.ACTIVE, State.MOVING, State.SUSPENDED, State.MOVING_SUSPENDED)
"""The states in which a tenant has a file where it can be used."""


@dataclass(frozen=True, slots=True)
class Standing:
    """`newest`: the newest row of its history; None if there is none that can be read. `fingerprint`: of the objects in
    the file, empty if they cannot be read."""

    key: str
    path: Path
    newest: HistoryRow | None
    fingerprint: str
    is_current: bool

    @property
    def version(self) -> str:
        """The version of the file, empty if it is unknown."""
        return "" if self.newest is None else self.newest.version

    @property
    def state(self) -> tuple[str, str]:
        """What two tenants have in common for which a plan does the same."""
        return self.version, self.fingerprint

    @property
    def is_changed(self) -> bool:
        """True if an object was made, changed or dropped since the version of the file was applied."""
        return self.newest is not None and self.newest.fingerprint != self.fingerprint


def standing(asked: Wanted, key: str, path: Path) -> Standing:
    """Where a tenant stands."""
    layout = Layout(path)
    if (row := asked.current(layout)) is not None:  # then its objects are those that the row records
        return Standing(key, path, row, row.fingerprint, is_current=True)
    return Standing(key, path, *history.live_state(layout, asked.opener), is_current=False)


def served(group: str = "", *, failed_only: bool = False) -> QuerySet[Tenant]:
    """All tenants of this host with a file in use, by key: of a group, or of all; or those of them whose last sync has
    failed."""
    rows = in_group(group).filter(state__in=SERVED).order_by("key")
    if host := tenant_settings().host:
        rows = rows.filter(host=host)
    return rows.exclude(failure="") if failed_only else rows


def in_group(group: str) -> QuerySet[Tenant]:
    """The rows of a group of tenants, or of all without one. Raises UsageError if nobody is in it."""
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).order_by()
    if not group:
        return rows
    groups = sorted(filter(None, rows.values_list("group", flat=True).distinct()))
    if group not in groups:
        known = f"Groups are: {', '.join(groups)}." if groups else "No tenant has a group."
        raise UsageError.of(Code.BAD_OPTION, f'no tenant is in the group "{group}"', known)
    return rows.filter(group=group)


def served_keys(group: str = "", *, failed_only: bool = False) -> list[str]:
    """The keys of these tenants."""
    return list(served(group, failed_only=failed_only).values_list("key", flat=True))


def served_files(group: str = "", *, failed_only: bool = False) -> list[tuple[str, Path]]:
    """The keys of these tenants, each with its path."""
    found = served(group, failed_only=failed_only).values_list("key", "folder")
    return [(key, path_at(key, folder)) for key, folder in found]


def standings(files: Iterable[tuple[str, Path]]) -> Iterator[Standing]:
    """Where these tenants stand."""
    return starmap(partial(standing, wanted()), files)


def not_current(files: Iterable[tuple[str, Path]], disk: Disk) -> list[Standing]:
    """Those of these tenants whose file is not current. One that was, and is as it was, is not opened again."""
    asked = wanted()
    known = unchanged(tenant_settings().folder, asked.digest)
    found = []
    for key, path in files:
        if known.knows(key, state := state_of(path)):
            continue
        if (one := standing(asked, key, path)).is_current:
            known.note(key, state)
        else:
            found.append(one)
    known.save(disk)
    return found
