"""Finds the generation that was live until somebody put a plain file in the place of the link, such as a backup."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from ..engines.sqlite import history_table
from ..engines.sqlite.connection import Opener
from ..errors import Code, Problem, SchemasyncError
from ..files.layout import Generation, Layout
from ..history.action import HistoryAction
from ..history.row import HistoryRow
from .run.error_translation import translated_errors
from .run.generation_state import state_of


@dataclass(frozen=True, slots=True)
class PreviouslyLive:
    """The one generation that no swap closed, and the history in its file, the oldest row first."""

    generation: Generation
    rows: tuple[HistoryRow, ...]

    def continues(self, earlier: Sequence[HistoryRow]) -> bool:
        """True if its history begins with these rows, so that it may replace them: the plain file is a copy of one of
        its generations. False if a backup was restored into the file of that generation since: then the row that made
        the generation describes another content."""
        since = self.rows[len(earlier) :]
        if not earlier or [row.identity for row in self.rows[: len(earlier)]] != [row.identity for row in earlier]:
            return False
        copied = earlier[-1].generation
        return not any(row.action == HistoryAction.RESTORE and row.generation == copied for row in since)


def previously_live(layout: Layout, opener: Opener) -> PreviouslyLive | None:
    """For a plain file at the path: the generation that was live before; None if there is none, or more than one."""
    states = [state_of(opener, generation) for generation in layout.finished()]
    opened = [state.generation for state in states if state.readable and state.fence is None and not state.marked]
    if len(opened) != 1:
        return None
    (generation,) = opened
    with (
        suppress(SchemasyncError, sqlite3.Error),
        translated_errors(generation.path),
        closing(opener.read(generation.path)) as connection,
    ):
        rows = history_table.read(connection)
        if rows and rows[-1].generation == generation.name:
            return PreviouslyLive(generation, rows)
    return None


def not_adopted(layout: Layout, opener: Opener, newest: HistoryRow | None) -> Problem:
    """The problem of a plain file at the path; `newest`: the last row of the history in it, if it has one."""
    copy_of = f", a copy of {newest.generation}" if newest is not None else ""
    before = previously_live(layout, opener)
    if newest is None and before is None:
        return Problem(
            Code.NOT_ADOPTED,
            f"{layout.link} is a plain database file, which schemasync does not manage yet",
            "To adopt it, with all rows: manage.py schemasync adopt",
            {"found": []},
        )
    message = f"{layout.link} is a plain file{copy_of}: no generation is live, and its changes cannot be rolled back"
    hint = "To go on with this file: manage.py schemasync adopt"
    if before is not None:
        link, aside = shlex.quote(str(layout.link)), shlex.quote(f"{layout.link}.aside")
        message += f"; {before.generation.name} was live before"
        hint += f"\nTo go back to {before.generation.name}: mv {link} {aside}, then: manage.py schemasync"
    return Problem(Code.NOT_ADOPTED, message, hint, {"found": [before.generation.name] if before is not None else []})
