"""Which archives went, and which stayed, as text and as JSON."""

from __future__ import annotations

from ...sync.prune import Archive, Pruned
from ...texts import size
from .shared import Json, Lines


def lines(done: Pruned, *, dry_run: bool) -> Lines:
    """Which archives went, and which stayed."""
    verb = "would remove" if dry_run else "removed"
    lines = [f"{verb} {_archive(archive)}" for archive in done.gone] or ["nothing to remove"]
    lines += [f"left for now, live until a moment ago: {_archive(archive)}" for archive in done.young]
    lines += [f"kept, newer than all that the history names: {_archive(archive)}" for archive in done.unknown]
    return [*lines, f"kept: {', '.join(a.generation.name for a in done.kept) or 'none'}"]


def _archive(archive: Archive) -> str:
    return f"{archive.generation.name} ({size(archive.bytes)})"


def as_json(done: Pruned, *, dry_run: bool) -> Json:
    """The same for machines."""

    def one(archive: Archive) -> Json:
        at = archive.at.isoformat() if archive.at else None
        return {"generation": archive.generation.name, "bytes": archive.bytes, "superseded_at": at}

    return {
        "result": "planned" if dry_run else "pruned",
        "removed": [one(a) for a in done.gone],
        "kept": [one(a) for a in done.kept],
        "too_recent": [one(a) for a in done.young],
        "not_in_history": [one(a) for a in done.unknown],
        "errors": [],
    }
