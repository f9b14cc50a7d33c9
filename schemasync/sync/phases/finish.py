"""Adds facts that are known only after a swap to the newest history row."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress

from ...engines.sqlite import history_table
from ...errors import SchemasyncError
from ...files.disk import DiskStep
from ...files.layout import Generation
from ...history.rows import Afterwards, completed
from ..run.target import Target

NOTE_WAIT = 1.0  # seconds to wait for writers, for a note on which nothing depends


def note(target: Target, generation: Generation, known: Afterwards) -> None:
    """Add duration, pause and replay counts to the newest history row. A failure is ignored, because the swap is done,
    and a writer that holds the lock for long, or a full disk, must not make it look failed."""
    with (
        suppress(sqlite3.Error, SchemasyncError),
        target.disk.step(DiskStep.HISTORY_FINISH),
        closing(target.opener.write(generation.path, timeout=min(target.wait, NOTE_WAIT))) as connection,
    ):
        newest = history_table.newest(connection)
        if newest is not None and newest.generation == generation.name:
            row = completed(newest, known)
            if row != newest:
                history_table.finish(connection, row)
