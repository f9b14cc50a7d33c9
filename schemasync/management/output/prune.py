"""The result of a prune, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

from ...diff.applied_hints import AppliedHint
from ...errors import ProblemJson
from ...schema.text import count
from ...sync.prune import Archive, Pruned, Reason
from ...texts import size
from .shared import Lines


class ArchiveJson(TypedDict):
    """A generation that is not live."""

    generation: str
    bytes: int
    superseded_at: str | None
    """When another generation went live; null if the file does not record it."""


class PruneJson(TypedDict):
    """What `manage.py schemasync prune --json` prints."""

    result: Literal["planned", "pruned"]
    """`planned` with `--dry-run`."""
    removed: list[ArchiveJson]
    kept: list[ArchiveJson]
    too_recent: list[ArchiveJson]
    """Kept for now, because they were live until a moment ago."""
    not_in_history: list[ArchiveJson]
    """Kept because the history does not know them, as after an eject or after an older backup was restored."""
    set_aside: list[ArchiveJson]
    """Kept because they may have rows that the live file has not, as after a rollback."""
    left_by_switch: list[ArchiveJson]
    """Kept because a switch left them, and another git branch needs what they have."""
    hints: list[str]
    """Hints that were removed from schema.json; only with `--hints`, which removes no archives."""
    errors: list[ProblemJson]


def lines(done: Pruned, *, dry_run: bool) -> Lines:
    """Which archives were removed, and which stay."""
    verb = "would remove" if dry_run else "removed"
    lines = [f"{verb} {_archive(archive)}" for archive in done.gone] or ["nothing to remove"]
    lines += [f"kept for now, live until a moment ago: {_archive(archive)}" for archive in done.young]
    lines += [f"kept, {_REASONS[one.reason]}: {_archive(one)}" for one in done.reserved if one.reason is not None]
    return [*lines, f"kept: {', '.join(a.generation.name for a in done.kept) or 'none'}"]


_REASONS = {
    Reason.NOT_IN_HISTORY: "as the history does not know it (see --set-aside)",
    Reason.SET_ASIDE: "as it may have rows that the live file has not (see --set-aside)",
    Reason.LEFT_BY_SWITCH: "as another branch needs it (see --branches)",
}


def _reserved(done: Pruned, reason: Reason) -> list[ArchiveJson]:
    return [_archive_json(one) for one in done.reserved if one.reason is reason]


def _archive(archive: Archive) -> str:
    return f"{archive.generation.name} ({size(archive.bytes)})"


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


def hint_lines(hints: Sequence[AppliedHint], path: Path, *, dry_run: bool) -> Lines:
    """Which hints were removed from schema.json."""
    if not hints:
        return [f"nothing to remove: no hint of {path} was applied to this database"]
    verb = "would remove" if dry_run else "removed"
    return [
        f"{verb} {count(len(hints), 'hint')} from {path}:",
        *(f"  {hint.text}" for hint in hints),
        "another database that is older than these changes needs them: take them from your version control there",
    ]


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
