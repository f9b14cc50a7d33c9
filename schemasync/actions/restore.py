"""Restores a backup or an archive: into a new generation that goes live, or into a plain file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, assert_never

from .. import databases
from ..errors import Code, Failed, ProblemJson, Refused, SchemasyncError, UsageError
from ..files.disk import Disk
from ..files.layout import PathKind, size_of
from ..history.in_place import LITESTREAM
from ..history.rows import OriginJson, origin_of
from ..keep import restore as restoring
from ..keep.litestream.moments import moment
from ..keep.litestream.settings import litestream
from ..keep.manifest import ManifestJson
from ..keep.sources import MARGIN, Archived, Copied, Replicated, Source, Stored, as_backup, chosen
from ..keep.store import store
from ..orm.migrate import informed
from ..sync import restore as swaps
from ..sync.phases.decide import SyncOptions
from ..sync.restore import Ahead, Restored, Wanted
from ..sync.run.report import Report
from . import sync
from .database import Database
from .rollback import DifferencesJson, differences_json
from .sync import SyncJson


class WrittenJson(TypedDict):
    """What `manage.py schemasync restore --into FILE --json` prints."""

    result: Literal["written"]
    output: str
    bytes: int
    source: OriginJson
    backup: ManifestJson | None
    """Null for an archive and for a file."""
    errors: list[ProblemJson]


class RestorePreviewJson(TypedDict):
    """What `manage.py schemasync restore --dry-run --json` prints."""

    result: Literal["planned"]
    version: str
    """The version that a restore makes live."""
    previous: str | None
    """The version that is live; null if there is no database."""
    generation: str
    """The generation that a restore makes."""
    source: OriginJson
    differences: DifferencesJson | None
    """From the live file to the backup; null if there is no database."""
    errors: list[ProblemJson]


class RestoreJson(TypedDict):
    """What `manage.py schemasync restore --json` prints."""

    result: Literal["restored"]
    version: str
    """The version of the backup."""
    previous: str | None
    """The version that was live before; null if there was no database."""
    generation: str
    """The new generation."""
    source: OriginJson
    differences: DifferencesJson | None
    """From the file that was live to the new one; null if there was no database."""
    duration_ms: int
    pause_ms: int
    """How long writers waited."""
    sync: NotRequired[SyncJson]
    """The sync to schema.json that followed; only with `--sync`."""
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which backup: the one whose `name` is this or begins so, the file of this path, the newest until the time `at`,
    or the newest, as `chosen` says; of which storage; and the file of the identity for an encrypted one."""

    name: str = ""
    at: str = ""
    storage: str = ""
    identity: Path | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The file, its size, and what it was made from."""

    output: Path
    bytes: int
    source: Source


@dataclass(frozen=True, slots=True)
class WentLive:
    """A restore, and the sync that followed it, if one was asked for."""

    done: Restored
    report: Report | None = None


def into_file(database: Database, output: Path, asked: Asked) -> Written:
    """Restore into the file `output`, where nothing is. Raises a SchemasyncError; then nothing was written."""
    source = _chosen(database, asked)
    opener, progress = databases.opener(database.alias), database.dialogue.progress
    restoring.restore(opener, source, output, progress, Disk())
    return Written(output, output.stat().st_size, source)


def preview(database: Database, asked: Asked, *, with_sync: bool = False) -> Ahead:
    """What a restore would do; the backup is fetched and checked, and the live database is not touched. Raises a
    SchemasyncError."""
    source, target = _chosen(database, asked), database.target()
    with restoring.restored_copy(target, source) as copy:
        return swaps.preview(target, copy, as_backup(source), _wanted(database) if with_sync else None)


def restore(database: Database, asked: Asked, agree: Callable[[Ahead], bool], *, with_sync: bool = False) -> WentLive:
    """Make a backup live. `agree` gets the preview. `with_sync`: bring it to schema.json afterwards. Raises UsageError
    if it declines, or another SchemasyncError; then the live file is unchanged, unless it is the sync that failed."""
    wanted = _wanted(database) if with_sync else None
    source, target = _chosen(database, asked), database.released()
    database.warn_of_network()
    with restoring.restored_copy(target, source) as copy:
        done = swaps.restore(target, copy, as_backup(source), agree, wanted)
    if done is None:
        raise UsageError.of(Code.DECLINED, "nothing was changed")
    return WentLive(done, _synced(database, done) if with_sync else None)


BROUGHT_UP = SyncOptions(allow_older=True)


def _wanted(database: Database) -> Wanted:
    return Wanted(database.document(), informed(database.alias, BROUGHT_UP))


def _synced(database: Database, done: Restored) -> Report:
    try:
        return sync.sync(database, BROUGHT_UP)
    except SchemasyncError:
        ahead = done.ahead
        database.dialogue.warn(f"{ahead.generation.name} is live, with the schema of the backup; the sync failed")
        raise


def _chosen(database: Database, asked: Asked) -> Source:
    place = store(database.link, database.alias, asked.storage)
    at = time_of(asked.at) if asked.at else None
    ask = partial(replicated, database, asked, at)
    return chosen(place, database.target(), asked.name, at, asked.identity, ask)


def replicated(database: Database, asked: Asked, at: datetime | None = None) -> Replicated | None:
    """What Litestream has of that time, or of now; None if another storage or backup is asked for. That it fails must
    not prevent a restore from a backup, unless it is named."""
    is_named = asked.name == LITESTREAM
    daemon = litestream(database.alias) if is_named or not (asked.name or asked.storage) else None
    if daemon is None:
        return None
    wanted = at or datetime.now(UTC)
    if database.target().layout.path_kind() is not PathKind.NOTHING:  # else nobody writes
        since = datetime.now(UTC) - wanted
        time.sleep(max(0.0, min(MARGIN, MARGIN - since).total_seconds()))  # it reads each second
    try:
        found = moment(daemon.replica, wanted)
    except (Failed, Refused) as error:
        if is_named:
            raise
        database.dialogue.warn(f"{error.problems[0].message}; so only backups and archives are looked at")
        return None
    return None if found is None else Replicated(daemon.replica, found, size_of(database.link))


def time_of(text: str) -> datetime:
    """A time with its zone; without one it is UTC, as in all that the command prints."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "Use for example: --at 2026-11-29T17:30, which is UTC, or --at 2026-11-29T17:30+01:00"
        raise UsageError.of(Code.BAD_OPTION, f"--at {text} is no time", hint) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def written_json(done: Written) -> WrittenJson:
    """The JSON object of a restore into a file."""
    source = done.source
    return {
        "result": "written",
        "output": str(done.output),
        "bytes": done.bytes,
        "source": {"name": source.name, "made_at": source.made_at.isoformat(), "generation": _generation(source)},
        "backup": source.manifest.data if isinstance(source, Stored) else None,
        "errors": [],
    }


