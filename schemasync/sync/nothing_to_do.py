"""Finds out whether a run has nothing to build, and records the little that it may have to record then."""

from __future__ import annotations

from contextlib import closing

from ..engines.sqlite import history_table
from ..errors import Refused
from ..files.disk import DiskStep
from ..files.layout import PathKind
from ..history.data_migrations import recorded
from ..history.rows import Afterwards, completed, hints_json, hints_of
from ..schema.document import Document
from . import up_to_date
from .data_migrations import never_run
from .live_problems import is_being_finished
from .phases.cutover import check_place
from .phases.decide import Decision, SyncOptions, decide, is_current, unrecorded_drops
from .run import live_database
from .run.live_database import LiveDatabase
from .run.report import Report
from .run.target import Target


def if_current(target: Target, document: Document, options: SyncOptions) -> Report | None:
    """Fast path without the lock: a report if there is nothing to do, Refused early on a first run, otherwise None."""
    first = not target.layout.folder.exists()
    if not first and target.layout.path_kind() is not PathKind.GENERATION:
        return None
    try:
        with live_database.read(target.layout, target.opener) as now:
            if first:
                if decide(target, document, options, now).plan is not None:
                    check_place(target.layout)
            elif now is not None and now.is_recorded and now.is_untouched and is_current(document, options, now):
                if never_run(now, options.data_migrations, options.accepted_migrations) != recorded(now.rows):
                    return None
                if up_to_date.is_littered(target.layout, now.connection) or unrecorded_drops(now, document):
                    return None
                return current_report(document, now, Decision(None))
    except Refused as refusal:
        # recovery finishes an interrupted swap; every other refusal stands
        if not is_being_finished(refusal.problems):
            raise
    return None


def current_report(document: Document, now: LiveDatabase | None, decision: Decision) -> Report:
    """Return the report of a run that has built nothing."""
    newest = now.newest if now is not None else None
    generation = newest.generation if newest else None
    return Report("current", document.version, document.version, generation, foreign=decision.foreign)


def record(target: Target, now: LiveDatabase | None, decision: Decision, document: Document) -> None:
    """Record which data migrations were accepted, and names in `_dropped` without a table, if there is nothing to
    build."""
    newest = now.newest if now is not None else None
    if now is None or newest is None:
        return
    drops, is_known = unrecorded_drops(now, document), decision.never_run in (None, recorded(now.rows))
    if is_known and not drops:
        return
    with (
        target.disk.step(DiskStep.HISTORY_FINISH),
        closing(target.opener.write(now.path, timeout=target.wait)) as connection,
    ):
        if not is_known:
            history_table.finish(connection, completed(newest, Afterwards(never_run=decision.never_run)))
        if drops:
            history_table.set_hints(connection, newest.id, hints_json(hints_of(newest) | drops))
