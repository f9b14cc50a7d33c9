"""Sync the tenants of this host on the request of another host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...actions.database import Database
from ...errors import Code, Refused, SchemasyncError
from ...schema.text import short
from ..context import OtherHost
from ..models import HostRun
from ..settings import tenant_settings
from . import leases
from .as_json import sync_json
from .each import FleetOptions
from .run import FleetReport, sync_tenants


def sync_here(host: str, run: str) -> Mapping[str, Any]:
    """Do a requested sync, as a task of this host. Return the output of `tenants sync --json`, or "superseded" if there
    is a newer request. Raises the error of a sync that fails, so that the task fails."""
    if host != tenant_settings().host:
        raise OtherHost.of(
            Code.OTHER_HOST,
            f'this is a task of the host "{host}", and a worker of "{tenant_settings().host}" has it',
            f"Let only that host have its queue: manage.py db_worker --queue-name {host}",
        )
    if (row := leases.take(host, run)) is None:
        return {"result": "superseded"}
    with leases.beating(row):
        outcome, problem = _done(row)
    leases.finish(row, outcome)
    if problem is not None:
        raise problem
    return outcome


def _done(row: HostRun) -> tuple[Mapping[str, Any], SchemasyncError | None]:
    """Sync, and return the result as JSON, and the error if it failed."""
    try:
        done = _synced(row)
    except SchemasyncError as error:
        return {"result": "failed", "errors": [one.as_json() for one in error.problems]}, error
    return sync_json(done), done.problem


def _synced(row: HostRun) -> FleetReport:
    database = Database(tenant_settings().entry)
    here = database.document().version
    if here != row.version:
        raise Refused.of(
            Code.OTHER_RELEASE,
            f'schema.json of the host "{row.host}" has version {short(here)}, and the run is to {short(row.version)}',
            "Deploy the release there, then ask again: manage.py schemasync tenants sync --all-hosts",
        )
    return sync_tenants(database, FleetOptions(**row.options), lambda one, number: None)
