"""Make a backup of each tenant, with several workers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...actions import backup as action
from ...actions.database import Database
from ...actions.option_values import WAIT
from ...errors import Failed
from ...keep.settings import keep_settings
from ...sync.phases.beforehand import is_yet_to_come
from ...sync.run.elapsed import ms_since
from .each import FleetOptions, Tally, each
from .one import Done, Outcome, tried


@dataclass(frozen=True, slots=True)
class Backup:
    """A job that makes a backup of a tenant in the storage of its settings, or in the storage `to`. `due`: only if its
    newest one is older than so many hours. `prune` and `is_compact`: as for a single backup. `is_dry_run`: make none.
    """

    to: str = ""
    due: float | None = None
    prune: bool = False
    is_compact: bool = False
    is_dry_run: bool = False
    wait: float = WAIT

    def __call__(self, key: str) -> Outcome:
        return tried(key, self.wait, self._made)

    def _made(self, database: Database) -> Done:
        if not self._is_due(database):
            return Done("")
        if self.is_dry_run:
            return Done("", backup="due")
        made = action.backup(database, self.to, prune=self.prune, compact=self.is_compact)
        return Done(
            made.manifest.data["version"], backup=made.manifest.name, bytes=made.manifest.data["stored"]["bytes"]
        )

    def _is_due(self, database: Database) -> bool:
        """Return whether a backup is due, by the files of the storage: the history of a tenant may be a copy of another
        one's, such as the template's."""
        if self.due is None:
            return True
        newest = keep_settings(database.alias).store(database.link, self.to).newest()
        if newest is None or is_yet_to_come(newest.timestamp()):
            return True
        return time.time() - newest.timestamp() > self.due * 3600


@dataclass(frozen=True, slots=True)
class BackupsReport:
    """The result of back_up()."""

    tally: Tally
    duration_ms: int
    is_dry_run: bool = False

    @property
    def made(self) -> list[Outcome]:
        """The tenants with a new backup, or with one that is due."""
        return [one for one in self.tally.done if one.done.backup]

    @property
    def recent(self) -> int:
        """How many tenants had a backup that is recent enough."""
        return len(self.tally.done) - len(self.made)

    @property
    def result(self) -> Literal["current", "planned", "written", "failed"]:
        """The result as one word."""
        if self.problem is not None:
            return "failed"
        if self.is_dry_run:
            return "planned"
        return "written" if self.made else "current"

    @property
    def problem(self) -> Failed | None:
        """The error for the command, if a tenant has no new backup."""
        return self.tally.failure(
            "Their databases are unchanged, and earlier backups still count. Why: see above. Once that is fixed, run "
            "the same command again; with --due HOURS it makes only those that are missing."
        )


def back_up(database: Database, keys: Sequence[str], job: Backup, workers: int = 1) -> BackupsReport:
    """Make the backups of these tenants. A backup that fails does not stop the others."""
    begun = time.monotonic()
    options = FleetOptions(canary=100, stop_at=100, workers=workers)
    tally = each(replace(job, wait=database.wait), keys, options, database.dialogue)
    return BackupsReport(tally, ms_since(begun), job.is_dry_run)
