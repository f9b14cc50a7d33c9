"""Removes archives, or applied hints from schema.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, TypedDict

from .. import conf
from ..diff.applied_hints import AppliedHint, without_hints
from ..errors import Code, ProblemJson, UsageError
from ..orm.models import made_elsewhere
from ..sync import applied_hints
from ..sync import prune as archives
from ..sync.prune import Archive, Pruned, Reason
from ..sync.run.error_translation import translated_errors
from .database import Database, write_text


class ArchiveJson(TypedDict):
    """A generation that is not live."""

    generation: str
    bytes: int
    superseded_at: str | None
    """The time when another generation went live; null if the file does not record it."""


class PruneJson(TypedDict):
    """The output of `manage.py schemasync prune --json`."""

    result: Literal["planned", "pruned"]
    """`planned` with `--dry-run`."""
    removed: list[ArchiveJson]
    kept: list[ArchiveJson]
    too_recent: list[ArchiveJson]
    """Kept for now, because they were live until a moment ago."""
    not_in_history: list[ArchiveJson]
    """Kept because the history does not have them, as after an eject or after an older backup was restored."""
    set_aside: list[ArchiveJson]
    """Kept because they may have rows that the live file lacks, as after a rollback."""
    left_by_switch: list[ArchiveJson]
    """Kept because a switch left them, and another git branch needs their data."""
    hints: list[str]
    """Hints that were removed from schema.json; only with `--hints`, which removes no archives."""
    errors: list[ProblemJson]


def prune(
    database: Database,
    *,
    keep: int | None = None,
    older_than: float | None = None,
    branches: bool = False,
    set_aside: bool = False,
    dry_run: bool = False,
) -> Pruned:
    """Remove archives; the live file and the newest archive stay. `older_than` is in days. Raises a SchemasyncError."""
    if keep is None and older_than is None:
        keep = conf.keep()
    reasons = {Reason.LEFT_BY_SWITCH} if branches else set()
    reasons |= {Reason.NOT_IN_HISTORY, Reason.SET_ASIDE} if set_aside else set()
    age = timedelta(days=older_than) if older_than is not None else None
    target = database.target()
    with translated_errors(target.layout.link):
        return archives.prune(target, keep, age, dry_run=dry_run, reasons=reasons)


def prune_hints(database: Database, *, dry_run: bool = False) -> tuple[AppliedHint, ...]:
    """Remove from schema.json the hints that do not act again on this database, and return them. Raises a
    SchemasyncError."""
    found = database.document()
    hints = tuple(applied_hints.applied_hints(database.target(), found, made_elsewhere(database.alias)))
    if hints and not dry_run:
        write_text(database.schema_path, without_hints(found, hints))
    return hints


def refuse_for_hints(given: Mapping[str, Any]) -> None:
    """Raise UsageError if `--hints` is given together with options for archives."""
    if other := [f"--{name.replace('_', '-')}" for name in ("keep", "older_than") if given.get(name) is not None]:
        raise UsageError.of(
            Code.BAD_OPTION, f"--hints removes no archives; {' and '.join(other)} is for these", "Run prune twice."
        )


def _reserved(done: Pruned, reason: Reason) -> list[ArchiveJson]:
    return [_archive_json(one) for one in done.reserved if one.reason is reason]


def as_json(done: Pruned, *, dry_run: bool) -> PruneJson:
    """The JSON object."""
    return {
        "result": "planned" if dry_run else "pruned",
        "removed": [_archive_json(archive) for archive in done.gone],
        "kept": [_archive_json(archive) for archive in done.kept],
        "too_recent": [_archive_json(archive) for archive in done.young],
        "not_in_history": _reserved(done, Reason.NOT_IN_HISTORY),
        "set_aside": _reserved(done, Reason.SET_ASIDE),
        "left_by_switch": _reserved(done, Reason.LEFT_BY_SWITCH),
        "hints": [],
        "errors": [],
    }


def hints_json(hints: Sequence[AppliedHint], *, dry_run: bool) -> PruneJson:
    """The JSON object with `--hints`."""
    return {
        "result": "planned" if dry_run else "pruned",
        "removed": [],
        "kept": [],
        "too_recent": [],
        "not_in_history": [],
        "set_aside": [],
        "left_by_switch": [],
        "hints": [hint.text for hint in hints],
        "errors": [],
    }


def _archive_json(archive: Archive) -> ArchiveJson:
    at = archive.at.isoformat() if archive.at else None
    return {"generation": archive.generation.name, "bytes": archive.bytes, "superseded_at": at}
