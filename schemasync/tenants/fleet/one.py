"""Brings one tenant to the schema, in this process or in a worker."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, connections

from ...actions.database import Database
from ...actions.option_values import WAIT
from ...actions.sync import sync
from ...errors import Code, Refused, SchemasyncError
from ...files.layout import Layout, PathKind
from ...sync.phases.decide import SyncOptions
from ..context import entered
from ..models import Tenant
from ..paths import path_of
from ..settings import tenant_settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it went with a tenant: `code` and `failure` are empty if it is current now."""

    key: str
    version: str
    code: str
    failure: str
    duration_ms: int

    @property
    def is_interrupted(self) -> bool:
        return self.code == Code.INTERRUPTED


def sync_tenant(key: str, wait: float = WAIT) -> Outcome:
    """Sync the file of a tenant, and write into its row how it went. A failure leaves the file as it was."""
    begun, entry = time.monotonic(), tenant_settings().entry
    version, code, failure = "", "", ""
    with entered(key):
        try:
            _refuse_without_file(key)
            version = sync(Database(entry, wait=wait), SyncOptions()).version
        except SchemasyncError as error:
            code, failure = str(error.code), str(error)
        connections[entry].close()
    outcome = Outcome(key, version, code, failure, round((time.monotonic() - begun) * 1000))
    if not outcome.is_interrupted:
        _note(outcome)
    return outcome


def _refuse_without_file(key: str) -> None:
    """Raise Refused for a tenant without a file: a sync would create an empty one, although the disk of the rows may
    only not be mounted."""
    path = path_of(key)
    if Layout(path).path_kind() is PathKind.NOTHING:
        raise Refused.of(
            Code.NO_DATABASE, f"there is no database at {path}", "Mount its disk, or restore a backup there."
        )


def _note(outcome: Outcome) -> None:
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=outcome.key)
    if outcome.failure:
        rows.update(failure=f"[{outcome.code}] {outcome.failure}")
    else:
        rows.update(version=outcome.version, failure="")
