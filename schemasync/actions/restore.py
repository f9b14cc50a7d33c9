"""Restores a backup or an archive: into a new generation that goes live, or into a plain file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NotRequired, TypedDict, assert_never

from .. import databases
from ..errors import Code, ProblemJson, UsageError
from ..files.disk import Disk
from ..history.rows import OriginJson, origin_of
from ..keep import restore as restoring
from ..keep.manifest import ManifestJson
from ..keep.sources import Archived, Copied, Replicated, Source, Stored, as_backup
from ..orm.migrate import informed
from ..orm.new_file import on_file
from ..sync import restore as swaps
from ..sync.phases.decide import SyncOptions
from ..sync.restore import Restored
from ..sync.restore_ahead import Ahead
from ..sync.restore_with_sync import Wanted
from ..sync.run.report import Report
from ..sync.run.target import Target
from . import sync
from .database import Database
from .restore_source import Asked, chosen_source
from .rollback import DifferencesJson, differences_json
from .sync import SyncJson


class WrittenJson(TypedDict):
    """The output of `manage.py schemasync restore --into FILE --json`."""

    result: Literal["written"]
    output: str
    bytes: int
    source: OriginJson
    backup: ManifestJson | None
    """Null for an archive and for a file."""
    errors: list[ProblemJson]


class RestorePreviewJson(TypedDict):
    """The output of `manage.py schemasync restore --dry-run --json`."""

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
    """The output of `manage.py schemasync restore --json`."""

    result: Literal["restored"]
    version: str
    """The version that is live."""
    previous: str | None
    """The version that was live before; null if there was no database."""
    generation: str
    """The new generation."""
    source: OriginJson
    differences: DifferencesJson | None
    """From the file that was live to the new one; null if there was no database."""
    duration_ms: int
    pause_ms: int
    """The time that writers waited."""
    sync: NotRequired[SyncJson]
    """The sync that brought the backup to schema.json before it went live; only with `--sync`."""
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Written:
    """The written file, its size, and its source."""

    output: Path
    bytes: int
    source: Source


def into_file(database: Database, output: Path, asked: Asked) -> Written:
    """Restore into the new file `output`. Raises a SchemasyncError; then nothing was written."""
    source = chosen_source(database, asked)
    opener, progress = databases.opener(database.alias), database.dialogue.progress
    restoring.restore(opener, source, output, progress, Disk())
    return Written(output, output.stat().st_size, source)


def preview(database: Database, asked: Asked, *, with_sync: bool = False) -> Ahead:
    """Fetch and check the backup, and return the preview of a restore. The live database is not changed. Raises a
    SchemasyncError."""
    source, target = chosen_source(database, asked), database.target()
    with restoring.restored_copy(target, source) as copy:
        return swaps.preview(target, copy, as_backup(source), _wanted(database) if with_sync else None)


def restore(database: Database, asked: Asked, agree: Callable[[Ahead], bool], *, with_sync: bool = False) -> Restored:
    """Make a backup live. `agree` gets the preview. `with_sync`: bring it to schema.json first. Raises UsageError if it
    declines, or another SchemasyncError; then the live file is unchanged."""
    wanted = _wanted(database) if with_sync else None
    source, target = chosen_source(database, asked), database.released()
    database.warn_of_network()
    with restoring.restored_copy(target, source) as copy:
        done = swaps.restore(target, copy, as_backup(source), agree, wanted)
    if done is None:
        raise UsageError.of(Code.DECLINED, "nothing was changed")
    return done


def _wanted(database: Database) -> Wanted:
    """Return the sync of a restored copy to schema.json. It blocks writers, as nobody writes to the copy."""
    alias, document = database.alias, database.document()
    options = informed(alias, SyncOptions(allow_older=True, block_writers=True))

    def run(copy: Target) -> Report:
        with on_file(alias, copy.layout.link):
            return sync.run(database, copy, document, options, goes_live=False)

    return Wanted(document, options, run)


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
        "version": ahead.synced_to or ahead.to.version,
        "previous": _previous(ahead),
        "generation": ahead.generation.name,
        "source": _origin(ahead),
        "differences": _differences(ahead),
        "errors": [],
    }


def as_json(done: Restored) -> RestoreJson:
    """The JSON object."""
    ahead = done.ahead
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
    return data if done.report is None else {**data, "sync": sync.as_json(done.report)}


def _previous(ahead: Ahead) -> str | None:
    return ahead.preview.live.version if ahead.preview is not None else None


def _origin(ahead: Ahead) -> OriginJson:
    origin = origin_of(ahead.to)
    assert origin is not None
    return origin


def _differences(ahead: Ahead) -> DifferencesJson | None:
    return differences_json(ahead.preview) if ahead.preview is not None else None
