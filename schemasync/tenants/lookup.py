"""Asks the table of tenants whether one exists, at most once a second for each."""

from __future__ import annotations

import time
from typing import Any

from asgiref.sync import sync_to_async
from django.db import DEFAULT_DB_ALIAS
from django.db.models.signals import post_delete, post_save
from django.utils.asyncio import async_unsafe

from ..errors import Code
from .context import UnknownTenant
from .models import State, Tenant

FRESH = 1.0  # seconds for which a row is not read again: a query takes longer than all else that a request pays for
MOST = 100_000  # rows that are remembered

_states: dict[str, tuple[float, State]] = {}


def state(key: str) -> State | None:
    """The state of a tenant, which may have changed within the last second; None if there is no such tenant."""
    return remembered(key) or _read(key)


def remembered(key: str) -> State | None:
    """The state that was read within the last second."""
    found = _states.get(key)
    return found[1] if found is not None and found[0] > time.monotonic() else None


async def astate(key: str) -> State | None:
    """As `state`, in an event loop."""
    return remembered(key) or await sync_to_async(_read)(key)


def _read(key: str) -> State | None:
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=key).order_by().values_list("state", flat=True)
    found = next(iter(rows), None)
    if found is None:
        return None
    if len(_states) >= MOST:
        _states.clear()
    _states[key] = (time.monotonic() + FRESH, State(found))
    return State(found)


@async_unsafe("You cannot enter a tenant with `with` from an async context - use `async with`.")
def check(key: str) -> None:
    """Raise UnknownTenant unless a tenant can be entered."""
    _refuse(key, state(key))


async def acheck(key: str) -> None:
    """As `check`, in an event loop."""
    _refuse(key, await astate(key))


def _refuse(key: str, found: State | None) -> None:
    match found:
        case State.ACTIVE | State.SUSPENDED:
            return
        case State.ARCHIVED:
            hint = f'To put it back: schemasync.tenants.activate_tenant("{key}")'
            raise UnknownTenant.of(Code.UNKNOWN_TENANT, f'the tenant "{key}" is archived', hint, tenant=key)
        case State.CREATING | State.DELETING:
            word = "create" if found is State.CREATING else "delete"
            message = f'the tenant "{key}" is not {word}d yet, or the process that did it has died'
            hint = f'To finish it: schemasync.tenants.{word}_tenant("{key}")'
            raise UnknownTenant.of(Code.UNKNOWN_TENANT, message, hint, tenant=key)
        case None:
            hint = f'To create it: schemasync.tenants.create_tenant("{key}")'
            raise UnknownTenant.of(Code.UNKNOWN_TENANT, f'there is no tenant "{key}"', hint, tenant=key)


def forget(key: str) -> None:
    """Read the row of a tenant again at its next use."""
    _states.pop(key, None)


def _forget(instance: Tenant, **rest: Any) -> None:
    forget(instance.pk)


post_save.connect(_forget, sender=Tenant)
post_delete.connect(_forget, sender=Tenant)
