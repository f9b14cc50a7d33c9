"""The generations that were live, as text and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from ...history.action import HistoryAction
from ...history.rows import moment
from ...schema.text import count
from ...sync.history import Entry
from ...sync.run.report import as_row_json
from ...texts import gist, size, span
from .shared import Json, Lines
from .sync import replayed
from .terminal import Page, table


def lines(entries: Sequence[Entry], page: Page) -> Lines:
    """Generations, the newest first: a line of figures, and a line of who and what."""
    headings = ("", "generation", "when (UTC)", "action", "size", "took", "pause")
    figures = table(headings, [_figures(entry) for entry in entries], page, right=(4, 5, 6))
    lines = [figures[0]]
    for entry, line in zip(entries, figures[1:], strict=True):
        lines.append(page.style.SUCCESS(line) if entry.is_live else line)
        lines += [f"      {text}" for text in _story(entry, page)]
    return lines


def _figures(entry: Entry) -> list[str]:
    row = entry.row
    return [
        "live" if entry.is_live else "" if entry.is_there else "gone",
        row.generation,
        moment(row.applied_at),
        row.action,
        size(entry.bytes) if entry.is_there else "-",
        span(row.duration_ms),
        span(row.pause_ms),
    ]


def _story(entry: Entry, page: Page) -> Lines:
    row = entry.row
    who = row.actor or "someone"
    if row.rows:
        who += f", {count(row.rows, 'row')} written"
    if page.detail:
        who += f", by SQLite {row.sqlite_version}" if row.sqlite_version else ""
        beside = [replayed(entry.followed)] if entry.followed else []
        return [who, *beside, *(change["text"] for change in entry.changes)]
    match row.action:
        case HistoryAction.RESTORE:
            what = f"a backup of {row.previous} was restored into this file"
        case HistoryAction.ROLLBACK:
            what = f"back from {row.previous}"
        case HistoryAction.ADOPT:
            what = "taken over as it was"
        case _:
            what = gist(entry.changes, page.width - len(who) - 8) or "no change of shape"
    return [f"{who}: {what}"]


def as_json(entries: Sequence[Entry]) -> Json:
    """The same for machines."""
    generations = [
        {
            **as_row_json(entry.row),
            "bytes": entry.bytes,
            "live": entry.is_live,
            "file_missing": not entry.is_there,
            "changes": list(entry.changes),
            "replay": entry.followed and asdict(entry.followed),
        }
        for entry in entries
    ]
    return {"result": "listed", "generations": generations, "errors": []}
