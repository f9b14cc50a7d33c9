"""Asks each tenant what `manage.py schemasync health` says of its database, so many at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from django.db import DEFAULT_DB_ALIAS, connections, transaction

from ...actions import health as action
from ...actions.addressed import addressed
from ...actions.database import Database
from ...actions.option_values import WAIT
from ...errors import Problem, ProblemJson, SchemasyncError
from .. import sizes
from ..context import entered
from ..models import Health, Tenant
from ..paths import path_of
from ..settings import tenant_settings
from .each import FleetOptions, each
from .one import Done, Outcome, refuse_without_file
from .recorded import Unhealthy


@dataclass(frozen=True, slots=True)
class Look:
    """Asks a tenant. One that cannot be used is no failure of the job."""

    wait: float = WAIT

    def __call__(self, key: str) -> Outcome:
        begun, entry = time.monotonic(), tenant_settings().entry
        with entered(key):
            done = _found(key, Database(entry, wait=self.wait))
            connections[entry].close()
        return Outcome(key, done, "", "", round((time.monotonic() - begun) * 1000))


def _found(key: str, database: Database) -> Done:
    try:
        refuse_without_file(key)
        found = action.health(database).health
        unusable, attention = found.unusable, found.attention
    except SchemasyncError as error:
        unusable, attention = error.problems, ()
    health = Health.UNUSABLE if unusable else Health.ATTENTION if attention else Health.OK
    problems = tuple(_of_tenant(one, key) for one in (*unusable, *attention))
    return Done("", health=health.value, problems=problems, size=sizes.size_at(path_of(key)))


def _of_tenant(problem: Problem, key: str) -> ProblemJson:
    """The problem, with the tenant in the commands of its hint."""
    return replace(problem, hint=addressed(problem.hint, {"tenant": key})).as_json()


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What the tenants said at this time."""

    looks: tuple[Outcome, ...]
    at: datetime
    duration_ms: int

    def count(self, health: Health) -> int:
        """How many said this."""
        return sum(one.done.health == health for one in self.looks)

    @property
    def unhealthy(self) -> list[Unhealthy]:
        """Those with problems, the unusable ones first."""
        found = [
            Unhealthy(one.key, health, self.at, one.done.problems)
            for one in self.looks
            if (health := Health(one.done.health)) is not Health.OK
        ]
        return sorted(found, key=lambda one: one.health is not Health.UNUSABLE)

    @property
    def result(self) -> Literal["ok", "attention", "unusable"]:
        """The worst of all."""
        if self.count(Health.UNUSABLE):
            return "unusable"
        return "attention" if self.count(Health.ATTENTION) else "ok"


def look_at(database: Database, keys: Sequence[str], workers: int = 1) -> HealthReport:
    """Ask these tenants, and write into the table what they say. Raises Failed if it is interrupted: then the table is
    as it was."""
    begun = time.monotonic()
    options = FleetOptions(canary=100, stop_at=100, workers=workers)
    looks = each(Look(database.wait), keys, options, database.dialogue).done
    at = datetime.now(UTC)
    _note(looks, at)
    return HealthReport(tuple(looks), at, round((time.monotonic() - begun) * 1000))


def _note(looks: Sequence[Outcome], at: datetime) -> None:
    rows = Tenant.objects.using(DEFAULT_DB_ALIAS).order_by()
    for some in sizes.batches(looks):
        with transaction.atomic(using=DEFAULT_DB_ALIAS):
            of_some = rows.filter(pk__in=[one.key for one in some])
            of_some.update(health_at=at)
            known = {key: said for key, *said in of_some.values_list("key", "health", "problems")}
            for one in some:
                if known.get(one.key) != (said := [one.done.health, list(one.done.problems)]):
                    rows.filter(pk=one.key).update(health=said[0], problems=said[1])
    sizes.note({one.key: one.done.size for one in looks if one.done.size is not None})
