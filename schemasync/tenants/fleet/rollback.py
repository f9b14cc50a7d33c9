"""Roll back all tenants that have the version of a release, or one tenant.

As in a sync of all, the run itself is not recorded: a tenant that was rolled back has another version, so a killed run
goes on when it is started again.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from ...actions import rollback as action
from ...actions.database import Database
from ...errors import Code, Failed, Refused, SchemasyncError, UsageError
from ...history.rows import FEWEST
from ...schema.text import count, first_few, short
from ...sync import history
from ...sync.run.elapsed import ms_since
from ..context import entered, outside
from ..lookup import check
from ..settings import tenant_settings
from .each import FleetOptions, Tally, each
from .one import Outcome
from .rollback_one import Count, Rollback, Writes, destination
from .standing import Standing, served_files, standings


@dataclass(frozen=True, slots=True)
class RollbackReport:
    """The result of a rollback. `release`: the version that tenants were rolled back from; empty for one named tenant.
    `without_earlier`: tenants without an earlier file, such as those that were created since. `is_dry_run`: nothing was
    changed. `writes`: the treatment of rows that were written since."""

    release: str
    tally: Tally
    without_earlier: tuple[str, ...] = ()
    duration_ms: int = 0
    is_dry_run: bool = False
    writes: Writes = Writes.REFUSE

    @property
    def staying(self) -> list[Outcome]:
        """For a dry run, the tenants that would not be rolled back, because rows were written since."""
        refuses = self.is_dry_run and self.writes is Writes.REFUSE
        return [one for one in self.tally.done if refuses and one.done.rows]

    @property
    def result(self) -> Literal["current", "planned", "rolled_back"]:
        """The result as one word, if no tenant has failed."""
        if self.is_dry_run:
            return "planned"
        return "rolled_back" if self.tally.done else "current"

    @property
    def problem(self) -> Failed | None:
        """The error for the command, if a tenant was not rolled back."""
        failed = self.tally.failure("Their files are as they were, and they go on with them. Why: see above.")
        if failed is not None or not self.without_earlier or self.is_dry_run:
            return failed
        return Failed.of(
            Code.TENANTS_FAILED,
            f"{count(len(self.without_earlier), 'tenant')} without an earlier file stayed at {short(self.release)}: "
            f"{first_few(self.without_earlier)}",
            "They were created since, or their archives were removed. To bring them to the earlier schema, put its "
            "schema.json in place, then in manage.py shell: from schemasync import api, tenants; "
            f'tenants.for_each_tenant(lambda: api.sync(database="{tenant_settings().entry}", allow_older=True), '
            f"{list(self.without_earlier)!r})",
        )


def roll_back_release(
    database: Database, wanted: str, options: FleetOptions, writes: Writes, *, is_dry_run: bool = False
) -> RollbackReport:
    """Roll back the template and then every tenant with the version `wanted`, of which the first digits are enough.
    Raises UsageError if `wanted` is ambiguous or no version, and the errors of the rollback of the template."""
    begun = time.monotonic()
    found = list(standings(served_files(options.group, failed_only=options.retry)))
    release = _release(database, found, wanted)
    here = [one.key for one in found if one.newest is None or one.version == release]
    without_earlier = tuple(key for key in here if _has_no_earlier(database, key, release))
    if not is_dry_run:
        with outside():
            _template_back(database, release)
    job = (Count if is_dry_run else Rollback)(release, writes, database.wait)
    options = replace(options, canary=100, stop_at=100) if is_dry_run else options
    tally = each(job, [key for key in here if key not in without_earlier], options, database.dialogue)
    duration_ms = ms_since(begun)
    return RollbackReport(release, tally, without_earlier, duration_ms, is_dry_run, writes)


def roll_back_tenant(database: Database, key: str, writes: Writes, *, is_dry_run: bool = False) -> RollbackReport:
    """Roll back one tenant. Raises UnknownTenant or OtherHost; other failures are in the report."""
    begun = time.monotonic()
    check(key)
    tally = each(
        (Count if is_dry_run else Rollback)(None, writes, database.wait), [key], FleetOptions(), database.dialogue
    )
    return RollbackReport("", tally, (), ms_since(begun), is_dry_run, writes)


def _release(database: Database, found: Iterable[Standing], wanted: str) -> str:
    """Return the version that begins with these digits, among those of the tenants and of the template's history.
    Raises UsageError if there is none, or more than one."""
    digits = wanted.removeprefix("1:").lower()
    with outside():
        known = {row.version for row in history.rows(database.target())}
    known |= {one.version for one in found}
    fitting = sorted(one for one in known if one and one.partition(":")[2].startswith(digits))
    if len(digits) < FEWEST or len(fitting) != 1:
        may_be = f", and may be any of {', '.join(map(short, fitting))}" if fitting else ""
        raise UsageError.of(
            Code.UNKNOWN_GENERATION,
            f"--version {wanted} is no version of the tenants{may_be}",
            f"Use {FEWEST} digits or more. To list the versions: manage.py schemasync tenants status",
        )
    return fitting[0]


def _has_no_earlier(database: Database, key: str, release: str) -> bool:
    """True for a tenant whose file has had its version from the start, or whose earlier file is gone. False if it
    cannot be read: its rollback then reports the error."""
    with entered(key):
        target = database.target()
        try:
            rows = history.rows(target)
        except SchemasyncError:
            return False
        if rows[-1].version != release:
            return False
        generation = destination(rows, release)
        if generation is None:
            return all(row.version == release for row in rows)
        file = target.layout.generation(generation)
        return file is None or not file.path.is_file()


def _template_back(database: Database, release: str) -> None:
    """Roll back the template, if it has the release. It comes first, so that no tenant is created with the release
    meanwhile."""
    rows = history.rows(database.target())
    if rows[-1].version != release:
        return
    try:
        action.rollback(database, destination(rows, release), lambda ahead: True)
    except Refused as refusal:
        if refusal.code not in (Code.NO_HISTORY, Code.GENERATION_MISSING):
            raise
        database.dialogue.warn(
            f"the template has no earlier file, and new tenants are created at {short(release)}: "
            f"{refusal.problems[0].message}"
        )
