"""The history, as text."""

from __future__ import annotations

from collections.abc import Sequence

from ...history.action import HistoryAction
from ...history.row import HistoryRow
from ...history.rows import migrations_of, moment, origin_of
from ...schema.text import count, short
from ...sync.history import HistoryEntry
from ...texts import gist, size, span
from ..local_time import local_time
from .shared import Lines
from .sync import replayed
from .terminal import Page, table


def lines(entries: Sequence[HistoryEntry], page: Page) -> Lines:
    """History rows, the newest first: one line with figures, and one with actor and changes."""
    times = [local_time(entry.row.applied_at) for entry in entries]
    zones = {time.rpartition(" ")[2] for time in times}
    zone = f" {zones.pop()}" if len(zones) == 1 else ""  # in the heading, unless winter and summer differ
    headings = ("", "generation", f"when ({zone[1:]})" if zone else "when", "action", "size", "took", "pause")
    rows = [_figures(entry, time.removesuffix(zone)) for entry, time in zip(entries, times, strict=True)]
    figures = table(headings, rows, page, right=(4, 5, 6))
    lines = [figures[0]]
    for entry, line in zip(entries, figures[1:], strict=True):
        lines.append(page.style.SUCCESS(line) if entry.is_live else line)
        lines += [f"      {text}" for text in _story(entry, page)]
    return lines


def _figures(entry: HistoryEntry, time: str) -> list[str]:
    row = entry.row
    return [
        "live" if entry.is_live else "" if entry.is_there else "gone",
        row.generation,
        time,
        row.action,
        size(entry.bytes) if entry.is_there else "-",
        span(row.duration_ms),
        span(row.pause_ms),
    ]


def _story(entry: HistoryEntry, page: Page) -> Lines:
    row = entry.row
    who = row.actor or "someone"
    if row.rows:
        who += f", {count(row.rows, 'row')} written"
    if page.detail:
        who += f", by SQLite {row.sqlite_version}" if row.sqlite_version else ""
        beside = [replayed(entry.followed)] if entry.followed else []
        ran = [f"ran {name}" for name in migrations_of(row)]
        return [who, *beside, *(change["text"] for change in entry.changes), *ran]
    match row.action:
        case HistoryAction.RESTORE if (origin := origin_of(row)) is not None:
            what = f"the backup {origin['name']} of {moment(origin['made_at'])}, restored in place of {row.previous}"
            what += f"; synced before: {gist(entry.changes, page.width)}" if entry.changes else ""
        case HistoryAction.RESTORE:
            what = f"a backup of {row.previous} was restored into this file"
        case HistoryAction.ROLLBACK:
            what = f"back from {row.previous}"
        case HistoryAction.KEEP_WRITES:
            what = f"from {row.previous}, with its rows, to the schema of {row.details.get('archive')}"
        case HistoryAction.ALTER:
            who += f": altered in place, version {short(row.version)} since"
            what = gist(entry.changes, page.width - len(who) - 8)
        case HistoryAction.ADOPT if row.previous is None and row.id > 1:
            what = "adopted a backup from before the first generation"
        case HistoryAction.ADOPT:
            what = "adopted unchanged"
        case _:
            what = gist(entry.changes, page.width - len(who) - 8) or _migrations(row) or "no change of the schema"
    return [f"{who}: {what}"]


def _migrations(row: HistoryRow) -> str:
    ran = migrations_of(row)
    return f"ran {count(len(ran), 'migration')}, the last one {ran[-1]}" if ran else ""
