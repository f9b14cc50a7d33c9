"""Lets a page of Django's admin, which is outside of all tenants, show and roll back the database of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import DEFAULT_DB_ALIAS, connections

from ..backends.sqlite3.base import DatabaseWrapper
from ..databases import NEW_FILE
from . import lookup
from .models import Tenant
from .paths import path_of
from .settings import tenant_settings

_administered: ContextVar[DatabaseWrapper | None] = ContextVar("schemasync_tenant_administered", default=None)


@contextmanager
def administered(alias: str) -> Iterator[None]:
    """A block in which `connections[alias]` is the database of a tenant, although no tenant is entered. The connection
    is closed when the block ends, and ON_STARTUP does not apply to it. Raises UnknownTenant and OtherHost."""
    settings = tenant_settings()
    key = settings.key(alias)
    assert key is not None
    lookup.check(key)
    entry = {**connections.settings[settings.entry], "NAME": path_of(key), "ATOMIC_REQUESTS": False, NEW_FILE: True}
    connection = DatabaseWrapper(entry, alias)
    before = _administered.get()
    _administered.set(connection)
    try:
        yield
    finally:
        _administered.set(before)
        connection.close()


def administered_connection(alias: str) -> DatabaseWrapper | None:
    """The connection of the block around this line, if it is that of this database."""
    found = _administered.get()
    return found if found is not None and found.alias == alias else None


def note_version(key: str, version: str) -> None:
    """Write into the row of a tenant which version its file has now."""
    Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=key).update(version=version)
