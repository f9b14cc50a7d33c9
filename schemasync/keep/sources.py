"""The sources that a database can be restored from: a backup in a storage, an archive, a copy that somebody made, or a
state that Litestream holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ..engines.sqlite.connection import wal_of
from ..errors import Code, Refused
from ..files.layout import PathKind, size_of
from ..history.in_place import LITESTREAM, Backup
from ..sync import prune
from ..sync.phases.beforehand import is_yet_to_come
from ..sync.prune import Archive
from ..sync.run.target import Target
from .litestream.moments import Moment
from .manifest import Manifest
from .store import Found, Store


@dataclass(frozen=True, slots=True)
class Stored:
    """A backup in a storage. `identity`: the file of the identity that can decrypt it; None for the identity of the
    environment."""

    manifest: Manifest
    store: Store
    identity: Path | None = None

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def made_at(self) -> datetime:
        return self.manifest.made_at

    @property
    def bytes_needed(self) -> int:
        """Bytes on the disk during the restore."""
        return self.manifest.data["stored"]["bytes"] + self.manifest.data["content"]["bytes"]


@dataclass(frozen=True, slots=True)
class Archived:
    """An archive: the database as it was when the next generation went live."""

    archive: Archive
    made_at: datetime

    @property
    def name(self) -> str:
        return self.archive.generation.name

    @property
    def bytes_needed(self) -> int:
        """Bytes on the disk during the restore."""
        return self.archive.bytes


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy of the database that somebody made: a file, with its write-ahead log if it has one, or a link to it."""

    path: Path
    made_at: datetime

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def bytes_needed(self) -> int:
        """Bytes on the disk during the restore."""
        return 2 * sum(map(size_of, (self.path, wal_of(self.path))))


@dataclass(frozen=True, slots=True)
class Replicated:
    """A state that the replica of Litestream holds. `live_bytes`: the size of the live file, which is about its own."""

    url: str
    moment: Moment
    live_bytes: int = 0

    @property
    def name(self) -> str:
        return LITESTREAM

    @property
    def made_at(self) -> datetime:
        return self.moment.made_at

    @property
    def bytes_needed(self) -> int:
        """Bytes on the disk during the restore. The download is compressed, so the size of the live file counts."""
        return 2 * max(self.live_bytes, self.moment.bytes)


Source = Stored | Archived | Copied | Replicated
MARGIN = timedelta(seconds=3)
"""Litestream reads writes with a delay: those that are up to this much older than a moment may be read after it."""


def as_backup(source: Source) -> Backup:
    """Return a source as the history records it."""
    return Backup(source.name, source.made_at.isoformat())


def chosen(
    store: Store,
    target: Target,
    name: str = "",
    at: datetime | None = None,
    identity: Path | None = None,
    replicated: Callable[[], Replicated | None] = lambda: None,
) -> Source:
    """Return the source to restore from: the backup or archive whose name is or begins with `name`; the file, if `name`
    is a path; the newest backup or archive until `at`; or the newest backup.

    `identity`: as in `Stored`. `replicated`: returns the state of Litestream. That is chosen if it is named, or newer
    than every other source until `at`; without `at` only if there is no backup, or no database. Raises Refused if no
    source, or more than one, fits.
    """
    if os.sep in name:
        return _copied(Path(name))
    if name == LITESTREAM and (state := replicated()) is not None:
        return state
    archives = [Archived(one, one.at) for one in prune.archives(target) if one.at is not None]
    if name and (fitting := [one for one in archives if one.name.startswith(name)]):
        return _only(store, Found(), name, fitting)
    found = store.find()
    stored = [Stored(one, store, identity) for one in found.backups if one.name.startswith(name)]
    if name:
        return _only(store, found, name, stored)
    if at is None and stored and target.layout.path_kind() is not PathKind.NOTHING:
        return newest_of(stored, store)
    every: list[Source] = [*stored, *(archives if at is not None else [])]
    newest = max((one for one in every if at is None or one.made_at <= at), key=lambda one: one.made_at, default=None)
    state = replicated()
    if state is not None and (newest is None or state.made_at - newest.made_at > MARGIN):
        return state
    if at is None and isinstance(newest, Stored):
        newest_of(stored, store)
    if newest is None:
        until = f" and no archive from before {at.isoformat()}" if at is not None else ""
        raise _no_backup(store, found, f"no backup{until}")
    return newest


def newest_of(stored: Sequence[Stored], store: Store) -> Stored:
    """Return the last of these backups, which are sorted by time. Raises Refused if it is dated in the future, because
    then the times do not tell which is the newest."""
    newest = stored[-1]
    if not is_yet_to_come(newest.made_at.timestamp()):
        return newest
    raise Refused.of(
        Code.BACKUP_DATED_LATER,
        f"the backup {newest.name} is dated {newest.made_at:%Y-%m-%d %H:%M} UTC, and the clock of this machine says "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M}: one of the two is wrong, so it is not known which backup is the newest",
        "Set the clock of this machine, or name the backup: manage.py schemasync restore NAME\n"
        "To list them: manage.py schemasync backups",
        storage=store.where,
    )


def _copied(path: Path) -> Copied:
    file = path.resolve()
    if not file.is_file():
        hint = "Name the file, or the link to it, for example: /mnt/copies/db.sqlite3"
        raise Refused.of(Code.NO_BACKUP, f"{path} is no file", hint, path=str(path))
    return Copied(file, datetime.fromtimestamp(file.stat().st_mtime, UTC))


def _only(store: Store, found: Found, name: str, fitting: Sequence[Source]) -> Source:
    if len(fitting) == 1:
        return fitting[0]
    for one in fitting:
        if one.name == name:
            return one
    if fitting:
        raise _no_backup(store, found, f"{len(fitting)} backups whose name begins with {name}")
    raise _no_backup(store, found, f"no backup {name}")


def _no_backup(store: Store, found: Found, what: str) -> Refused:
    message = f"{store.where} has {what}"
    message += "".join(f"; {file} cannot be read: {reason}" for file, reason in found.unreadable)
    return Refused.of(Code.NO_BACKUP, message, "To list them: manage.py schemasync backups", storage=store.where)
