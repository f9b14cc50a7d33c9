"""Makes a backup of the live database, and removes backups that the retention rule does not keep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TypedDict

from .. import databases
from ..errors import ProblemJson
from ..files.disk import Disk
from ..history.kept import BACKUP, LastBackupJson
from ..keep import backup as copies
from ..keep import pruning
from ..keep.manifest import Manifest, ManifestJson
from ..keep.pruning import Pruned
from ..keep.settings import keep_settings
from ..keep.store import Store
from ..sync import kept
from .database import Database


class BackupJson(TypedDict):
    """The output of `manage.py schemasync backup --json`."""

    result: Literal["written"]
    storage: str
    backup: ManifestJson
    removed: list[str]
    """Names of the backups that `--prune` removed, and of the leftover files of interrupted uploads."""
    errors: list[ProblemJson]


class ScheduleJson(TypedDict):
    """The output of `manage.py schemasync backup --print-schedule --json`."""

    result: Literal["printed"]
    kind: str
    text: str
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Made:
    """A new backup, its storage, and the backups that were removed after it."""

    manifest: Manifest
    store: Store
    pruned: Pruned | None = None

    @property
    def removed(self) -> tuple[str, ...]:
        if self.pruned is None:
            return ()
        return (*(one.name for one in self.pruned.gone), *self.pruned.incomplete)


def backup(database: Database, to: str = "", *, prune: bool = False, compact: bool = False) -> Made:
    """Make a backup in a storage. `compact`: leave out free pages. `prune`: then remove backups that the retention rule
    does not keep. Raises a SchemasyncError."""
    found = keep_settings(database.alias)
    place, name = found.store(database.link, to), databases.meant(database.alias)
    made = copies.backup(database.target(), place, name, found.recipients, is_compact=compact)
    last: LastBackupJson = {"name": made.name, "made_at": made.data["made_at"], "storage": place.where}
    kept.record(database.target(), BACKUP, last)
    pruned = pruning.prune(place, Disk(), datetime.now(UTC), found.rule) if prune else None
    return Made(made, place, pruned)


def as_json(made: Made) -> BackupJson:
    """The JSON object."""
    return {
        "result": "written",
        "storage": made.store.where,
        "backup": made.manifest.data,
        "removed": list(made.removed),
        "errors": [],
    }


def schedule_json(kind: str, text: str) -> ScheduleJson:
    """The JSON object of a schedule."""
    return {"result": "printed", "kind": kind, "text": text, "errors": []}
