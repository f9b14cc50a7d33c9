"""Refuses data migrations that a database never ran, unless they are accepted for this database."""

from __future__ import annotations

from collections.abc import Collection

from ..engines.sqlite import django_migrations
from ..errors import Code, Problem, Refused
from ..history.data_migrations import DataMigration, recorded, unapplied
from ..plan.model import NeverRun
from .run.live_database import LiveDatabase

Installed = Collection[DataMigration] | None
"""The data migrations of the installed apps; None if they are not used."""


def never_run(state: LiveDatabase | None, installed: Installed, accepted: Collection[str] = ()) -> NeverRun | None:
    """Return the record of data migrations for the history. Raises Refused with the name of each one that the database
    never ran and nobody accepted."""
    rows = state.rows if state is not None else ()
    if installed is None:
        return recorded(rows)
    applied = django_migrations.applied(state.connection) if state is not None else frozenset()
    missing, found = unapplied(installed, applied, rows, accepted)
    if missing:
        raise Refused(_problem(name, is_plain=state is None or state.generation is None) for name in missing)
    return found


def missing(state: LiveDatabase, installed: Installed) -> tuple[str, ...]:
    """Return the names of the installed data migrations that the database never ran and nobody accepted."""
    return unapplied(installed or (), django_migrations.applied(state.connection), state.rows)[0]


def _problem(name: str, *, is_plain: bool) -> Problem:
    app, _, migration = name.partition(".")
    if is_plain:
        run = (
            "To run it first, with the flag ENABLED off, and on a copy if in doubt: "
            f"manage.py migrate {app} {migration}"
        )
    else:
        run = "If the rows need it, do the same work in a receiver of schemasync.signals.before_swap."
    accept = f"manage.py schemasync {'adopt ' if is_plain else ''}--accept-data-migration {name}"
    return Problem(
        Code.DATA_MIGRATION,
        f"this database never ran the migration {name}, which runs Python or SQL of its own: its effect on rows is "
        "missing",
        f"{run}\nIf the rows of this database do not need it: {accept}",
        {"migration": name},
    )
