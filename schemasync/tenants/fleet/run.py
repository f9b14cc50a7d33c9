"""Brings all tenants to the schema: the template first, then a few tenants, then the rest.

Nothing is recorded of the run itself: each file says whether it is current. So a run that is killed goes on when it is
started again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...actions.database import Database
from ...actions.sync import sync
from ...errors import Code, Failed
from ...schema.text import count
from ...sync.phases.decide import SyncOptions
from ..context import outside
from .one import Outcome
from .standing import Standing, served_keys, standings
from .workers import synced


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """`canary`: percent of the tenants that are synced before the rest. `stop_at`: percent of failures beyond which
    the run stops. `retry`: only those that failed last time."""

    canary: float = 1.0
    workers: int = 1
    stop_at: float = 2.0
    retry: bool = False


@dataclass(slots=True)
class FleetReport:
    """`current`: tenants with nothing to do. `left`: those that were not tried, because the run stopped."""

    version: str
    tenants: int = 0
    current: int = 0
    synced: list[Outcome] = field(default_factory=list)
    failed: list[Outcome] = field(default_factory=list)
    left: int = 0
    duration_ms: int = 0

    @property
    def problem(self) -> Failed | None:
        """The error for the command, if a tenant has failed."""
        if not self.failed:
            return None
        stopped = f", and {count(self.left, 'tenant')} not tried" if self.left else ""
        return Failed.of(
            Code.TENANTS_FAILED,
            f"{count(len(self.failed), 'tenant')} failed{stopped}: {_listed(self.failed)}",
            "Their files are as they were, and they go on with them. What each failed with: manage.py schemasync "
            "tenants status\nOnce that is fixed: manage.py schemasync tenants sync --retry",
        )


def sync_tenants(database: Database, options: FleetOptions, show: Callable[[Standing, int], object]) -> FleetReport:
    """Sync the template, and then all tenants. `show` gets one tenant of each state that a plan meets, and how many
    have it. Raises what the sync of the template raises."""
    begun = time.monotonic()
    with outside():
        report = FleetReport(sync(database, SyncOptions()).version)
    keys = served_keys(failed_only=options.retry)
    behind = [one for one in standings(keys) if not one.is_current]
    report.tenants, report.current = len(keys), len(keys) - len(behind)
    for number, one in _by_state(behind):
        show(one, number)
    first = math.ceil(len(behind) * options.canary / 100)
    for part in (behind[:first], behind[first:]):
        if _may_go_on(report, options, first):
            _run(database, [one.key for one in part], options, report, len(behind))
    report.left = len(behind) - len(report.synced) - len(report.failed)
    report.duration_ms = round((time.monotonic() - begun) * 1000)
    return report


def _run(database: Database, keys: Sequence[str], options: FleetOptions, report: FleetReport, total: int) -> None:
    def go_on(outcome: Outcome) -> bool:
        if outcome.is_interrupted:
            raise _interrupted(report)
        (report.failed if outcome.failure else report.synced).append(outcome)
        if outcome.failure:
            database.dialogue.warn(f"{outcome.key}: [{outcome.code}] {outcome.failure}")
        return _may_go_on(report, options, total)

    try:
        synced(list(keys), options.workers, database.wait, go_on)
    except KeyboardInterrupt as error:
        raise _interrupted(report) from error


def _may_go_on(report: FleetReport, options: FleetOptions, of: int) -> bool:
    """False if a larger share of `of` tenants has failed than may."""
    return len(report.failed) * 100 <= options.stop_at * of


def _interrupted(report: FleetReport) -> Failed:
    return Failed.of(
        Code.INTERRUPTED,
        f"stopped after {count(len(report.synced), 'tenant')}; each file is whole, in its old or its new version",
        "To go on: manage.py schemasync tenants sync",
    )


def _by_state(behind: Sequence[Standing]) -> list[tuple[int, Standing]]:
    """One tenant of each state, with how many have it, the most frequent first."""
    found: dict[tuple[str, str], list[Standing]] = {}
    for one in behind:
        found.setdefault(one.state, []).append(one)
    return sorted(((len(group), group[0]) for group in found.values()), key=lambda one: -one[0])


def _listed(failed: Sequence[Outcome]) -> str:
    names = ", ".join(f"{one.key} ({one.code})" for one in failed[:5])
    return names if len(failed) <= 5 else f"{names}, …"
