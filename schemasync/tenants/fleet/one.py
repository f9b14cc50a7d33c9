"""Do a job with one tenant, in this process or in a worker."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from django.db import DEFAULT_DB_ALIAS, connections

from ...actions.addressed import addressed
from ...actions.database import Database
from ...actions.database_errors import translated_disk_and_query_errors
from ...actions.option_values import WAIT
from ...actions.sync import sync
from ...errors import Code, ProblemJson, SchemasyncError
from ...sync.phases.decide import SyncOptions
from ...sync.phases.same_state import SameState
from ...sync.run.elapsed import ms_since
from ..context import entered
from ..models import Tenant
from ..paths import path_of, refuse_without_file
from ..settings import tenant_settings
from ..sizes import Size, live_size


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a job with a tenant. `version`: the present version of its file. `rows`: for a rollback, how many
    were written since, by table. `backup`: the name of the new backup; `bytes`: its size in the storage. `health`,
    `problems`, `size` and `at`: the result of `tenants health`, and its time."""

    version: str
    rows: Mapping[str, int] = field(default_factory=dict)
    backup: str = ""
    bytes: int = 0
    health: str = ""
    problems: tuple[ProblemJson, ...] = ()
    size: Size | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a job with a tenant. `code` and `failure` are empty if it succeeded."""

    key: str
    done: Done
    code: str
    failure: str
    duration_ms: int

    @property
    def is_interrupted(self) -> bool:
        return self.code == Code.INTERRUPTED

    @property
    def version(self) -> str:
        """The present version of its file; empty after a failure."""
        return self.done.version

    @property
    def written(self) -> str:
        """The tables with their numbers of written rows, as a phrase."""
        return listed(self.done.rows)


def listed(rows: Mapping[str, int]) -> str:
    """Return tables with their numbers of rows as a phrase."""
    return ", ".join(f"{table} {number:,}" if number >= 0 else f"{table} (unknown)" for table, number in rows.items())


class Job(Protocol):
    """A job to do with each tenant. It can be pickled for another process."""

    def __call__(self, key: str) -> Outcome:
        """Do the job. Return an outcome also for a failure."""


FOR_EACH = SyncOptions(planned=SameState())
"""The options of a sync of all tenants: those in the same state are planned once in each process."""


@dataclass(frozen=True, slots=True)
class Sync:
    """A job that syncs the file of a tenant. A failure leaves it as it was."""

    wait: float = WAIT

    def __call__(self, key: str) -> Outcome:
        return noted(tried(key, self.wait, lambda database: Done(sync(database, FOR_EACH).version)))


@contextmanager
def opened(key: str, wait: float) -> Iterator[Database]:
    """Enter a tenant during the block, and yield its database, whose connection is closed at the end. Raises
    SchemasyncError for a tenant without a file, and for errors of the disk and of SQLite in the block."""
    entry = tenant_settings().entry
    with entered(key), translated_disk_and_query_errors(path_of(key)):
        try:
            refuse_without_file(key)
            yield Database(entry, wait=wait)
        finally:
            connections[entry].close()


def tried(key: str, wait: float, do: Callable[[Database], Done]) -> Outcome:
    """Call `do` with the database of a tenant, within the tenant. Return the outcome, also of a failure."""
    begun, done, code, failure = time.monotonic(), Done(""), "", ""
    try:
        with opened(key, wait) as database:
            done = do(database)
    except SchemasyncError as error:
        code, failure = str(error.code), addressed(str(error), {"tenant": key})
    return Outcome(key, done, code, failure, ms_since(begun))


ROLLBACK = "rollback: "
"""The prefix of a rollback's failure in the row of a tenant: a sync that finds the tenant current does not clear it."""


def noted(outcome: Outcome, what: str = "") -> Outcome:
    """Write the outcome into the row of the tenant, and return it. `what`: the prefix of a failure there."""
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).filter(pk=outcome.key)
    if outcome.failure and not outcome.is_interrupted:
        rows.update(failure=f"{what}[{outcome.code}] {outcome.failure}")
    elif not outcome.failure:
        rows.update(version=outcome.version, failure="", size=live_size(path_of(outcome.key)))
    return outcome
