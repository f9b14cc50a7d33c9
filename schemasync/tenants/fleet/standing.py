"""Compare the file of a tenant with schema.json, by one small read."""

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
    """The state of a tenant's file. `newest`: the newest row of its history; None if none can be read. `fingerprint`:
    that of the file, empty if it cannot be read."""

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
        """The version and the fingerprint: for two tenants with the same state a plan does the same."""
        return self.version, self.fingerprint

    @property
    def is_changed(self) -> bool:
        """True if the schema was changed since the newest history row was written."""
        return self.newest is not None and self.newest.fingerprint != self.fingerprint


def standing(asked: Wanted, key: str, path: Path) -> Standing:
    """Return the state of a tenant's file."""
    layout = Layout(path)
    if (row := asked.current(layout)) is not None:  # then its objects are those that the row records
        return Standing(key, path, row, row.fingerprint, is_current=True)
    return Standing(key, path, *history.live_state(layout, asked.opener), is_current=False)


def served(group: str = "", *, failed_only: bool = False) -> QuerySet[Tenant]:
    """Return the tenants of this host with a file in use, sorted by key: all, or those of a group. `failed_only`: those
    of them whose last sync or rollback has failed."""
    rows = in_group(group).filter(state__in=SERVED).order_by("key")
    if host := tenant_settings().host:
        rows = rows.filter(host=host)
    return rows.exclude(failure="") if failed_only else rows


def in_group(group: str) -> QuerySet[Tenant]:
    """Return the rows of a group of tenants, or all rows for ''. Raises UsageError if no tenant is in the group."""
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).order_by()
    if not group:
        return rows
    groups = sorted(filter(None, rows.values_list("group", flat=True).distinct()))
    if group not in groups:
        known = f"Groups are: {', '.join(groups)}." if groups else "No tenant has a group."
        raise UsageError.of(Code.BAD_OPTION, f'no tenant is in the group "{group}"', known)
    return rows.filter(group=group)


def served_keys(group: str = "", *, failed_only: bool = False) -> list[str]:
    """Return the keys of served()."""
    return list(served(group, failed_only=failed_only).values_list("key", flat=True))


def served_files(group: str = "", *, failed_only: bool = False) -> list[tuple[str, Path]]:
    """Return the keys of served(), each with the path of its database."""
    found = served(group, failed_only=failed_only).values_list("key", "folder")
    return [(key, path_at(key, folder)) for key, folder in found]


def standings(files: Iterable[tuple[str, Path]]) -> Iterator[Standing]:
    """Return the states of these tenants' files. Raises OSError without a schema.json."""
    return starmap(partial(standing, wanted()), files)


def not_current(files: Iterable[tuple[str, Path]], disk: Disk) -> list[Standing]:
    """Return those of these tenants whose file is not current. A file that was current, and is unchanged since, is not
    opened again."""
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
