"""What all tenants are: how many in which state and version, who is behind, who failed with what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS

from ...files.layout import Layout, size_of
from ..models import Tenant
from ..paths import path_of
from .standing import Standing, served_keys, standings


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """`states`: how many tenants are in which state. `behind`: those whose file is not current. `missing`: those
    without a readable file. `failures`: by key, what the last sync has raised. `bytes`: of all live files, without
    archives."""

    states: dict[str, int]
    versions: dict[str, int]
    current: int
    behind: tuple[Standing, ...]
    missing: tuple[str, ...]
    failures: dict[str, str]
    bytes: int


def fleet_status() -> FleetStatus:
    """Look at the row and the file of each tenant. Raises OSError without a schema.json."""
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).order_by("key")
    states = Counter(rows.values_list("state", flat=True))
    failures = dict(rows.exclude(failure="").values_list("key", "failure"))
    keys = served_keys()
    versions: Counter[str] = Counter()
    behind: list[Standing] = []
    missing: list[str] = []
    size = 0
    for one in standings(keys):
        if one.newest is None:
            missing.append(one.key)
            continue
        versions[one.version] += 1
        if not one.is_current:
            behind.append(one)
        live = Layout(path_of(one.key)).live()
        size += 0 if live is None else size_of(live.path)
    current = len(keys) - len(behind) - len(missing)
    return FleetStatus(dict(states), dict(versions), current, tuple(behind), tuple(missing), failures, size)
