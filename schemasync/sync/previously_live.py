"""Finds the history that goes on with a file which somebody put in the place of the live one, such as a backup."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from ..engines.sqlite import django_migrations, history_table
from ..engines.sqlite.connection import Connection, Opener
from ..errors import Code, Problem, SchemasyncError
from ..files.layout import Generation, Layout
from ..history.action import HistoryAction
from ..history.row import HistoryRow
from .run.error_translation import translated_errors
from .run.generation_state import state_of
from .run.target import Target


@dataclass(frozen=True, slots=True)
class PreviouslyLive:
    """The one generation that no swap closed, and the history in its file, the oldest row first.

    `migrations`: app, name and time of each migration that ran on it.
    """

    generation: Generation
    rows: tuple[HistoryRow, ...]
    migrations: frozenset[tuple[str, str, str]] = frozenset()

    def continues(self, connection: Connection, earlier: Sequence[HistoryRow]) -> bool:
        """True if its history may replace that of a plain file: these `earlier` rows.

        It has to begin with them: then the file is a copy of one of its generations. False if a backup was restored
        into that generation since: then the row that made the generation describes another content. A file without a
        history is older than the history if every migration that ran on it ran on this generation, too, at the same
        time.
        """
        if not earlier:
            return is_older(connection, self.migrations)
        since = self.rows[len(earlier) :]
        if [row.identity for row in self.rows[: len(earlier)]] != [row.identity for row in earlier]:
            return False
        copied = earlier[-1].generation
        return not any(row.action == HistoryAction.RESTORE and row.generation == copied for row in since)


def previously_live(layout: Layout, opener: Opener) -> PreviouslyLive | None:
    """Return the generation that was live before a plain file was put at the path: the only one that no fence closes.
    None if there is no such generation, or more than one."""
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
            return PreviouslyLive(generation, rows, django_migrations.moments(connection))
    return None


def is_older(connection: Connection, migrations: frozenset[tuple[str, str, str]]) -> bool:
    """Return True if the file of `connection` is an earlier state of the database on which `migrations` ran: each
    migration of the file is among these, at the same time. False if none ran on it."""
    ran = django_migrations.moments(connection)
    return bool(ran) and ran <= migrations


def history_before(layout: Layout, opener: Opener, connection: Connection) -> tuple[HistoryRow, ...]:
    """Return the longest history in the folder that continues the live file, which has none and which `connection` has
    open; empty if that file is no older state of the same database."""
    histories = [rows for archive in layout.finished() if (rows := _earlier(archive, opener, connection))]
    return max(histories, key=lambda rows: rows[-1].id, default=())


def _earlier(archive: Generation, opener: Opener, connection: Connection) -> tuple[HistoryRow, ...]:
    with (
        suppress(SchemasyncError, sqlite3.Error),
        translated_errors(archive.path),
        closing(opener.read(archive.path)) as its,
    ):
        return history_table.read(its) if is_older(connection, django_migrations.moments(its)) else ()
    return ()


def not_adopted(target: Target, newest: HistoryRow | None) -> Problem:
    """The problem of a plain file at the path; `newest`: the last row of the history in it, if it has one."""
    layout = target.layout
    copy_of = f", a copy of {newest.generation}" if newest is not None else ""
    before = previously_live(layout, target.opener)
    if newest is None and before is None:
        return Problem(
            Code.NOT_ADOPTED,
            f"{layout.link} is a plain database file, which schemasync does not manage yet",
            f"To adopt it, with all rows: {target.how_to_adopt}",
            {"found": []},
        )
    message = f"{layout.link} is a plain file{copy_of}: no generation is live, and its changes cannot be rolled back"
    hint = f"To go on with this file: {target.how_to_adopt}"
    if before is not None:
        link, aside = shlex.quote(str(layout.link)), shlex.quote(f"{layout.link}.aside")
        message += f"; {before.generation.name} was live before"
        hint += f"\nTo go back to {before.generation.name}: mv {link} {aside}, then: manage.py schemasync"
    return Problem(Code.NOT_ADOPTED, message, hint, {"found": [before.generation.name] if before is not None else []})
