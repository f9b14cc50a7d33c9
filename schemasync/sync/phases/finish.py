"""Adds facts that are known only after a swap to the newest history row, and reports the run."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress

from ...engines.sqlite import history_table
from ...errors import SchemasyncError
from ...files.disk import DiskStep
from ...files.layout import Generation
from ...history.rows import Afterwards, Followed, completed
from ...plan.model import Plan
from ...schema.document import Document
from .. import up_to_date
from ..run.elapsed import ms_since
from ..run.report import Report, tables_of
from ..run.target import Target
from .build import Built

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


def reported(
    target: Target,
    document: Document,
    plan: Plan,
    generation: Generation,
    begun: float,
    pause: float,
    built: Built | None = None,
    followed: Followed | None = None,
) -> Report:
    """Note the outcome of a run in the history, and return its report. `begun`: monotonic seconds of its start.
    `pause`: seconds that writers waited. `built`: None if the live file was altered."""
    duration_ms, pause_ms = ms_since(begun), round(pause * 1000)
    digest, run = up_to_date.digest(document.data), target.recorder.as_json()
    note(target, generation, Afterwards(duration_ms, pause_ms, followed, digest, run=run))
    rows = built.rows if built is not None else {}
    return Report(
        "synced",
        document.version,
        plan.base_version,
        generation.name,
        plan.strategy,
        tables_of(plan, rows),
        sum(rows.values()),
        duration_ms,
        pause_ms,
        plan.hazards,
        changes=plan.changes,
        notes=built.notes if built is not None else [],
        followed=followed,
    )
