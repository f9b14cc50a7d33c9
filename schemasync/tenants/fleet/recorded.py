"""Summarize the table of tenants, without reading their files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, QuerySet, Sum

from ...errors import ProblemJson
from ..models import Health, Tenant
from ..settings import tenant_settings
from ..sizes import with_growth
from .standing import SERVED

MOST = 10  # of the tenants that have grown most


@dataclass(frozen=True, slots=True)
class Growing:
    """A tenant whose live file has `bytes` bytes, `growth` more than 30 days ago."""

    key: str
    bytes: int
    growth: int


@dataclass(frozen=True, slots=True)
class Unhealthy:
    """A tenant with problems that `tenants health` found at the time `at`."""

    key: str
    health: Health
    at: datetime
    problems: tuple[ProblemJson, ...]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A summary of the table. `states`: the number of tenants by state. `failures`: the error of the last sync or
    rollback, by key. `lost`: tenants in use whose host is not in HOSTS, so that no host serves them.

    The other fields are about the tenants in use. `versions`: their number by version. `bytes`: of their live files.
    `growth`: of these in 30 days, in bytes. `growing`: those that have grown most. `files`: the number of their files
    and folders. `health`: their number by health. `unhealthy`: those with problems. `unchecked`: how many were never
    checked. `health_at`: the oldest of their last checks."""

    states: dict[str, int]
    versions: dict[str, int]
    failures: dict[str, str]
    lost: tuple[str, ...]
    bytes: int
    growth: int
    growing: tuple[Growing, ...]
    files: int
    health: dict[str, int]
    unhealthy: tuple[Unhealthy, ...]
    unchecked: int
    health_at: datetime | None


def recorded(rows: QuerySet[Tenant], most: int | None = None) -> Recorded:
    """Summarize the rows of these tenants. `most`: how many failures and unhealthy tenants to read, None for all."""
    rows = rows.order_by("key")
    served = rows.filter(state__in=SERVED)
    total = served.aggregate(Sum("size"), Sum("files"))
    growing = with_growth(served).filter(growth__gt=0).order_by("-growth", "key")
    checked = served.exclude(health="")
    return Recorded(
        _counts(rows, "state"),
        _counts(served, "version"),
        dict(rows.exclude(failure="").values_list("key", "failure")[:most]),
        _lost(served),
        total["size__sum"] or 0,
        with_growth(served).aggregate(Sum("growth"))["growth__sum"] or 0,
        tuple(Growing(*one) for one in growing.values_list("key", "size", "growth")[:MOST]),
        total["files__sum"] or 0,
        _counts(checked, "health"),
        tuple(
            Unhealthy(one.key, Health(one.health), one.health_at, tuple(one.problems))
            for one in checked.exclude(health=Health.OK).order_by("-health", "key")[:most]
        ),
        served.filter(health="").count(),
        checked.aggregate(Min("health_at"))["health_at__min"],
    )


def _counts(rows: QuerySet[Tenant], name: str) -> dict[str, int]:
    return dict(rows.order_by(name).values_list(name).annotate(Count("key")))


def _lost(served: QuerySet[Tenant]) -> tuple[str, ...]:
    hosts = tenant_settings().hosts
    return tuple(served.exclude(host__in=hosts).values_list("key", flat=True)) if hosts else ()
