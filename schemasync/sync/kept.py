"""Records in the live file when the last backup was made and when the last drill was, and reads it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress

from ..engines.sqlite import history_table
from ..engines.sqlite.connection import Connection
from ..errors import SchemasyncError
from ..files.disk import DiskStep
from ..files.layout import PathKind
from ..history.kept import BACKUP, DRILL, KeptJson
from .phases.finish import NOTE_WAIT
from .run import live_database
from .run.target import Target

NOTHING: KeptJson = {"backup": None, "drill": None}


def record(target: Target, key: str, value: Mapping[str, object]) -> None:
    """Record `value` as `key` in the newest row of the history. A failure is ignored: the backup or the drill itself is
    done, and there may be no database on this machine."""
    live = target.layout.live()
    if target.layout.path_kind() is not PathKind.GENERATION or live is None:
        return
    with (
        suppress(sqlite3.Error, SchemasyncError, OSError),
        target.disk.step(DiskStep.HISTORY_FINISH),
        closing(target.opener.write(live.path, timeout=min(target.wait, NOTE_WAIT))) as connection,
    ):
        newest = history_table.newest(connection)
        if newest is not None and newest.generation == live.name:
            history_table.set_in_plan(connection, newest.id, key, value)


def last(connection: Connection) -> KeptJson:
    """Return the last backup and the last drill in the history of an open database, None for each that is missing."""
    return {
        "backup": history_table.last_in_plans(connection, BACKUP),
        "drill": history_table.last_in_plans(connection, DRILL),
    }


def last_of(target: Target) -> KeptJson:
    """Like last(), but for the live file; NOTHING if there is none or it cannot be read."""
    with (
        suppress(sqlite3.Error, SchemasyncError, OSError),
        live_database.read(target.layout, target.opener, whole=False) as now,
    ):
        return last(now.connection) if now is not None else NOTHING
    return NOTHING
