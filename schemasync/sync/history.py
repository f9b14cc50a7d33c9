"""Reads the history of a database, for `history` and other commands that need it, without writing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from ..diff.changes import ChangeJson
from ..engines.sqlite.connection import Opener
from ..errors import SchemasyncError
from ..files.layout import Layout, size_of
from ..history.row import HistoryRow
from ..history.rows import Followed, changed, followed
from .run import live_database
from .run.reading import reading
from .run.target import Target


def live(layout: Layout, opener: Opener) -> HistoryRow | None:
    """The newest row of the history; None if it cannot be read."""
    return live_state(layout, opener)[0]


def live_state(layout: Layout, opener: Opener) -> tuple[HistoryRow | None, str]:
    """The newest row of the history, and the fingerprint of the objects that are there now; None and '' if they cannot
    be read."""
    try:
        with live_database.read(layout, opener, whole=False) as now:
            return (now.newest, now.fingerprint) if now is not None else (None, "")
    except (SchemasyncError, sqlite3.Error, OSError):
        return None, ""


# --- check ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A history row and its file: `bytes` is 0 and `is_there` False if the file is missing.

    `changes` are those of its plan, as from `diff.changes.as_json`.
    """

    row: HistoryRow
    bytes: int
    is_there: bool
    is_live: bool
    changes: tuple[ChangeJson, ...]
    followed: Followed | None = None


def history(target: Target) -> tuple[HistoryEntry, ...]:
    """Return an entry for each row of the history, the newest first. Raises Refused without a history."""
    with reading(target, parsed=True) as now:
        if now is None or now.newest is None:
            raise live_database.no_history(target.layout)
        rows, last, path, is_live = now.rows, now.newest, now.path, now.generation is not None
    return tuple(
        _entry(target, row, path if row is last else None, is_live=row is last and is_live) for row in reversed(rows)
    )


def rows(target: Target) -> tuple[HistoryRow, ...]:
    """The rows of the history, the oldest first. Raises Refused without a history."""
    with reading(target, parsed=True) as now:
        if now is None or now.newest is None:
            raise live_database.no_history(target.layout)
        return now.rows


def _entry(target: Target, row: HistoryRow, path: Path | None, *, is_live: bool) -> HistoryEntry:
    """Return the entry of a row. `path`: for the newest row, as a plain copy does not have its generation's name."""
    if path is None:
        generation = target.layout.generation(row.generation)
        path = generation.path if generation is not None else Path()
    return HistoryEntry(row, size_of(path), path.is_file(), is_live, changed(row), followed(row))


# --- inspect ----------------------------------------------------------------------------------------------------
