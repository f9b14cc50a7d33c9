"""Restores a backup into a plain file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypedDict

from .. import databases
from ..errors import Code, ProblemJson, UsageError
from ..files.disk import Disk
from ..keep import restore as restoring
from ..keep.manifest import Manifest, ManifestJson
from ..keep.store import store
from .database import Database


class RestoreJson(TypedDict):
    """What `manage.py schemasync restore --json` prints."""

    result: Literal["written"]
    output: str
    bytes: int
    backup: ManifestJson
    errors: list[ProblemJson]


@dataclass(frozen=True, slots=True)
class Restored:
    """The file, and the backup that it was made from."""

    output: Path
    manifest: Manifest


def restore(database: Database, into: Path, name: str = "", at: str = "", source: str = "") -> Restored:
    """Restore a backup into the file `into`, where nothing is: the one whose name is or begins with `name`, the newest
    until the time `at`, or the newest. Raises a SchemasyncError; then nothing was written."""
    place = store(database.link, database.alias, source)
    one = restoring.chosen(place, name, _time(at) if at else None)
    restoring.restore(databases.opener(database.alias), place, one, into, database.dialogue.progress, Disk())
    return Restored(into, one)


def _time(text: str) -> datetime:
    """A time with its zone; without one it is UTC, as in all that the command prints."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "Use for example: --at 2026-11-29T17:30, which is UTC, or --at 2026-11-29T17:30+01:00"
        raise UsageError.of(Code.BAD_OPTION, f"--at {text} is no time", hint) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def as_json(restored: Restored) -> RestoreJson:
    """The JSON object."""
    return {
        "result": "written",
        "output": str(restored.output),
        "bytes": restored.manifest.data["content"]["bytes"],
        "backup": restored.manifest.data,
        "errors": [],
    }
