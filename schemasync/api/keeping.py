"""The functions that make, list, test and restore backups."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, overload

from django.db import DEFAULT_DB_ALIAS

from ..actions import backup as backup_action
from ..actions import backups as backups_action
from ..actions import drill as drill_action
from ..actions import restore as restore_action
from ..actions.backup import BackupJson
from ..actions.backups import BackupsJson
from ..actions.database import Database
from ..actions.drill import DrillJson
from ..actions.option_values import WAIT
from ..actions.restore import RestoreJson, RestorePreviewJson, WrittenJson
from ..actions.restore_source import Asked
from .call import StrPath, called
from .progress import Listener


def backup(
    *,
    database: str = DEFAULT_DB_ALIAS,
    wait: float = WAIT,
    to: str | None = None,
    compact: bool = False,
    prune: bool = False,
    progress: Listener | None = None,
) -> BackupJson:
    """Store a verified, compressed copy of the live database, and with `prune` remove backups that the retention rule
    does not keep. After an error the copy is not listed as a backup."""
    with called("backup", database, wait=wait, progress=progress) as at:
        return backup_action.as_json(backup_action.backup(at, to or "", prune=prune, compact=compact))


def backups(*, database: str = DEFAULT_DB_ALIAS, to: str | None = None) -> BackupsJson:
    """Return the backups of a database, and its archives, the newest first."""
    with called("backups", database) as at:
        return backups_action.as_json(backups_action.backups(at, to or ""))


def drill(
    *,
    database: str = DEFAULT_DB_ALIAS,
    from_: str | None = None,
    identity: StrPath | None = None,
    check: bool = False,
    progress: Listener | None = None,
) -> DrillJson:
    """Restore the newest backup on trial, and remove it again; with `check` return the last drill. A failed drill is a
    result, and no error."""
    with called("drill", database, progress=progress) as at:
        done = drill_action.last_drill(at) if check else drill_action.drill(at, from_ or "", _path(identity))
        return at.addressed(drill_action.as_json(done))


@overload
def restore(
    backup: str | None = None,
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    wait: float = WAIT,
    at: str | None = None,
    from_: str | None = None,
    identity: StrPath | None = None,
    into: None = None,
    sync: bool = False,
    dry_run: Literal[False] = False,
    progress: Listener | None = None,
) -> RestoreJson: ...


@overload
def restore(
    backup: str | None = None,
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    wait: float = WAIT,
    at: str | None = None,
    from_: str | None = None,
    identity: StrPath | None = None,
    into: None = None,
    sync: bool = False,
    dry_run: Literal[True],
    progress: Listener | None = None,
) -> RestorePreviewJson: ...


@overload
def restore(
    backup: str | None = None,
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    wait: float = WAIT,
    at: str | None = None,
    from_: str | None = None,
    identity: StrPath | None = None,
    into: StrPath,
    sync: bool = False,
    dry_run: bool = False,
    progress: Listener | None = None,
) -> WrittenJson: ...


def restore(
    backup: str | None = None,
    *,
    database: str = DEFAULT_DB_ALIAS,
    schema: StrPath | None = None,
    wait: float = WAIT,
    at: str | None = None,
    from_: str | None = None,
    identity: StrPath | None = None,
    into: StrPath | None = None,
    sync: bool = False,
    dry_run: bool = False,
    progress: Listener | None = None,
) -> RestoreJson | RestorePreviewJson | WrittenJson:
    """Make a backup live as a new generation, by default the newest one; or write it `into` a plain file. `sync`:
    bring it to schema.json before it goes live. After an error the live file is unchanged."""
    asked = Asked(backup or "", at or "", from_ or "", _path(identity))
    with called("restore", database, schema, wait, progress) as place:
        if into is not None:
            return restore_action.written_json(restore_action.into_file(place, Path(into), asked))
        return place.addressed(_restored(place, asked, with_sync=sync, dry_run=dry_run))


def _restored(place: Database, asked: Asked, *, with_sync: bool, dry_run: bool) -> RestoreJson | RestorePreviewJson:
    if dry_run:
        return restore_action.preview_json(restore_action.preview(place, asked, with_sync=with_sync))
    return restore_action.as_json(restore_action.restore(place, asked, lambda ahead: True, with_sync=with_sync))


def _path(given: StrPath | None) -> Path | None:
    return None if given is None else Path(given)