def _generation(source: Source) -> str | None:
    match source:
        case Stored():
            return source.manifest.data["generation"]
        case Archived():
            return source.name
        case Copied() | Replicated():
            return None
        case _:
            assert_never(source)


def preview_json(ahead: Ahead) -> RestorePreviewJson:
    """The JSON object of a preview."""
    return {
        "result": "planned",
        "version": ahead.to.version,
        "previous": _previous(ahead),
        "generation": ahead.generation.name,
        "source": _origin(ahead),
        "differences": _differences(ahead),
        "errors": [],
    }


def as_json(found: WentLive) -> RestoreJson:
    """The JSON object."""
    done, ahead = found.done, found.done.ahead
    data: RestoreJson = {
        "result": "restored",
        "version": ahead.to.version,
        "previous": _previous(ahead),
        "generation": ahead.generation.name,
        "source": _origin(ahead),
        "differences": _differences(ahead),
        "duration_ms": done.duration_ms,
        "pause_ms": done.pause_ms,
        "errors": [],
    }
    return data if found.report is None else {**data, "sync": sync.as_json(found.report)}


def _previous(ahead: Ahead) -> str | None:
    return ahead.preview.live.version if ahead.preview is not None else None


def _origin(ahead: Ahead) -> OriginJson:
    origin = origin_of(ahead.to)
    assert origin is not None
    return origin


def _differences(ahead: Ahead) -> DifferencesJson | None:
    return differences_json(ahead.preview) if ahead.preview is not None else None
