"""The result of a prune, as text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...diff.applied_hints import AppliedHint
from ...schema.text import count
from ...sync.prune import Archive, Pruned, Reason
from ...texts import size
from .shared import Lines


def lines(done: Pruned, *, dry_run: bool) -> Lines:
    """Return the archives that were removed, and those that stay."""
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


def _archive(archive: Archive) -> str:
    return f"{archive.generation.name} ({size(archive.bytes)})"


def hint_lines(hints: Sequence[AppliedHint], path: Path, *, dry_run: bool) -> Lines:
    """Return the hints that were removed from schema.json."""
    if not hints:
        return [f"nothing to remove: no hint of {path} was applied to this database"]
    verb = "would remove" if dry_run else "removed"
    return [
        f"{verb} {count(len(hints), 'hint')} from {path}:",
        *(f"  {hint.text}" for hint in hints),
        "another database that is older than these changes needs them: take them from your version control there",
    ]
