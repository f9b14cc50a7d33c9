"""Verifies a current database by reading the live file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from ..engines.sqlite.hazards.outdated import changed_values
from ..engines.sqlite.rebuild import finish
from ..engines.sqlite.sqlite_errors import is_damage
from ..engines.sqlite.transactions import snapshot
from ..engines.sqlite.verify import live
from ..errors import Code, Failed, Problem
from ..history.rows import moment
from ..schema.document import Document
from ..schema.text import count
from .run import live_database
from .run.error_translation import translated_errors
from .run.live_database import LiveDatabase
from .run.target import Target


def verify_live(target: Target, document: Document) -> Iterator[str]:
    """Read the whole live file in one snapshot, without the run lock: writers go on. Yields notes.

    Raises Failed with everything that SQLite's checks find, and with each object that differs from schema.json.
    """
    with translated_errors(target.layout.link), live_database.read(target.layout, target.opener, whole=False) as now:
        assert now is not None, "a current database exists"
        with target.progress.phase("verification", "checks") as advance, snapshot(now.connection):
            if problems := _problems(now, document):
                raise Failed(problems)
            yield from _notes(now)
            advance(1, 1)
    tables = count(len(document.schema.tables), "table")
    yield f"verified: integrity_check and foreign_key_check find nothing; {tables} and their objects match schema.json"


def _problems(now: LiveDatabase, document: Document) -> list[Problem]:
    try:
        return list(live.live(now.connection, document.schema))
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        return [
            Problem(
                Code.VERIFY_DIFFERS,
                f"{now.path.name} cannot be read to its end: {error}",
                "Roll back to a whole file (manage.py schemasync history, then rollback), or restore your backup.",
                {"check": "integrity", "found": [str(error)], "count": 1},
            )
        ]


def _notes(now: LiveDatabase) -> Iterator[str]:
    """Yield a note for each known difference that is no error."""
    if not now.is_untouched and now.newest is not None:
        yield f"objects that schema.json does not name were changed since {moment(now.newest.applied_at)}"
    for table in now.inspect().schema.tables:
        yield from map(str, changed_values(now.connection, table))
    for name in sorted(finish.broken(now.connection)):
        yield f'"{name}" is a view, or has a trigger, that SQLite cannot compile'
