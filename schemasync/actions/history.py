"""Lists the generations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypedDict, cast

from ..diff.changes import ChangeJson
from ..errors import ProblemJson
from ..history.rows import ReplayJson, migrations_of
from ..sync import history as past
from ..sync.history import HistoryEntry
from ..sync.run.recorder import RunJson
from .database import Database


class GenerationJson(TypedDict):
    """One event of the history: a generation went live, or was altered in place."""

    id: int
    version: str
    applied_at: str
    """In UTC."""
    action: str
    """The reason: `adopt`, `sync`, `rollback` or `restore`; `alter` if the live file was altered in place."""
    generation: str
    previous: str | None
    """The generation that was live before."""
    rows: int
    """The number of rows that the run wrote."""
    duration_ms: int
    pause_ms: int
    """The time that writers waited."""
    actor: str
    tool_version: str
    """The version of schemasync."""
    sqlite_version: str | None
    """The version of SQLite that built the file; null if it was not recorded."""
    bytes: int
    """0 if the file is missing."""
    live: bool
    file_missing: bool
    changes: list[ChangeJson]
    migrations: list[str]
    """Migrations of MIGRATED_APPS that ran on the new file."""
    replay: ReplayJson | None
    """Null if writers waited all the time."""
    run: RunJson | None
    """The course of the run; null for other actions than a sync, and for syncs of older releases."""


class HistoryJson(TypedDict):
    """The output of `manage.py schemasync history --json`."""

    result: Literal["listed"]
    generations: list[GenerationJson]
    """The newest first."""
    errors: list[ProblemJson]


def history(database: Database) -> tuple[HistoryEntry, ...]:
    """Return the history rows of the live generation, the newest first. Raises a SchemasyncError."""
    return tuple(past.history(database.target()))


def as_json(entries: Sequence[HistoryEntry]) -> HistoryJson:
    """The JSON object."""
    return {"result": "listed", "generations": [_generation_json(entry) for entry in entries], "errors": []}


def _generation_json(entry: HistoryEntry) -> GenerationJson:
    row = entry.row
    return {
        "id": row.id,
        "version": row.version,
        "applied_at": row.applied_at,
        "action": row.action,
        "generation": row.generation,
        "previous": row.previous,
        "rows": row.rows,
        "duration_ms": row.duration_ms,
        "pause_ms": row.pause_ms,
        "actor": row.actor,
        "tool_version": row.tool_version,
        "sqlite_version": row.sqlite_version or None,
        "bytes": entry.bytes,
        "live": entry.is_live,
        "file_missing": not entry.is_there,
        "changes": list(entry.changes),
        "migrations": list(migrations_of(row)),
        "replay": entry.followed.as_json() if entry.followed else None,
        "run": cast("RunJson | None", row.run),
    }
