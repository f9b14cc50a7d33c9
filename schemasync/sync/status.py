"""The state of a database at this moment, for people and for monitors."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict

from ..diff.hint_keys import data_version, transformed
from ..engines.sqlite import history_table
from ..engines.sqlite.sqlite_errors import is_too_new
from ..errors import Code, Problem, ProblemJson, SchemasyncError
from ..files.layout import PathKind, size_of
from ..files.read_file import read_file
from ..history.kept import KeptJson, LastBackupJson, LastDrillJson
from ..history.row import HistoryRow
from ..history.rows import by_author, hints_of, moment
from ..schema import document
from ..schema.document import Document
from ..schema.names import fold
from ..schema.subset import differing
from ..schema.transform_function import TransformFunction
from . import prune
from .kept import NOTHING, last
from .live_problems import copied_into, is_being_finished, put_over_the_link, restored_in_place
from .phases import postpone
from .phases.older_version import older_version
from .prune import Archive
from .run import live_database
from .run.broadcast import Running, RunningJson, running
from .run.error_translation import translated_errors
from .run.live_database import LiveDatabase
from .run.target import Target

PathName = Literal["nothing", "plain", "generation", "dangling", "foreign", "other"]


class StatusJson(TypedDict):
    """The output of `manage.py schemasync status --json`."""

    result: Literal["ok", "running", "problem"]
    database: PathName
    """The kind of object at the path that applications open. `generation`: the link to the live file."""
    version: str | None
    schema_version: str | None
    """Of schema.json; null if there is none, or if it has faults. A sync is pending if it is not `version`."""
    data_version: str
    """The digest of the transforms that have acted on the rows; empty if none has."""
    pending_transforms: list[str]
    """Transforms of the project that have not acted. A sync is pending if there are any."""
    generation: str | None
    since: str | None
    """When the generation went live, or was altered in place, in UTC."""
    action: str | None
    """Why it went live: `adopt`, `sync`, `rollback` or `restore`; `alter` if it was altered in place since."""
    actor: str | None
    bytes: int
    """Of the live file."""
    archives: int
    archive_bytes: int
    disk_free: int
    run: RunningJson | None
    cutover_pending: bool
    """A run is ready, and waits for `schemasync cutover`."""
    last_backup: LastBackupJson | None
    """The last backup that schemasync made of this database; null if its history knows none."""
    last_drill: LastDrillJson | None
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Status:
    """`live`: the newest row of the live generation's history; None if none is live or it cannot be read.
    `schema_version`: that of schema.json, None if there is none or it has faults. `bytes` of the live file, `free` of
    its disk. `run`: the run at work; `waits`: it is ready, and waits for `cutover`. `problems`: each reason why the
    database cannot be used or changed, with what to do about it. `how_to_adopt`: how a plain file is adopted. `kept`:
    the last backup and the last drill."""

    at: PathKind
    live: HistoryRow | None
    bytes: int
    archives: tuple[Archive, ...]
    free: int
    run: Running | None
    waits: bool
    problems: tuple[Problem, ...]
    schema_version: str | None = None
    how_to_adopt: str = ""
    pending_transforms: tuple[str, ...] = ()
    kept: KeptJson = field(default_factory=lambda: NOTHING)

    @property
    def is_pending(self) -> bool:
        """True if schema.json has another version than the live generation, or transforms have not acted on its
        rows."""
        is_other = self.live is not None and self.schema_version not in (None, self.live.version)
        return is_other or bool(self.pending_transforms)

    @property
    def archive_bytes(self) -> int:
        """The size of all archives."""
        return sum(archive.bytes for archive in self.archives)

    def as_json(self) -> StatusJson:
        """The JSON object for monitors. `result`: ok, running, or problem."""
        live, now = self.live, time.time()
        return {
            "result": "problem" if self.problems else "running" if self.run else "ok",
            "database": _AT[self.at],
            "version": live.version if live else None,
            "schema_version": self.schema_version,
            "data_version": data_version(hints_of(live)),
            "pending_transforms": list(self.pending_transforms),
            "generation": live.generation if live else None,
            "since": live.applied_at if live else None,
            "action": live.action if live else None,
            "actor": live.actor if live else None,
            "bytes": self.bytes,
            "archives": len(self.archives),
            "archive_bytes": self.archive_bytes,
            "disk_free": self.free,
            "run": self.run.as_json(now) if self.run else None,
            "cutover_pending": self.waits,
            "last_backup": self.kept["backup"],
            "last_drill": self.kept["drill"],
            "errors": [problem.as_json() for problem in self.problems],
        }


_AT: dict[PathKind, PathName] = {
    PathKind.NOTHING: "nothing",
    PathKind.PLAIN: "plain",
    PathKind.GENERATION: "generation",
    PathKind.DANGLING: "dangling",
    PathKind.FOREIGN: "foreign",
    PathKind.OTHER: "other",
}


def status(target: Target, schema: Path | None = None, transforms: Sequence[TransformFunction] = ()) -> Status:
    """Read the state; `schema` is the path of schema.json, `transforms` are those of the project. Problems of the
    database are returned and not raised."""
    layout = target.layout
    problems: list[Problem] = []
    live, path, version, backups = None, layout.link, None, NOTHING
    try:
        with translated_errors(layout.link), live_database.read(layout, target.opener, whole=False) as now:
            if now is not None:
                path = now.path
                live, backups = now.newest if now.generation is not None else None, last(now.connection)
                problems += [*put_over_the_link(target, now), *restored_in_place(target, now)]
                if schema is not None:
                    version, found = _compared(target, now, schema)
                    problems += found
            elif schema is not None:
                version = _read(schema)[0]
    except SchemasyncError as error:
        problems += copied_into(target) or error.problems
        if is_too_new(error):
            reads = live_database.read(layout, target.opener, whole=False, parsed=True)
            with suppress(SchemasyncError), translated_errors(layout.link), reads as now:
                live, path = (now.newest, now.path) if now is not None else (live, path)
    archives: tuple[Archive, ...] = ()
    with suppress(SchemasyncError, OSError):
        archives = prune.archives(target)
    run = running(layout)
    if run is not None and is_being_finished(problems):
        problems = []
    folder = layout.folder if layout.folder.exists() else layout.link.parent
    return Status(
        layout.path_kind(),
        live,
        size_of(path),
        archives,
        shutil.disk_usage(folder).free,
        run,
        run is not None and postpone.is_waiting(target),
        tuple(problems),
        version,
        target.how_to_adopt,
        _pending(live, transforms),
        backups,
    )


def _pending(live: HistoryRow | None, transforms: Sequence[TransformFunction]) -> tuple[str, ...]:
    acted = hints_of(live) if live is not None and transforms else frozenset()
    return tuple(one.name for one in transforms if live is not None and transformed(one) not in acted)


def _compared(target: Target, now: LiveDatabase, schema: Path) -> tuple[str | None, list[Problem]]:
    """Return the version of schema.json, and the reasons to refuse a sync to it that are found quickly: a file that
    cannot be read, an older version, and changes by hand."""
    version, found = _read(schema)
    if now.generation is None or not now.is_recorded or now.newest is None:
        return version, []
    if isinstance(found, Problem):
        return version, [found]
    problems = []
    if version != now.newest.version:
        older = older_version(found.version, history_table.read(now.connection), found.source)
        problems += [older] if older is not None else []
    if not now.is_untouched:
        inspection, mine = (
            now.inspect(),
            by_author(now.newest) | {fold(name) for _, name in found.schema.object_names()},
        )
        differ = differing(found.schema, now.ours(inspection, found))
        if names := sorted(name for name in now.drift(inspection) & differ if fold(name) in mine):
            message = f"changed by hand since {moment(now.newest.applied_at)}: {', '.join(names)}"
            hint = "To see how to keep or undo it: manage.py schemasync check"
            problems.append(Problem(Code.DRIFT, message, hint, {"objects": names}))
    return version, problems


def _read(schema: Path) -> tuple[str | None, Document | Problem]:
    """Return the version and the content of a schema.json, or None and the problem that makes it unreadable."""
    try:
        found = document.read(read_file(schema), str(schema))
    except OSError as error:
        hint = "To see what to do: manage.py schemasync check"
        return None, Problem(Code.SCHEMA_UNREADABLE, f"{schema}: {error.strerror}", hint)
    except SchemasyncError as error:
        return None, error.problems[0]
    return found.version, found
