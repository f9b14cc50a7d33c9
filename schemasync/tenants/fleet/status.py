"""What all tenants are: how many in which state and version, who is behind, who failed with what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, OperationalError
from django.db.models import QuerySet

from ..models import Tenant
from ..settings import tenant_settings
from . import leases
from .run_state import RunOfHost
from .standing import SERVED, Standing, in_group, live_size, served_files, standings


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """`states`: how many tenants are in which state. `behind`: those whose file is not current. `missing`: those
    without a readable file. `failures`: by key, what the last sync has raised. `bytes`: of all live files, without
    archives. `runs`: the last sync of each host that was asked for elsewhere. `lost`: those in use whose host is none
    of HOSTS, so that no host has them."""

    states: dict[str, int]
    versions: dict[str, int]
    current: int
    behind: tuple[Standing, ...]
    missing: tuple[str, ...]
    failures: dict[str, str]
    bytes: int
    runs: tuple[RunOfHost, ...] = ()
    lost: tuple[str, ...] = ()


def fleet_status(group: str = "") -> FleetStatus:
    """Look at the row and the file of each tenant, or of those in a group, and write its size into the row.

    Raises OSError without a schema.json."""
    rows = in_group(group).order_by("key")
    states = Counter(rows.values_list("state", flat=True))
    failures = dict(rows.exclude(failure="").values_list("key", "failure"))
    files = served_files(group)
    versions: Counter[str] = Counter()
    behind: list[Standing] = []
    missing: list[str] = []
    sizes: dict[str, int] = {}
    for one in standings(files):
        if one.newest is None:
            missing.append(one.key)
            continue
        versions[one.version] += 1
        if not one.is_current:
            behind.append(one)
        if (size := live_size(one.path)) is not None:
            sizes[one.key] = size
    current = len(files) - len(behind) - len(missing)
    _note(sizes)
    return FleetStatus(
        dict(states),
        dict(versions),
        current,
        tuple(behind),
        tuple(missing),
        failures,
        sum(sizes.values()),
        tuple(leases.runs()),
        _lost(rows),
    )


def _lost(rows: QuerySet[Tenant]) -> tuple[str, ...]:
    hosts = tenant_settings().hosts
    found = rows.filter(state__in=SERVED).exclude(host__in=hosts) if hosts else rows.none()
    return tuple(found.values_list("key", flat=True))


def _note(sizes: Mapping[str, int]) -> None:
    """Write the sizes that have changed into the table of tenants."""
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS)
    known = dict(rows.values_list("key", "size"))
    changed = [Tenant(key=key, size=size) for key, size in sizes.items() if known.get(key) != size]
    with suppress(OperationalError):  # who may only read the table gets the status, too
        rows.bulk_update(changed, ["size"])
