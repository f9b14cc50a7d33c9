"""Check the health of many tenants, each like `manage.py schemasync health`, with several workers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from django.db import DEFAULT_DB_ALIAS, transaction
from django.utils import timezone

from ...actions import health as action
from ...actions.addressed import addressed
from ...actions.database import Database
from ...actions.option_values import WAIT
from ...errors import Problem, ProblemJson, SchemasyncError
from ...sync.run.elapsed import ms_since
from .. import sizes
from ..models import Health
from ..paths import path_of
from .each import FleetOptions, each
from .one import Done, Outcome, opened
from .recorded import Unhealthy
from .standing import served


@dataclass(frozen=True, slots=True)
class Check:
    """A job that checks a tenant. A tenant that cannot be used is not a failure of the job."""

    wait: float = WAIT

    def __call__(self, key: str) -> Outcome:
        begun = time.monotonic()
        return Outcome(key, _checked(key, self.wait), "", "", ms_since(begun))


def _checked(key: str, wait: float) -> Done:
    at, size = timezone.now(), None
    try:
        with opened(key, wait) as database:
            found = action.health(database).health
            size = sizes.size_at(path_of(key))
        unusable, attention = found.unusable, found.attention
    except SchemasyncError as error:
        unusable, attention = error.problems, ()
    health = Health.UNUSABLE if unusable else Health.ATTENTION if attention else Health.OK
    problems = tuple(_of_tenant(one, key) for one in (*unusable, *attention))
    return Done("", health=health.value, problems=problems, size=size, at=at)


def _of_tenant(problem: Problem, key: str) -> ProblemJson:
    """Return the problem as JSON, with the tenant in the commands of its hint."""
    return replace(problem, hint=addressed(problem.hint, {"tenant": key})).as_json()


@dataclass(frozen=True, slots=True)
class HealthReport:
    """The results of the checks, without tenants that have left the host or are no longer in use."""

    checks: tuple[Outcome, ...]
    duration_ms: int

    def count(self, health: Health) -> int:
        """Return how many tenants are in this state."""
        return sum(one.done.health == health for one in self.checks)

    @property
    def unhealthy(self) -> list[Unhealthy]:
        """The tenants with problems, the unusable ones first."""
        found = [
            Unhealthy(one.key, health, one.done.at, one.done.problems)
            for one in self.checks
            if (health := Health(one.done.health)) is not Health.OK and one.done.at is not None
        ]
        return sorted(found, key=lambda one: one.health is not Health.UNUSABLE)

    @property
    def result(self) -> Literal["ok", "attention", "unusable"]:
        """The worst result of all tenants."""
        if self.count(Health.UNUSABLE):
            return "unusable"
        return "attention" if self.count(Health.ATTENTION) else "ok"


def check_all(database: Database, keys: Sequence[str], workers: int = 1) -> HealthReport:
    """Check these tenants, and write the results into the table. Raises Failed if this is interrupted: then the table
    is unchanged."""
    begun = time.monotonic()
    options = FleetOptions(canary=100, stop_at=100, workers=workers)
    checks = each(Check(database.wait), keys, options, database.dialogue).done
    here = [one for some in sizes.batches(checks) for one in _note(some)]
    return HealthReport(tuple(here), ms_since(begun))


def _note(some: Sequence[Outcome]) -> list[Outcome]:
    """Write the results, except for tenants with a newer result or no longer in use here. Return the results of those
    that are in use."""
    with transaction.atomic(using=DEFAULT_DB_ALIAS):
        rows = sizes.locked(served(), [one.key for one in some])
        known = {row.key: row for row in rows}
        here = [one for one in some if one.key in known]
        for one in here:
            row, at = known[one.key], one.done.at
            if at is None or (row.health_at is not None and row.health_at >= at):
                continue
            row.health, row.problems, row.health_at = one.done.health, list(one.done.problems), at
            row.save(using=DEFAULT_DB_ALIAS, update_fields=["health", "problems", "health_at"])
        sizes.note_locked(rows, {one.key: one.done.size for one in here if one.done.size is not None})
    return here
