"""Find the connection of a tenant: `connections["tenant:acme"]`, which is no entry of DATABASES.

Django visits all entries of DATABASES at the beginning and at the end of each request, and opens a transaction for each
that has ATOMIC_REQUESTS. So all tenants share one entry. Its name means the database of the entered tenant, and outside
of any tenant the template, from which new tenants are created.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.utils import ConnectionHandler

from . import caches, open_files
from .administered import administered_connection
from .connection import TenantConnection
from .context import current, current_alias, entered_keys, refuse_other
from .paths import path_of
from .settings import TenantSettings, tenant_settings


class Held:
    """The connections of one thread. `by_alias`: all. `used`: the aliases that were used since a request last began or
    ended."""

    def __init__(self) -> None:
        self.by_alias: OrderedDict[str, TenantConnection] = OrderedDict()
        self.used: set[str] = set()


class TenantConnections(ConnectionHandler):
    """Django's handler, extended by the databases of tenants, which are not in `settings`."""

    _of_tenants: TenantSettings
    _connections: Any  # an asgiref.local.Local

    def __getitem__(self, alias: str) -> Any:
        found = self._of_tenants
        if alias == found.entry:
            if (key := current()) is None:
                return super().__getitem__(alias)
            return self._tenant(found.alias(key), key)
        if (key := found.key(alias)) is None:
            return super().__getitem__(alias)
        if (administered := administered_connection(alias)) is not None:
            return administered
        refuse_other(key, f'the database "{alias}"')
        return self._tenant(alias, key)

    def _tenant(self, alias: str, key: str) -> TenantConnection:
        held = self.held()
        connection = held.by_alias.get(alias)
        if connection is None:
            self._drop_closed(held)
            connection = held.by_alias[alias] = self._create(alias, key)
        if alias not in held.used:
            held.used.add(alias)
        open_files.used(connection)
        return connection

    def _create(self, alias: str, key: str) -> TenantConnection:
        entry = {**self.settings[self._of_tenants.entry], "NAME": path_of(key), "ATOMIC_REQUESTS": False}
        return TenantConnection(entry, alias)

    def _drop_closed(self, held: Held) -> None:
        """Close the connections that other threads have asked to close, and drop the closed ones; except for those of
        entered tenants."""
        entered = set(map(self._of_tenants.alias, entered_keys()))
        for alias, connection in list(held.by_alias.items()):
            if alias in entered or not connection.is_idle():
                continue
            if connection.is_asked_to_close:
                connection.close()
            if connection.connection is None:
                del held.by_alias[alias]
                held.used.discard(alias)
                caches.forget(alias)

    def held(self) -> Held:
        """Return the connections of this thread to tenants."""
        try:
            found: Held = self._connections.schemasync_tenants
        except AttributeError:
            found = self._connections.schemasync_tenants = Held()
        return found

    def close_all(self) -> None:
        super().close_all()
        for connection in self.held().by_alias.values():
            connection.close()


class _InsideTenant:
    """ATOMIC_REQUESTS of the shared entry: true if a view runs inside a tenant, whose database the entry then means."""

    def __bool__(self) -> bool:
        return current() is not None


def install() -> None:
    """Let Django's `connections` know the databases of tenants, and let `transaction.atomic()` mean the tenant's."""
    found = tenant_settings()
    connections.__class__ = TenantConnections
    connections._of_tenants = found  # type: ignore[attr-defined]
    entry = connections.settings.get(found.entry)
    if entry is not None and entry["ATOMIC_REQUESTS"]:
        entry["ATOMIC_REQUESTS"] = _InsideTenant()
    transaction.get_connection = _connection
    request_started.connect(_between_requests)
    request_finished.connect(_between_requests)


def _connection(using: str | None = None) -> Any:
    """Like Django's get_connection(), but inside a tenant its database is the default, for atomic() and on_commit()."""
    if using is None:
        using = DEFAULT_DB_ALIAS if current() is None else current_alias()
    return connections[using]


def _between_requests(**signal: Any) -> None:
    """Reset the connections to tenants that this thread has used, as Django does with those of DATABASES: clear the
    query log, and close the connections that are unusable, too old, or asked to close."""
    held = connections.held()  # type: ignore[attr-defined]
    for alias in held.used:
        if (connection := held.by_alias.get(alias)) is not None:
            if connection.in_atomic_block:
                continue  # a request within a transaction: that of a test, around a call of its client
            connection.queries_log.clear()
            connection.close_if_unusable_or_obsolete()
            if connection.is_asked_to_close and connection.is_idle():
                connection.close()
    held.used.clear()
