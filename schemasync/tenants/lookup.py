"""Read the row of a tenant, at most once a second for each."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_delete, post_save
from django.utils.asyncio import async_unsafe

from ..errors import Code
from .context import UnknownTenant
from .hosts import refuse_other_host
from .models import State, Tenant

FRESH = 1.0  # seconds for which a row is cached: the query takes longer than the rest of the middleware
MOST = 100_000  # rows in the cache


@dataclass(frozen=True, slots=True)
class Row:
    """The cached fields of the row of a tenant."""

    state: State
    host: str
    folder: str
    version: str


_rows: dict[str, tuple[float, Row]] = {}


def row(key: str) -> Row | None:
    """Return the row of a tenant, at most a second old; None if there is no such tenant."""
    return remembered(key) or _read(key)


def remembered(key: str) -> Row | None:
    """Return the row if it was read within the last second; None otherwise."""
    found = _rows.get(key)
    return found[1] if found is not None and found[0] > time.monotonic() else None


async def arow(key: str) -> Row | None:
    """Like row(), but for an event loop."""
    return remembered(key) or await sync_to_async(_read)(key)


def folder(key: str) -> str:
    """Return the folder in the row of a tenant; empty without a row. In an event loop, where queries are not allowed,
    it is the one that was read last, such as when the tenant was entered."""
    found = remembered(key)
    if found is None and key in _rows and _is_in_event_loop():
        found = _rows[key][1]
    found = found or _read(key)
    return "" if found is None else found.folder


def _is_in_event_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def _read(key: str) -> Row | None:
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=key).order_by()
    values = next(iter(rows.values_list("state", "host", "folder", "version")), None)
    if values is None:
        _rows.pop(key, None)
        return None
    if len(_rows) >= MOST:
        _rows.clear()
    found = Row(State(values[0]), *values[1:])
    _rows[key] = (time.monotonic() + FRESH, found)
    return found


@async_unsafe("You cannot enter a tenant with `with` from an async context - use `async with`.")
def check(key: str) -> None:
    """Raise UnknownTenant unless a tenant can be entered, and OtherHost if its file is on another host."""
    _refuse(key, row(key))


async def acheck(key: str) -> None:
    """Like check(), but for an event loop."""
    _refuse(key, await arow(key))


def _refuse(key: str, found: Row | None) -> None:
    if found is None:
        hint = f'To create it: schemasync.tenants.create_tenant("{key}")'
        raise UnknownTenant.of(Code.UNKNOWN_TENANT, f'there is no tenant "{key}"', hint, tenant=key)
    match found.state:
        case State.ACTIVE | State.MOVING | State.SUSPENDED | State.MOVING_SUSPENDED:
            refuse_other_host(key, found.host)
        case State.ARCHIVED:
            hint = f'To put it back: schemasync.tenants.activate_tenant("{key}")'
            raise UnknownTenant.of(Code.UNKNOWN_TENANT, f'the tenant "{key}" is archived', hint, tenant=key)
        case State.CREATING:
            raise _unfinished(key, "create")
        case State.DELETING:
            raise _unfinished(key, "delete")


def _unfinished(key: str, word: str) -> UnknownTenant:
    message = f'the tenant "{key}" is not {word}d yet, or the process that did it has died'
    hint = f'To finish it: schemasync.tenants.{word}_tenant("{key}")'
    return UnknownTenant.of(Code.UNKNOWN_TENANT, message, hint, tenant=key)


def forget(key: str) -> None:
    """Read the row of a tenant again at its next use."""
    if (known := _rows.get(key)) is not None:
        _rows[key] = (0.0, known[1])


def _forget(instance: Tenant, **rest: Any) -> None:
    forget(instance.pk)


post_save.connect(_forget, sender=Tenant)
post_delete.connect(_forget, sender=Tenant)
