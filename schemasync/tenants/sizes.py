"""Measure and record the sizes of tenants' files, and their growth.

The table of sizes has a row for each day on which a file had another size than before, so a file of constant size takes
one row. Days are those of UTC.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Exists, F, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from ..files.layout import Layout, size_of
from .models import Tenant, TenantSize

Item = TypeVar("Item")

DAYS = 30  # the period of the growth
BATCH = 200  # rows


@dataclass(frozen=True, slots=True)
class Size:
    """The size of a tenant. `bytes`: of the live file. `files`: how many files and folders it has, each of which takes
    an inode."""

    bytes: int
    files: int


def size_at(path: Path) -> Size | None:
    """Return the size of the tenant whose database is at `path`; None if there is no live file."""
    live = live_size(path)
    return None if live is None else Size(live, sum(_counts(path.parent)))


def live_size(path: Path) -> int | None:
    """Return the bytes of the live file of a database; None if there is none."""
    live = Layout(path).live()
    return None if live is None else size_of(live.path)


def _counts(folder: Path) -> Iterator[int]:
    for _path, folders, files in os.walk(folder):
        # a link to a folder is listed as one, and not entered
        yield 1 + len(files) + sum(os.path.islink(os.path.join(_path, one)) for one in folders)  # noqa: PTH114, PTH118


def note(found: Mapping[str, Size], today: date | None = None) -> None:
    """Write the sizes of these tenants into the tables, in short transactions."""
    for keys in batches(list(found)):
        with transaction.atomic(using=DEFAULT_DB_ALIAS):
            rows = Tenant.objects.using(DEFAULT_DB_ALIAS)
            note_locked(locked(rows, keys), {key: found[key] for key in keys}, today)


def batches(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield batches for one transaction each: they are small, because requests that write have to wait for it."""
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]


def locked(rows: QuerySet[Tenant], keys: Iterable[str]) -> list[Tenant]:
    """Return the rows with these keys, locked in the order of the keys, so that no two processes wait for each other.

    SQLite has one lock, and only a write waits for it: a transaction of Django's own backend that begins with a query
    fails at once if another one commits before it writes. So this begins with a write."""
    if connections[DEFAULT_DB_ALIAS].vendor == "sqlite":
        Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk__in=keys).order_by().update(files=F("files"))
    return list(rows.filter(pk__in=keys).order_by("pk").select_for_update())


def note_locked(rows: Sequence[Tenant], found: Mapping[str, Size], today: date | None = None) -> None:
    """Write the sizes into these rows and into the table of sizes, and delete sizes that the growth no longer needs."""
    today = today or datetime.now(UTC).date()
    sizes = TenantSize.objects.using(DEFAULT_DB_ALIAS).filter(tenant__in=[row.key for row in rows])
    noted = dict(sizes.order_by("day").values_list("tenant", "size"))  # the last of each
    new = list[TenantSize]()
    for row in rows:
        if (one := found.get(row.key)) is None:
            continue
        if (row.size, row.files) != (one.bytes, one.files):
            row.size, row.files = one.bytes, one.files
            row.save(using=DEFAULT_DB_ALIAS, update_fields=["size", "files"])
        if noted.get(row.key) != one.bytes:
            new.append(TenantSize(tenant=row, day=today, size=one.bytes))
    if new:
        sizes.bulk_create(new, update_conflicts=True, update_fields=["size"], unique_fields=["tenant", "day"])
        _without_use(sizes, today).delete()


def with_growth(rows: QuerySet[Tenant], today: date | None = None) -> QuerySet[Tenant]:
    """Return the tenants with an annotation `growth`: by how many bytes the live file has grown in the last 30 days, or
    since its size was first recorded; null if it never was."""
    until = (today or datetime.now(UTC).date()) - timedelta(DAYS)
    sizes = TenantSize.objects.using(DEFAULT_DB_ALIAS).filter(tenant=OuterRef("pk"))
    before = Subquery(sizes.filter(day__lte=until).order_by("-day").values("size")[:1])
    first = Subquery(sizes.order_by("day").values("size")[:1])
    found: QuerySet[Tenant] = rows.annotate(growth=F("size") - Coalesce(before, first))
    return found


def _without_use(sizes: QuerySet[TenantSize], today: date) -> QuerySet[TenantSize]:
    """Return the sizes that with_growth() does not need: those older than the newest one from 30 or more days ago."""
    until = today - timedelta(DAYS)
    newer = TenantSize.objects.using(DEFAULT_DB_ALIAS).filter(
        tenant=OuterRef("tenant"), day__gt=OuterRef("day"), day__lte=until
    )
    return sizes.filter(Exists(newer))
