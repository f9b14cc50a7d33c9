"""Let a page of Django's admin, which is outside of all tenants, show and roll back the database of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections, router
from django.db.models import Model

from ..backends.sqlite3.base import DatabaseWrapper
from ..databases import NEW_FILE
from . import lookup
from .connection import of_a_tenant, unmeasured
from .context import entered
from .models import Tenant
from .paths import path_of, refuse_without_file
from .settings import tenant_settings


class AdministeredConnection(DatabaseWrapper):
    """A connection to the file of a tenant for the admin, separate from those of requests for the tenant."""

    def get_connection_params(self) -> dict[str, Any]:
        return of_a_tenant(super().get_connection_params(), path_of(str(tenant_settings().key(self.alias))))

    def _measure(self, path: Any) -> None:
        unmeasured(self)


_administered: ContextVar[DatabaseWrapper | None] = ContextVar("schemasync_tenant_administered", default=None)


@contextmanager
def administered(alias: str) -> Iterator[None]:
    """Make `connections[alias]` the database of a tenant during the block, although no tenant is entered. The
    connection is closed when the block ends, and ON_STARTUP does not apply to it. Raises UnknownTenant, OtherHost, and
    Refused for a tenant without a file."""
    settings = tenant_settings()
    key = str(settings.key(alias))
    lookup.check(key)
    refuse_without_file(key)
    entry = {**connections.settings[settings.entry], "NAME": path_of(key), "ATOMIC_REQUESTS": False, NEW_FILE: True}
    connection = AdministeredConnection(entry, alias)
    before = _administered.get()
    _administered.set(connection)
    try:
        yield
    finally:
        _administered.set(before)
        connection.close()


def administered_connection(alias: str) -> DatabaseWrapper | None:
    """Return the connection of the open administered() block; None if there is none, or it is of another database."""
    found = _administered.get()
    return found if found is not None and found.alias == alias else None


def has(alias: str, model: type[Model]) -> bool:
    """True if the rows of a model are in the tenant's file `alias`, and not in the default database."""
    with entered(tenant_settings().key(alias)):
        return router.db_for_write(model) == alias


def row_of(alias: str) -> Tenant:
    """Return the row of the tenant to which a database belongs."""
    return Tenant.objects.using(DEFAULT_DB_ALIAS).get(pk=tenant_settings().key(alias))
