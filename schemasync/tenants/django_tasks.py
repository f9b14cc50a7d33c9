"""Tasks for the workers of several hosts, each of which works on the queue with its name.

Each task runs in a context of its own, so that it does not inherit context variables of another task of the worker,
such as an entered tenant.
"""

from __future__ import annotations

import contextvars
from collections.abc import Mapping
from typing import Any

from ..errors import Code, UsageError
from ..task import task
from .creation import create_tenant
from .fleet import host_runs, leases
from .settings import tenant_settings

_of_this_host = task(queue_name=tenant_settings().host or "default")


@_of_this_host  # type: ignore[untyped-decorator,unused-ignore]
def sync_host(host: str, run: str) -> dict[str, Any]:
    """Sync the tenants of this host. Return the output of `manage.py schemasync tenants sync --json`. The task fails if
    a tenant fails."""
    return dict(contextvars.Context().run(host_runs.sync_here, host, run))


@_of_this_host  # type: ignore[untyped-decorator,unused-ignore]
def create(key: str, name: str = "", **fields: Any) -> dict[str, str]:
    """Create a tenant on this host, with these fields of its row. Return its key, host and version."""
    made = contextvars.Context().run(create_tenant, key, name, **fields)
    return {"key": made.key, "host": made.host, "version": made.version}


def ask_all_hosts(version: str, options: Mapping[str, Any]) -> list[str]:
    """Request a sync to this version from each host. Return the hosts on which one runs already. Raises UsageError
    without hosts, and if TASKS has no queue for a host."""
    hosts = tenant_settings().hosts
    if not hosts:
        raise UsageError.of(Code.NO_HOST, "all tenants are on one host", "manage.py schemasync tenants sync")
    queues = sync_host.get_backend().queues
    if lacking := [host for host in hosts if queues and host not in queues]:
        raise UsageError.of(
            Code.NO_HOST,
            f"TASKS has no queue for {', '.join(lacking)}",
            f'"QUEUES": {["default", *hosts]!r}',
        )
    return leases.ask(hosts, version, options, lambda host, run: sync_host.using(queue_name=host).enqueue(host, run))
